#include <i2/base/assert.h>
#include <i2/crypto/hash.h>
#include <i2/crypto/key.h>
#include <i2/crypto/provider.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <sodium.h>

#include <algorithm>
#include <atomic>

#include "error_queue.h"
#include "falcon/provider_internal.h"
#include "native.h"
#include "pkcs8.h"

namespace i2::crypto {
namespace {

constexpr std::size_t kP256SpkiSize = 91;
constexpr std::size_t kP384SpkiSize = 120;

bool is_curve(EVP_PKEY* key, std::string_view name) {
  char group[32];
  std::size_t length = 0;
  return EVP_PKEY_is_a(key, "EC") == 1 &&
         EVP_PKEY_get_group_name(key, group, sizeof group, &length) == 1 &&
         std::string_view(group, length) == name;
}

// The limits keep what a peer can make us compute small; an even number is no RSA key.
bool is_rsa(EVP_PKEY* key) {
  constexpr int kBitsMin = 2048;
  constexpr int kBitsMax = 4096;
  constexpr int kExponentBitsMin = 17;
  constexpr int kExponentBitsMax = 64;
  if (EVP_PKEY_is_a(key, "RSA") != 1 || EVP_PKEY_get_bits(key) < kBitsMin ||
      EVP_PKEY_get_bits(key) > kBitsMax) {
    return false;
  }
  BIGNUM* raw[2] = {nullptr, nullptr};
  const bool read = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &raw[0]) == 1 &&
                    EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &raw[1]) == 1;
  const BignumPointer modulus(raw[0]);
  const BignumPointer exponent(raw[1]);
  return read && BN_is_odd(modulus.get()) == 1 && BN_is_odd(exponent.get()) == 1 &&
         BN_num_bits(exponent.get()) >= kExponentBitsMin &&
         BN_num_bits(exponent.get()) <= kExponentBitsMax;
}

// The uncompressed form only (RFC 5480 §2.2): one key, one encoding, one hash. The hybrid form of a
// point, which is as long, must not be used.
bool is_uncompressed(SignatureAlgorithm algorithm, ByteView spki) {
  constexpr std::uint8_t kUncompressed = 4;
  const std::size_t size =
      algorithm == SignatureAlgorithm::kEcdsaP256 ? kP256SpkiSize : kP384SpkiSize;
  return spki.size() == size && spki[size - info(algorithm).public_key_size] == kUncompressed;
}

bool has_raw_form(SignatureAlgorithm algorithm) {
  return algorithm == SignatureAlgorithm::kFalcon1024 ||
         algorithm == SignatureAlgorithm::kEd25519 || algorithm == SignatureAlgorithm::kMlDsa44;
}

const char* native_name(SignatureAlgorithm algorithm) {
  switch (algorithm) {
    case SignatureAlgorithm::kFalcon1024:
      return falcon::kAlgorithmName;
    case SignatureAlgorithm::kEd25519:
      return "ED25519";
    case SignatureAlgorithm::kEcdsaP256:
    case SignatureAlgorithm::kEcdsaP384:
      return "EC";
    case SignatureAlgorithm::kRsa:
      return "RSA";
    case SignatureAlgorithm::kMlDsa44:
      return kMlDsa44Name;
  }
  return nullptr;
}

// RFC 8032 §5.1.7, without the cofactor. Faster than OpenSSL's (docs/decisions/0010).
bool verify_ed25519(EVP_PKEY* key, ByteView message, ByteView signature) {
  std::array<unsigned char, crypto_sign_PUBLICKEYBYTES> raw{};
  std::size_t size = raw.size();
  return signature.size() == crypto_sign_BYTES &&
         EVP_PKEY_get_raw_public_key(key, raw.data(), &size) == 1 && size == raw.size() &&
         crypto_sign_verify_detached(signature.data(), message.data(), message.size(),
                                     raw.data()) == 0;
}

Result<void> may_hold(SignatureAlgorithm algorithm) {
  if (!info(algorithm).verify_only) {
    return {};
  }
  return fail("crypto.algorithm_unknown",
              "no private " + std::string(info(algorithm).name) +
                  " keys are used here; use falcon1024, ed25519 or p256");
}

}  // namespace

const EVP_MD* digest_of(SignatureAlgorithm algorithm) {
  switch (algorithm) {
    case SignatureAlgorithm::kFalcon1024:
    case SignatureAlgorithm::kEd25519:
    case SignatureAlgorithm::kMlDsa44:
      return nullptr;
    case SignatureAlgorithm::kEcdsaP256:
    case SignatureAlgorithm::kRsa:
      return EVP_sha256();
    case SignatureAlgorithm::kEcdsaP384:
      return EVP_sha384();
  }
  return nullptr;
}

Bytes spki_of(const EVP_PKEY* key) {
  I2_ASSERT(key != nullptr);
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key, &der);
  I2_ASSERT(size > 0);
  const CharsPointer owner(der);
  return {der, der + size};
}

// --- public keys ---------------------------------------------------------------------------------

