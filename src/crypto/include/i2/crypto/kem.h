// Key encapsulation (FIPS 203 ML-KEM) for values that are sealed outside TLS. TLS does its own.
#pragma once

#include <i2/base/bytes.h>
#include <i2/base/error.h>
#include <i2/crypto/secret.h>

#include <memory>

struct evp_pkey_st;

namespace i2::crypto {

enum class KemAlgorithm : std::uint8_t { kMlKem768, kMlKem1024 };

struct Encapsulation {
  Bytes ciphertext;
  SecretBytes shared_secret;  // 32 bytes
};

class KemKey {
 public:
  [[nodiscard]] static Result<KemKey> generate(KemAlgorithm algorithm);
  [[nodiscard]] Bytes public_key() const;  // FIPS 203 encoding: 1184 or 1568 bytes
  // A wrong ciphertext of the right size gives an unrelated secret, not an error (FIPS 203 §6.3).
  // Error: crypto.kem.
  [[nodiscard]] Result<SecretBytes> decapsulate(ByteView ciphertext) const;

 private:
  explicit KemKey(std::shared_ptr<evp_pkey_st> key) : key_(std::move(key)) {}
  std::shared_ptr<evp_pkey_st> key_;  // shared: an EVP_PKEY is reference-counted and immutable
};

// Error: crypto.key_malformed.
[[nodiscard]] Result<Encapsulation> encapsulate(KemAlgorithm algorithm, ByteView public_key);

}  // namespace i2::crypto
