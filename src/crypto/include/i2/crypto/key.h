// Signature keys as values: generate, store, sign, verify.
//
// Copies share the underlying immutable key. Thread-safe: a key may sign on several threads at
// once. Falcon signing needs 128 KB of stack: call it on a thread with a real stack, not on a small
// fibre.
#pragma once

#include <i2/base/bytes.h>
#include <i2/base/error.h>
#include <i2/crypto/algorithms.h>
#include <i2/crypto/secret.h>

#include <memory>
#include <string>
#include <string_view>

struct evp_pkey_st;

namespace i2::crypto {

// Which build of the Falcon arithmetic signs; both make the same bytes from the same randomness.
enum class FalconArithmetic : std::uint8_t {
  kConstantTime,  // emulated floating point, for identity, anchor and root keys: 150 signatures/s
  kNativeDouble,  // hardware doubles, for leaf keys and a log's: about 2 000 signatures/s
};

class PublicKey {
 public:
  PublicKey() = default;
  // DER SubjectPublicKeyInfo (RFC 5280 §4.1) in its one canonical form, nothing after it. RSA: 2048
  // to 4096 bits and an odd exponent of at least 65537.
  // Error: crypto.key_malformed, crypto.algorithm_unknown.
  [[nodiscard]] static Result<PublicKey> from_spki(ByteView der);

  // The bare key as its algorithm defines it, public_key_size bytes. Not for curves whose points
  // have several forms, nor RSA. Error: crypto.key_malformed.
  [[nodiscard]] static Result<PublicKey> from_raw(SignatureAlgorithm algorithm, ByteView raw);

  [[nodiscard]] SignatureAlgorithm algorithm() const { return algorithm_; }
  // Encoded once; valid as long as a copy of this key is there.
  [[nodiscard]] const Bytes& spki() const;
  [[nodiscard]] const Hash256& spki_sha256() const;
  [[nodiscard]] Bytes raw() const;  // P-256, P-384: the uncompressed point; not of RSA
  // The estimated strength against today's computers: 112 for RSA-2048, 128 for P-256.
  [[nodiscard]] int security_bits() const;
  // Pure signature over `message` (RSA, P-256: SHA-256; P-384: SHA-384; ML-DSA: empty context).
  // False for anything but a valid signature.
  [[nodiscard]] bool verify(ByteView message, ByteView signature) const;
  [[nodiscard]] explicit operator bool() const { return key_ != nullptr; }
  [[nodiscard]] evp_pkey_st* native() const;
  // One algorithm and one value.
  [[nodiscard]] friend bool operator==(const PublicKey& a, const PublicKey& b) {
    return a.key_ == b.key_ || (a && b && a.spki() == b.spki());
  }

 private:
  friend class PrivateKey;
  friend class Certificate;
  friend class CertificateRequest;
  struct Native;  // the key, and its encoding from the first time on that it is asked for
  PublicKey(std::shared_ptr<evp_pkey_st> key, SignatureAlgorithm algorithm);
  // Finds the algorithm out. Error: crypto.algorithm_unknown.
  [[nodiscard]] static Result<PublicKey> wrap(std::shared_ptr<evp_pkey_st> key);
  std::shared_ptr<const Native> key_;  // shared: copies are the same key
  SignatureAlgorithm algorithm_ = SignatureAlgorithm::kEd25519;
};

class PrivateKey {
 public:
  PrivateKey() = default;
  // Falcon takes about 30 ms (constant time). `arithmetic` matters for Falcon only.
  // Error: crypto.algorithm_unknown for one that is verified only.
  [[nodiscard]] static Result<PrivateKey> generate(
      SignatureAlgorithm algorithm, FalconArithmetic arithmetic = FalconArithmetic::kConstantTime);
  // An Ed25519 key from its 32-byte seed.
  [[nodiscard]] static Result<PrivateKey> from_ed25519_seed(ByteView seed);
  // PKCS#8, unencrypted; the PEM form is "PRIVATE KEY". `arithmetic`: how a Falcon key signs.
  // A Falcon key holds both halves and is refused unless they belong together; an ML-DSA key must
  // hold its seed.
  // Error: crypto.key_malformed, crypto.algorithm_unknown.
  [[nodiscard]] static Result<PrivateKey> from_pkcs8(
      ByteView der, FalconArithmetic arithmetic = FalconArithmetic::kConstantTime);
  [[nodiscard]] static Result<PrivateKey> from_pem(
      std::string_view pem, FalconArithmetic arithmetic = FalconArithmetic::kConstantTime);

  [[nodiscard]] SignatureAlgorithm algorithm() const { return public_key_.algorithm(); }
  // Holds no secret; it may outlive the private key.
  [[nodiscard]] const PublicKey& public_key() const { return public_key_; }
  [[nodiscard]] SecretBytes pkcs8() const;
  [[nodiscard]] SecretBytes pem() const;
  // Error: crypto.sign.
  [[nodiscard]] Result<Bytes> sign(ByteView message) const;
  [[nodiscard]] explicit operator bool() const { return key_ != nullptr; }
  [[nodiscard]] evp_pkey_st* native() const { return key_.get(); }

 private:
  PrivateKey(std::shared_ptr<evp_pkey_st> key, PublicKey public_key)
      : key_(std::move(key)), public_key_(std::move(public_key)) {}
  [[nodiscard]] static Result<PrivateKey> wrap(evp_pkey_st* owned, FalconArithmetic arithmetic);

  std::shared_ptr<evp_pkey_st> key_;  // shared: an EVP_PKEY is reference-counted and immutable
  PublicKey public_key_;
};

}  // namespace i2::crypto
