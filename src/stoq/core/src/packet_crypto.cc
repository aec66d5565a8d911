#include "packet_crypto.h"

#include <i2/base/assert.h>
#include <ngtcp2/ngtcp2_crypto.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <cstdint>
#include <new>

#if I2_HAVE_IPSEC_MB
#include <intel-ipsec-mb.h>

// ngtcp2's crypto library derives the packet keys and hands them to this function to make an EVP
// context. The linker sends its calls here first (--wrap, CMakeLists.txt), so that AES-GCM keys
// also get the form that libipsec-mb works with. Should a later ngtcp2 stop calling it, packets are
// protected by EVP as before.
// NOLINTBEGIN(bugprone-reserved-identifier): the linker's names
extern "C" int __real_ngtcp2_crypto_aead_ctx_encrypt_init(ngtcp2_crypto_aead_ctx* context,
                                                          const ngtcp2_crypto_aead* aead,
                                                          const std::uint8_t* key,
                                                          std::size_t nonce_size);
extern "C" int __real_ngtcp2_crypto_aead_ctx_decrypt_init(ngtcp2_crypto_aead_ctx* context,
                                                          const ngtcp2_crypto_aead* aead,
                                                          const std::uint8_t* key,
                                                          std::size_t nonce_size);
extern "C" void __real_ngtcp2_crypto_aead_ctx_free(ngtcp2_crypto_aead_ctx* context);
// NOLINTEND(bugprone-reserved-identifier)

namespace i2::stoq::core {
namespace {

constexpr std::size_t kTagSize = 16;  // RFC 9001 §5.3
constexpr std::size_t kNonceSize = 12;

// The expanded key of one direction, kept as application data of the EVP context it belongs to.
struct alignas(64) GcmKey {
  gcm_key_data data;
  aes_gcm_enc_dec_t encrypt;
  aes_gcm_enc_dec_t decrypt;
};

// Function tables for this CPU; never changed after creation. Null on a CPU that libipsec-mb does
// not serve.
const IMB_MGR* manager() {
  static IMB_MGR* const kManager = [] {
    IMB_MGR* made = alloc_mb_mgr(0);
    if (made != nullptr) {
      init_mb_mgr_auto(made, nullptr);
      if (imb_get_errno(made) != 0) {
        free_mb_mgr(made);
        made = nullptr;
      }
    }
    return made;
  }();
  return kManager;
}

void attach_key(ngtcp2_crypto_aead_ctx* context, const ngtcp2_crypto_aead* aead,
                const std::uint8_t* key, std::size_t nonce_size) {
  const auto* cipher = static_cast<const EVP_CIPHER*>(aead->native_handle);
  const bool aes128 = EVP_CIPHER_is_a(cipher, "AES-128-GCM") == 1;
  const bool aes256 = EVP_CIPHER_is_a(cipher, "AES-256-GCM") == 1;
  const IMB_MGR* const tables = manager();
  if ((!aes128 && !aes256) || nonce_size != kNonceSize || tables == nullptr) {
    return;
  }
  auto* fast = new GcmKey;
  if (aes128) {
    tables->gcm128_pre(key, &fast->data);
    fast->encrypt = tables->gcm128_enc;
    fast->decrypt = tables->gcm128_dec;
  } else {
    tables->gcm256_pre(key, &fast->data);
    fast->encrypt = tables->gcm256_enc;
    fast->decrypt = tables->gcm256_dec;
  }
  EVP_CIPHER_CTX_set_app_data(static_cast<EVP_CIPHER_CTX*>(context->native_handle), fast);
}

GcmKey* key_of(const ngtcp2_crypto_aead_ctx* context) {
  auto* evp = static_cast<EVP_CIPHER_CTX*>(context->native_handle);
  return evp == nullptr ? nullptr : static_cast<GcmKey*>(EVP_CIPHER_CTX_get_app_data(evp));
}

int encrypt(std::uint8_t* out, const ngtcp2_crypto_aead* aead,
            const ngtcp2_crypto_aead_ctx* context, const std::uint8_t* plaintext, std::size_t size,
            const std::uint8_t* nonce, std::size_t nonce_size, const std::uint8_t* associated,
            std::size_t associated_size) {
  const GcmKey* const key = key_of(context);
  if (key == nullptr) {
    return ngtcp2_crypto_encrypt_cb(out, aead, context, plaintext, size, nonce, nonce_size,
                                    associated, associated_size);
  }
  gcm_context_data state;
  key->encrypt(&key->data, &state, out, plaintext, size, nonce, associated, associated_size,
               out + size, kTagSize);
  return 0;
}

int decrypt(std::uint8_t* out, const ngtcp2_crypto_aead* aead,
            const ngtcp2_crypto_aead_ctx* context, const std::uint8_t* ciphertext, std::size_t size,
            const std::uint8_t* nonce, std::size_t nonce_size, const std::uint8_t* associated,
            std::size_t associated_size) {
  const GcmKey* const key = key_of(context);
  if (key == nullptr) {
    return ngtcp2_crypto_decrypt_cb(out, aead, context, ciphertext, size, nonce, nonce_size,
                                    associated, associated_size);
  }
  if (size < kTagSize) {
    return NGTCP2_ERR_DECRYPT;
  }
  size -= kTagSize;
  gcm_context_data state;
  std::uint8_t tag[kTagSize];
  key->decrypt(&key->data, &state, out, ciphertext, size, nonce, associated, associated_size, tag,
               kTagSize);
  return CRYPTO_memcmp(tag, ciphertext + size, kTagSize) == 0 ? 0 : NGTCP2_ERR_DECRYPT;
}

}  // namespace

void install_packet_crypto(ngtcp2_callbacks& callbacks) {
  callbacks.encrypt = encrypt;
  callbacks.decrypt = decrypt;
  callbacks.hp_mask = ngtcp2_crypto_hp_mask_cb;
}

bool packet_crypto_accelerated() {
  return manager() != nullptr;
}

}  // namespace i2::stoq::core

