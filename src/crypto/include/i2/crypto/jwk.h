// Public keys of JSON Web Signatures: what ACME clients sign their requests with.
//
// These are other people's keys. They sign requests and nothing else, so they are a type of their
// own: algorithms allowed here are not thereby allowed for peers, certificates or records
// (algorithms.h). The JSON is read elsewhere; this takes the decoded members.
//
// Copies share the underlying immutable key. Thread-safe. A verification takes 20 µs (RSA 2048) to
// 0.7 ms (P-384).
#pragma once

#include <i2/base/bytes.h>
#include <i2/base/error.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct evp_pkey_st;

namespace i2::crypto {

enum class JwsAlgorithm : std::uint8_t {
  kRs256,  // RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 §3.3)
  kEs256,  // ECDSA on P-256 with SHA-256 (RFC 7518 §3.4)
  kEs384,  // ECDSA on P-384 with SHA-384
  kEdDsa,  // Ed25519 (RFC 8037 §3.1)
};
[[nodiscard]] std::string_view name_of(JwsAlgorithm algorithm);  // "RS256"
[[nodiscard]] std::optional<JwsAlgorithm> jws_algorithm(std::string_view name);

// RFC 7518 §6, RFC 8037 §2. Members that a key of the type does not have are empty.
struct JwkMembers {
  std::string kty;  // "RSA", "EC", "OKP"
  std::string crv;  // "P-256", "P-384", "Ed25519"
  Bytes n;          // RSA: big-endian, no leading zero
  Bytes e;
  Bytes x;  // EC: as long as the field; OKP: 32 bytes
  Bytes y;
};

class Jwk {
 public:
  Jwk() = default;
  // RSA keys have 2048 to 4096 bits and the exponent 65537; points are on their curve.
  // Error: crypto.key_malformed, crypto.algorithm_unknown.
  [[nodiscard]] static Result<Jwk> from_members(JwkMembers members);

  // The only one that the key is used with.
  [[nodiscard]] JwsAlgorithm algorithm() const { return algorithm_; }
  [[nodiscard]] const JwkMembers& members() const { return members_; }
  // DER SubjectPublicKeyInfo, to compare with the key of a certificate.
  [[nodiscard]] Bytes spki() const;
  // `signature` as a JWS has it: ECDSA as r || s. False for anything but a valid signature.
  [[nodiscard]] bool verify(ByteView message, ByteView signature) const;
  [[nodiscard]] explicit operator bool() const { return key_ != nullptr; }

 private:
  std::shared_ptr<evp_pkey_st> key_;  // shared: an EVP_PKEY is reference-counted and immutable
  JwsAlgorithm algorithm_ = JwsAlgorithm::kEdDsa;
  JwkMembers members_;
};

}  // namespace i2::crypto
