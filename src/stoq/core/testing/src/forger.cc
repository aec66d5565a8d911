#include <i2/stoq/core/testing/forger.h>
#include <ngtcp2/ngtcp2.h>

#include <algorithm>

// The name that the Itanium C++ ABI gives to install_packet_crypto(ngtcp2_callbacks&).
// NOLINTNEXTLINE(bugprone-reserved-identifier): the linker's (--wrap)
extern "C" void __real__ZN2i24stoq4core21install_packet_cryptoER16ngtcp2_callbacks(
    ngtcp2_callbacks& callbacks);

namespace i2::stoq::core::testing {
namespace {

ngtcp2_encrypt real_encrypt = nullptr;

int forge(std::uint8_t* out, const ngtcp2_crypto_aead* aead, const ngtcp2_crypto_aead_ctx* context,
          const std::uint8_t* plaintext, std::size_t size, const std::uint8_t* nonce,
          std::size_t nonce_size, const std::uint8_t* associated, std::size_t associated_size) {
  if (!forger()) {
    return real_encrypt(out, aead, context, plaintext, size, nonce, nonce_size, associated,
                        associated_size);
  }
  Bytes frames(plaintext, plaintext + size);
  forger()((associated[0] & 0x80) != 0, frames);
  return real_encrypt(out, aead, context, frames.data(), size, nonce, nonce_size, associated,
                      associated_size);
}

}  // namespace

Forger& forger() {
  static Forger instance;
  return instance;
}

void replace_frames(MutableByteView frames, ByteView wanted) {
  const std::size_t size = std::min(frames.size(), wanted.size());
  std::copy_n(wanted.begin(), size, frames.begin());
  std::fill(frames.begin() + static_cast<std::ptrdiff_t>(size), frames.end(), std::uint8_t{0});
}

}  // namespace i2::stoq::core::testing

// NOLINTNEXTLINE(bugprone-reserved-identifier): the linker's
extern "C" void __wrap__ZN2i24stoq4core21install_packet_cryptoER16ngtcp2_callbacks(
    ngtcp2_callbacks& callbacks) {
  __real__ZN2i24stoq4core21install_packet_cryptoER16ngtcp2_callbacks(callbacks);
  i2::stoq::core::testing::real_encrypt = callbacks.encrypt;
  callbacks.encrypt = i2::stoq::core::testing::forge;
}