struct PublicKey::Native {
  struct Encoding {
    Bytes spki;
    Hash256 hash{};
  };
  explicit Native(std::shared_ptr<EVP_PKEY> given) : key(std::move(given)) {}
  ~Native() { delete encoded.load(); }
  Native(const Native&) = delete;
  Native& operator=(const Native&) = delete;

  // Threads that ask for it at the same time may each make it; the first one's stays.
  [[nodiscard]] const Encoding& encoding() const {
    const Encoding* known = encoded.load();
    if (known == nullptr) {
      auto made = std::make_unique<Encoding>();
      made->spki = spki_of(key.get());
      made->hash = sha256(made->spki);
      if (encoded.compare_exchange_strong(known, made.get())) {
        known = made.release();
      }
    }
    return *known;
  }

  const std::shared_ptr<EVP_PKEY> key;  // shared: reference-counted and immutable
  mutable std::atomic<const Encoding*> encoded = nullptr;
};

PublicKey::PublicKey(std::shared_ptr<evp_pkey_st> key, SignatureAlgorithm algorithm)
    : key_(std::make_shared<const Native>(std::move(key))), algorithm_(algorithm) {}

evp_pkey_st* PublicKey::native() const {
  return key_ != nullptr ? key_->key.get() : nullptr;
}

Result<PublicKey> PublicKey::wrap(std::shared_ptr<evp_pkey_st> key) {
  if (EVP_PKEY_is_a(key.get(), falcon::kAlgorithmName) == 1) {
    return PublicKey(std::move(key), SignatureAlgorithm::kFalcon1024);
  }
  if (EVP_PKEY_is_a(key.get(), "ED25519") == 1) {
    return PublicKey(std::move(key), SignatureAlgorithm::kEd25519);
  }
  if (is_curve(key.get(), "prime256v1")) {
    return PublicKey(std::move(key), SignatureAlgorithm::kEcdsaP256);
  }
  if (is_curve(key.get(), "secp384r1")) {
    return PublicKey(std::move(key), SignatureAlgorithm::kEcdsaP384);
  }
  if (is_rsa(key.get())) {
    return PublicKey(std::move(key), SignatureAlgorithm::kRsa);
  }
  if (EVP_PKEY_is_a(key.get(), kMlDsa44Name) == 1) {
    return PublicKey(std::move(key), SignatureAlgorithm::kMlDsa44);
  }
  const char* name = EVP_PKEY_get0_type_name(key.get());
  return fail(
      "crypto.algorithm_unknown",
      "keys of type " + std::string(name != nullptr ? name : "unknown") +
          " or this size are not used here; use falcon1024, ed25519, p256, mldsa44, p384 or "
          "rsa of 2048 to 4096 bits");
}

Result<PublicKey> PublicKey::from_spki(ByteView der) {
  I2_TRY(install_provider());
  if (der.empty() || der.size() > kMaxKeySize) {
    return fail("crypto.key_malformed", "a public key of " + std::to_string(der.size()) +
                                            " bytes is not a SubjectPublicKeyInfo");
  }
  const unsigned char* cursor = der.data();
  auto key = own(d2i_PUBKEY_ex(nullptr, &cursor, static_cast<long>(der.size()), nullptr, nullptr));
  if (key == nullptr) {
    return fail(openssl_error("crypto.key_malformed", "the public key cannot be read"));
  }
  I2_TRY_VALUE(PublicKey result, wrap(std::move(key)));
  // The hash of a key is its name, so other encodings of it (and trailing bytes) are refused.
  if (!equal(result.spki(), der) ||
      (EVP_PKEY_is_a(result.native(), "EC") == 1 && !is_uncompressed(result.algorithm(), der))) {
    return fail("crypto.key_malformed", "the public key is not in its canonical DER form");
  }
  return result;
}

Result<PublicKey> PublicKey::from_raw(SignatureAlgorithm algorithm, ByteView raw) {
  I2_TRY(install_provider());
  I2_ASSERT(has_raw_form(algorithm));
  auto key = own(EVP_PKEY_new_raw_public_key_ex(nullptr, native_name(algorithm), nullptr,
                                                raw.data(), raw.size()));
  if (raw.size() != info(algorithm).public_key_size || key == nullptr) {
    return fail(openssl_error("crypto.key_malformed", std::to_string(raw.size()) +
                                                          " bytes are not a public key of " +
                                                          std::string(info(algorithm).name)));
  }
  return PublicKey(std::move(key), algorithm);
}

Bytes PublicKey::raw() const {
  I2_ASSERT(algorithm_ != SignatureAlgorithm::kRsa);
  // RFC 5280 §4.1.2.7: the BIT STRING with the key comes last.
  const Bytes& der = spki();
  return to_bytes(ByteView(der).last(info(algorithm_).public_key_size));
}

const Bytes& PublicKey::spki() const {
  I2_ASSERT(key_ != nullptr);
  return key_->encoding().spki;
}

const Hash256& PublicKey::spki_sha256() const {
  I2_ASSERT(key_ != nullptr);
  return key_->encoding().hash;
}

int PublicKey::security_bits() const {
  I2_ASSERT(key_ != nullptr);
  return EVP_PKEY_get_security_bits(native());
}

