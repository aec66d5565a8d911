#include <i2/base/assert.h>
#include <i2/crypto/algorithms.h>

#include <algorithm>
#include <array>

namespace i2::crypto {
namespace {

constexpr std::array<SignatureAlgorithmInfo, 6> kAlgorithms{{
    // Open Quantum Safe's assignments: the OID arc and the code point are private use, not
    // registered.
    {.id = SignatureAlgorithm::kFalcon1024,
     .name = "falcon1024",
     .oid = "1.3.9999.3.14",
     .tls_code_point = 0xFEDA,
     .public_key_size = 1793,
     .signature_size_max = 1462,
     .post_quantum = true,
     .verify_only = false},
    // RFC 8410 §3, RFC 8446 §4.2.3.
    {.id = SignatureAlgorithm::kEd25519,
     .name = "ed25519",
     .oid = "1.3.101.112",
     .tls_code_point = 0x0807,
     .public_key_size = 32,
     .signature_size_max = 64,
     .post_quantum = false,
     .verify_only = false},
    // RFC 5480 §2.1.1 (id-ecPublicKey with secp256r1), RFC 8446 §4.2.3 ecdsa_secp256r1_sha256.
    {.id = SignatureAlgorithm::kEcdsaP256,
     .name = "p256",
     .oid = "1.2.840.10045.2.1",
     .tls_code_point = 0x0403,
     .public_key_size = 65,
     .signature_size_max = 72,
     .post_quantum = false,
     .verify_only = false},
    // RFC 5480 §2.1.1 with secp384r1, RFC 8446 §4.2.3 ecdsa_secp384r1_sha384.
    {.id = SignatureAlgorithm::kEcdsaP384,
     .name = "p384",
     .oid = "1.2.840.10045.2.1",
     .tls_code_point = 0x0503,
     .public_key_size = 97,
     .signature_size_max = 104,
     .post_quantum = false,
     .verify_only = true},
    // RFC 8017 appendix A.1, RFC 8446 §4.2.3 rsa_pss_rsae_sha256.
    {.id = SignatureAlgorithm::kRsa,
     .name = "rsa",
     .oid = "1.2.840.113549.1.1.1",
     .tls_code_point = 0x0804,
     .public_key_size = 512,
     .signature_size_max = 512,
     .post_quantum = false,
     .verify_only = true},
    // RFC 9881 §2 (id-ml-dsa-44), FIPS 204 §4; the code point is that of draft-ietf-tls-mldsa.
    {.id = SignatureAlgorithm::kMlDsa44,
     .name = "mldsa44",
     .oid = "2.16.840.1.101.3.4.3.17",
     .tls_code_point = 0x0904,
     .public_key_size = 1312,
     .signature_size_max = 2420,
     .post_quantum = true,
     .verify_only = false},
}};

}  // namespace

std::span<const SignatureAlgorithmInfo> signature_algorithms() {
  return kAlgorithms;
}

const SignatureAlgorithmInfo& info(SignatureAlgorithm algorithm) {
  const auto* const entry = std::ranges::find(kAlgorithms, algorithm, &SignatureAlgorithmInfo::id);
  I2_ASSERT(entry != kAlgorithms.end());
  return *entry;
}

std::optional<SignatureAlgorithm> signature_algorithm(std::string_view name) {
  for (const SignatureAlgorithmInfo& entry : kAlgorithms) {
    if (entry.name == name) {
      return entry.id;
    }
  }
  return std::nullopt;
}

}  // namespace i2::crypto
