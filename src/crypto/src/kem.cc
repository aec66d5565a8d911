#include <i2/base/assert.h>
#include <i2/crypto/kem.h>
#include <i2/crypto/provider.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "error_queue.h"
#include "native.h"

namespace i2::crypto {
namespace {

constexpr std::size_t kSharedSecretSize = 32;

const char* native_name(KemAlgorithm algorithm) {
  return algorithm == KemAlgorithm::kMlKem768 ? "ML-KEM-768" : "ML-KEM-1024";
}

}  // namespace

Result<KemKey> KemKey::generate(KemAlgorithm algorithm) {
  I2_TRY(install_provider());
  EVP_PKEY* key = EVP_PKEY_Q_keygen(nullptr, nullptr, native_name(algorithm));
  if (key == nullptr) {
    return fail(openssl_error("crypto.kem", "no key could be generated"));
  }
  return KemKey(own(key));
}

Bytes KemKey::public_key() const {
  std::size_t size = 0;
  I2_ASSERT(
      EVP_PKEY_get_octet_string_param(key_.get(), OSSL_PKEY_PARAM_PUB_KEY, nullptr, 0, &size) == 1);
  Bytes out(size);
  I2_ASSERT(EVP_PKEY_get_octet_string_param(key_.get(), OSSL_PKEY_PARAM_PUB_KEY, out.data(),
                                            out.size(), &size) == 1);
  return out;
}

Result<SecretBytes> KemKey::decapsulate(ByteView ciphertext) const {
  const KeyContextPointer context(EVP_PKEY_CTX_new_from_pkey(nullptr, key_.get(), nullptr));
  SecretBytes secret(kSharedSecretSize);
  std::size_t size = secret.size();
  if (context == nullptr || EVP_PKEY_decapsulate_init(context.get(), nullptr) != 1 ||
      EVP_PKEY_decapsulate(context.get(), secret.mutable_view().data(), &size, ciphertext.data(),
                           ciphertext.size()) != 1 ||
      size != kSharedSecretSize) {
    return fail(openssl_error("crypto.kem", "the ciphertext has the wrong size"));
  }
  return secret;
}

Result<Encapsulation> encapsulate(KemAlgorithm algorithm, ByteView public_key) {
  I2_TRY(install_provider());
  const auto key = own(EVP_PKEY_new_raw_public_key_ex(nullptr, native_name(algorithm), nullptr,
                                                      public_key.data(), public_key.size()));
  if (key == nullptr) {
    return fail(openssl_error("crypto.key_malformed", "the ML-KEM key is malformed"));
  }
  const KeyContextPointer context(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
  std::size_t ciphertext_size = 0;
  std::size_t secret_size = 0;
  if (context == nullptr || EVP_PKEY_encapsulate_init(context.get(), nullptr) != 1 ||
      EVP_PKEY_encapsulate(context.get(), nullptr, &ciphertext_size, nullptr, &secret_size) != 1 ||
      secret_size != kSharedSecretSize) {
    return fail(openssl_error("crypto.kem", "ML-KEM is not available"));
  }
  Encapsulation out{.ciphertext = Bytes(ciphertext_size),
                    .shared_secret = SecretBytes(secret_size)};
  if (EVP_PKEY_encapsulate(context.get(), out.ciphertext.data(), &ciphertext_size,
                           out.shared_secret.mutable_view().data(), &secret_size) != 1) {
    return fail(openssl_error("crypto.kem", "the secret could not be encapsulated"));
  }
  return out;
}

}  // namespace i2::crypto
