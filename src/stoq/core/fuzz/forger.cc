#include "forger.h"

#include <ngtcp2/ngtcp2.h>

#include <algorithm>

// GCC and clang agree on the name (Itanium C++ ABI) of install_packet_crypto(ngtcp2_callbacks&).
extern "C" void __real__ZN2i24stoq4core21install_packet_cryptoER16ngtcp2_callbacks(
    ngtcp2_callbacks& callbacks);

namespace i2::stoq::core::fuzz {
namespace {

ngtcp2_encrypt real_encrypt = nullptr;

int forge(std::uint8_t* out, const ngtcp2_crypto_aead* aead, const ngtcp2_crypto_aead_ctx* context,
          const std::uint8_t* plaintext, std::size_t size, const std::uint8_t* nonce,
          std::size_t nonce_size, const std::uint8_t* associated, std::size_t associated_size) {
  Forgery& wanted = forgery();
  const bool long_header = (associated[0] & 0x80) != 0;
  if (wanted.frames.empty() || (long_header && !wanted.handshake_too)) {
    return real_encrypt(out, aead, context, plaintext, size, nonce, nonce_size, associated,
                        associated_size);
  }
  Bytes frames(size);  // type 0 is PADDING
  std::copy_n(wanted.frames.begin(), std::min(size, wanted.frames.size()), frames.begin());
  wanted.frames.clear();
  return real_encrypt(out, aead, context, frames.data(), size, nonce, nonce_size, associated,
                      associated_size);
}

}  // namespace

Forgery& forgery() {
  static Forgery instance;
  return instance;
}

}  // namespace i2::stoq::core::fuzz

extern "C" void __wrap__ZN2i24stoq4core21install_packet_cryptoER16ngtcp2_callbacks(
    ngtcp2_callbacks& callbacks) {
  __real__ZN2i24stoq4core21install_packet_cryptoER16ngtcp2_callbacks(callbacks);
  i2::stoq::core::fuzz::real_encrypt = callbacks.encrypt;
  callbacks.encrypt = i2::stoq::core::fuzz::forge;
}
