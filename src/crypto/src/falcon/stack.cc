#include "falcon/stack.h"

#include <openssl/crypto.h>

namespace i2::crypto::falcon {

[[gnu::noinline]] void wipe_stack_below() {
  unsigned char region[kWipedStackSize];
  OPENSSL_cleanse(region, sizeof region);
}

}  // namespace i2::crypto::falcon
