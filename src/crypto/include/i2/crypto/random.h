// Randomness of the operating system through OpenSSL's DRBG.
#pragma once

#include <i2/base/rng.h>

namespace i2::crypto {

// Aborts the process when the generator fails: nothing may go on with guessable bytes.
void random_bytes(MutableByteView out);

class SystemRng final : public Rng {
 public:
  void fill(MutableByteView out) override { random_bytes(out); }
};

}  // namespace i2::crypto