// NOLINTBEGIN(bugprone-reserved-identifier): the linker's names
extern "C" int __wrap_ngtcp2_crypto_aead_ctx_encrypt_init(ngtcp2_crypto_aead_ctx* context,
                                                          const ngtcp2_crypto_aead* aead,
                                                          const std::uint8_t* key,
                                                          std::size_t nonce_size) {
  const int rv = __real_ngtcp2_crypto_aead_ctx_encrypt_init(context, aead, key, nonce_size);
  if (rv == 0) {
    i2::stoq::core::attach_key(context, aead, key, nonce_size);
  }
  return rv;
}

extern "C" int __wrap_ngtcp2_crypto_aead_ctx_decrypt_init(ngtcp2_crypto_aead_ctx* context,
                                                          const ngtcp2_crypto_aead* aead,
                                                          const std::uint8_t* key,
                                                          std::size_t nonce_size) {
  const int rv = __real_ngtcp2_crypto_aead_ctx_decrypt_init(context, aead, key, nonce_size);
  if (rv == 0) {
    i2::stoq::core::attach_key(context, aead, key, nonce_size);
  }
  return rv;
}

extern "C" void __wrap_ngtcp2_crypto_aead_ctx_free(ngtcp2_crypto_aead_ctx* context) {
  if (auto* const key = i2::stoq::core::key_of(context); key != nullptr) {
    OPENSSL_cleanse(key, sizeof *key);
    delete key;
  }
  __real_ngtcp2_crypto_aead_ctx_free(context);
}
// NOLINTEND(bugprone-reserved-identifier)

#else

namespace i2::stoq::core {

void install_packet_crypto(ngtcp2_callbacks& callbacks) {
  callbacks.encrypt = ngtcp2_crypto_encrypt_cb;
  callbacks.decrypt = ngtcp2_crypto_decrypt_cb;
  callbacks.hp_mask = ngtcp2_crypto_hp_mask_cb;
}

bool packet_crypto_accelerated() {
  return false;
}

}  // namespace i2::stoq::core

#endif
