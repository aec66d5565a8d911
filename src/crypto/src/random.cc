#include <i2/crypto/random.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace i2::crypto {

void random_bytes(MutableByteView out) {
  constexpr std::size_t kChunk = std::size_t{1} << 20;  // RAND_bytes takes an int
  while (!out.empty()) {
    const std::size_t size = std::min(out.size(), kChunk);
    if (RAND_bytes(out.data(), static_cast<int>(size)) != 1) {
      std::fprintf(stderr, "the random number generator failed; stopping\n");
      std::abort();
    }
    out = out.subspan(size);
  }
}

}  // namespace i2::crypto