bool PublicKey::verify(ByteView message, ByteView signature) const {
  if (key_ == nullptr || signature.empty()) {
    return false;
  }
  if (algorithm_ == SignatureAlgorithm::kEd25519) {
    return verify_ed25519(native(), message, signature);
  }
  const DigestContextPointer context(EVP_MD_CTX_new());
  const bool good =
      context != nullptr &&
      EVP_DigestVerifyInit(context.get(), nullptr, digest_of(algorithm_), nullptr, native()) == 1 &&
      EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(),
                       message.size()) == 1;
  if (!good) {
    ERR_clear_error();
  }
  return good;
}

// --- private keys --------------------------------------------------------------------------------

Result<PrivateKey> PrivateKey::wrap(evp_pkey_st* owned, FalconArithmetic arithmetic) {
  std::shared_ptr<EVP_PKEY> key = own(owned);
  I2_TRY_VALUE(const PublicKey pair, PublicKey::wrap(key));
  I2_TRY(may_hold(pair.algorithm()));
  if (pair.algorithm() == SignatureAlgorithm::kFalcon1024 &&
      arithmetic == FalconArithmetic::kNativeDouble) {
    int native = 1;
    OSSL_PARAM params[] = {OSSL_PARAM_construct_int(falcon::kParamNativeDouble, &native),
                           OSSL_PARAM_construct_end()};
    if (EVP_PKEY_set_params(key.get(), params) != 1) {
      return fail(openssl_error("crypto.provider", "the Falcon key takes no parameters"));
    }
  }
  I2_TRY_VALUE(PublicKey public_key, PublicKey::from_spki(pair.spki()));
  return PrivateKey(std::move(key), std::move(public_key));
}

Result<PrivateKey> PrivateKey::generate(SignatureAlgorithm algorithm, FalconArithmetic arithmetic) {
  I2_TRY(install_provider());
  I2_TRY(may_hold(algorithm));
  const KeyContextPointer context(
      EVP_PKEY_CTX_new_from_name(nullptr, native_name(algorithm), nullptr));
  int native = arithmetic == FalconArithmetic::kNativeDouble ? 1 : 0;
  char group[] = "P-256";
  OSSL_PARAM params[2] = {OSSL_PARAM_construct_end(), OSSL_PARAM_construct_end()};
  if (algorithm == SignatureAlgorithm::kFalcon1024) {
    params[0] = OSSL_PARAM_construct_int(falcon::kParamNativeDouble, &native);
  } else if (algorithm == SignatureAlgorithm::kEcdsaP256) {
    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0);
  }
  EVP_PKEY* key = nullptr;
  if (context == nullptr || EVP_PKEY_keygen_init(context.get()) != 1 ||
      EVP_PKEY_CTX_set_params(context.get(), params) != 1 ||
      EVP_PKEY_generate(context.get(), &key) != 1) {
    return fail(openssl_error("crypto.provider", "no key could be generated"));
  }
  return wrap(key, arithmetic);
}

Result<PrivateKey> PrivateKey::from_ed25519_seed(ByteView seed) {
  I2_TRY(install_provider());
  EVP_PKEY* key = seed.size() == 32 ? EVP_PKEY_new_raw_private_key_ex(nullptr, "ED25519", nullptr,
                                                                      seed.data(), seed.size())
                                    : nullptr;
  if (key == nullptr) {
    return fail(openssl_error("crypto.key_malformed", "an Ed25519 seed has 32 bytes"));
  }
  return wrap(key, FalconArithmetic::kConstantTime);
}

Result<PrivateKey> PrivateKey::from_pkcs8(ByteView der, FalconArithmetic arithmetic) {
  I2_TRY(install_provider());
  EVP_PKEY* key = read_pkcs8(der);
  if (key == nullptr) {
    return fail(openssl_error("crypto.key_malformed", "the private key cannot be read"));
  }
  return wrap(key, arithmetic);
}

Result<PrivateKey> PrivateKey::from_pem(std::string_view pem, FalconArithmetic arithmetic) {
  I2_TRY(install_provider());
  I2_TRY_VALUE(const SecretBytes der, read_private_pem(pem));
  return from_pkcs8(der.view(), arithmetic);
}

SecretBytes PrivateKey::pkcs8() const {
  I2_ASSERT(static_cast<bool>(*this));
  return write_pkcs8(native(), algorithm());
}

SecretBytes PrivateKey::pem() const {
  return write_pem("PRIVATE KEY", pkcs8().view());
}

Result<Bytes> PrivateKey::sign(ByteView message) const {
  I2_ASSERT(static_cast<bool>(*this));
  const DigestContextPointer context(EVP_MD_CTX_new());
  Bytes signature(info(algorithm()).signature_size_max);
  std::size_t size = signature.size();
  if (context == nullptr ||
      EVP_DigestSignInit(context.get(), nullptr, digest_of(algorithm()), nullptr, native()) != 1 ||
      EVP_DigestSign(context.get(), signature.data(), &size, message.data(), message.size()) != 1) {
    return fail(openssl_error("crypto.sign", "the message could not be signed"));
  }
  signature.resize(size);
  return signature;
}

}  // namespace i2::crypto
