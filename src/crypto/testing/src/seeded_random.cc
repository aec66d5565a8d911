#include "i2/crypto/testing/seeded_random.h"

#include <i2/base/assert.h>
// RAND_set_rand_method is deprecated in favour of providers, but nothing else reaches every
// consumer in the process, libssl and ngtcp2's crypto included.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/rand.h>

#include <algorithm>

namespace i2::crypto::testing {
namespace {

SeededRandom* active = nullptr;
const RAND_METHOD* displaced = nullptr;

}  // namespace

struct SeededRandomHook {
  static int bytes(unsigned char* out, int size) {
    I2_ASSERT(active != nullptr && size >= 0);
    active->draw({out, static_cast<std::size_t>(size)});
    return 1;
  }
  static int seed(const void*, int) { return 1; }
  static int add(const void*, int, double) { return 1; }
  static int status() { return 1; }

  static constexpr RAND_METHOD kMethod = {.seed = seed,
                                          .bytes = bytes,
                                          .cleanup = nullptr,
                                          .add = add,
                                          .pseudorand = bytes,
                                          .status = status};
};

std::uint64_t SeededRng::step() {
  // SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
  state_ += 0x9E3779B97F4A7C15;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

void SeededRng::fill(MutableByteView out) {
  for (std::uint8_t& byte : out) {
    if (buffered_bytes_ == 0) {
      buffered_ = step();
      buffered_bytes_ = 8;
    }
    byte = static_cast<std::uint8_t>(buffered_);
    buffered_ >>= 8;
    --buffered_bytes_;
  }
}

SeededRandom::SeededRandom(std::uint64_t seed) : rng_(seed) {
  install();
}

SeededRandom::SeededRandom(ByteView script) : rng_(0), script_(to_bytes(script)), scripted_(true) {
  install();
}

void SeededRandom::install() {
  outer_ = active;
  if (outer_ == nullptr) {
    displaced = RAND_get_rand_method();
    I2_ASSERT(RAND_set_rand_method(&SeededRandomHook::kMethod) == 1);
  }
  active = this;
}

SeededRandom::~SeededRandom() {
  I2_ASSERT(active == this);
  active = outer_;
  if (active == nullptr) {
    RAND_set_rand_method(displaced);
  }
}

void SeededRandom::draw(MutableByteView out) {
  if (scripted_) {
    I2_ASSERT(out.size() <= script_.size() - drawn_);
    std::copy_n(script_.begin() + static_cast<std::ptrdiff_t>(drawn_), out.size(), out.begin());
  } else {
    rng_.fill(out);
  }
  drawn_ += out.size();
}

}  // namespace i2::crypto::testing
