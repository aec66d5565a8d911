// Certificate serial numbers.
#pragma once

#include <i2/crypto/random.h>

namespace i2::fleet {

// 16 random bytes (RFC 5280 §4.1.2.2: positive, at most 20 bytes; X.509 building clears the sign
// bit).
[[nodiscard]] inline Bytes random_serial() {
  Bytes out(16);
  crypto::random_bytes(out);
  return out;
}

}  // namespace i2::fleet
