#include "packet_crypto.h"

#include <ngtcp2/ngtcp2_crypto.h>

namespace i2::stoq::core {

void install_packet_crypto(ngtcp2_callbacks& callbacks) {
  callbacks.encrypt = ngtcp2_crypto_encrypt_cb;
  callbacks.decrypt = ngtcp2_crypto_decrypt_cb;
  callbacks.hp_mask = ngtcp2_crypto_hp_mask_cb;
}

}  // namespace i2::stoq::core
