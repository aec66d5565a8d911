// The one table of signature algorithms: names, OIDs, TLS code points, sizes. An algorithm is an
// identifier, not an assumption: nothing else in the project hard-codes these numbers.
//
// "falcon1024" is Falcon round 3 as in the Open Quantum Safe assignments. It is not FN-DSA
// (FIPS 206), which will differ and can be added beside it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace i2::crypto {

enum class SignatureAlgorithm : std::uint16_t {
  kFalcon1024 = 1,
  kEd25519 = 2,
  kEcdsaP256 = 3,
  kMlDsa44 = 4,
  kEcdsaP384 = 5,
  kRsa = 6,  // PKCS #1 v1.5 with SHA-256; 2048 to 4096 bits
};

struct SignatureAlgorithmInfo {
  SignatureAlgorithm id;
  std::string_view name;         // as used by OpenSSL and on the command line
  std::string_view oid;          // of the public key (and of the signature, for pure schemes)
  std::uint16_t tls_code_point;  // TLS SignatureScheme
  std::size_t public_key_size;   // raw; RSA: of the longest modulus
  std::size_t signature_size_max;
  bool post_quantum;
  bool verify_only;  // for keys of ordinary clients: never generated, stored or signed with here
};

[[nodiscard]] std::span<const SignatureAlgorithmInfo> signature_algorithms();
[[nodiscard]] const SignatureAlgorithmInfo& info(SignatureAlgorithm algorithm);
[[nodiscard]] std::optional<SignatureAlgorithm> signature_algorithm(std::string_view name);

}  // namespace i2::crypto
