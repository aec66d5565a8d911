// The status of single certificates (RFC 6960, nonces of RFC 9654).
//
// A responder parses the request, looks each certificate up by issuer and serial, and answers with
// one signed response. Requests come from anybody: they are bounded before they are parsed.
#pragma once

#include <i2/base/clock.h>
#include <i2/crypto/crl.h>
#include <i2/crypto/x509.h>

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace i2::crypto {

inline constexpr std::size_t kOcspRequestSizeMax = 8 * 1024;
inline constexpr std::size_t kOcspCertificatesMax = 16;  // of one request
inline constexpr std::size_t kOcspNonceSizeMax = 128;    // RFC 9654 §2.1
inline constexpr std::size_t kOcspResponseSizeMax = 64 * 1024;

enum class OcspHash : std::uint8_t { kSha1, kSha256 };

// Which certificate is asked about: its issuer by two hashes, and its serial.
class OcspCertificateId {
 public:
  OcspCertificateId() = default;
  // Error: crypto.ocsp_malformed.
  [[nodiscard]] static Result<OcspCertificateId> from_der(ByteView der);
  [[nodiscard]] static Result<OcspCertificateId> of(ByteView serial, const Certificate& issuer,
                                                    OcspHash hash);
  [[nodiscard]] ByteView der() const { return der_; }
  [[nodiscard]] const Bytes& serial() const { return serial_; }
  // False also when the hashes are neither SHA-1 nor SHA-256.
  [[nodiscard]] bool is_issued_by(const Certificate& issuer) const;
  friend bool operator==(const OcspCertificateId&, const OcspCertificateId&) = default;

 private:
  Bytes der_{};
  Bytes serial_{};
};

struct OcspRequest {
  std::vector<OcspCertificateId> certificates{};  // 1..kOcspCertificatesMax
  Bytes nonce{};                                  // empty when absent
};
// Unsigned. Error: crypto.ocsp_malformed.
[[nodiscard]] Result<Bytes> encode(const OcspRequest& request);
// Answer an error with ocsp_error(OcspError::kMalformedRequest). A signature of the requester is
// not looked at. Error: crypto.ocsp_malformed.
[[nodiscard]] Result<OcspRequest> parse_ocsp_request(ByteView der);

// RFC 6960 §4.2.1; these responses are not signed.
enum class OcspError : std::uint8_t {
  kMalformedRequest = 1,
  kInternalError = 2,
  kTryLater = 3,
  kUnauthorized = 6,  // also: not an issuer of ours
};
[[nodiscard]] Bytes ocsp_error(OcspError error);

enum class CertificateStatus : std::uint8_t { kGood, kRevoked, kUnknown };

struct OcspAnswer {
  OcspCertificateId certificate{};
  CertificateStatus status = CertificateStatus::kUnknown;
  Revocation revocation{};  // when revoked
  UnixMillis this_update = 0;
  UnixMillis next_update = 0;
};

struct OcspResponse {
  std::vector<OcspAnswer> answers{};
  UnixMillis produced_at = 0;
  Bytes nonce{};  // the request's
};

// Who signs. Directly: the issuer with its own certificate. Delegated: a certificate with
// KeyPurpose::kOcspSigning from that issuer, which then travels in the response.
struct OcspResponder {
  Certificate certificate{};
  PrivateKey key{};
  bool delegated = false;
};
// Error: crypto.ocsp_build.
[[nodiscard]] Result<Bytes> build_ocsp_response(const OcspResponse& response,
                                                const OcspResponder& responder);

// What a client does: a response signed by `issuer`, or by whom it delegated to and whose
// certificate is valid at `now`. Nonce and times of the answers are the caller's to judge. Errors:
// crypto.ocsp_malformed, crypto.ocsp_refused (an error response; its number is the native number),
// crypto.untrusted.
[[nodiscard]] Result<OcspResponse> verify_ocsp_response(ByteView der, const Certificate& issuer,
                                                        UnixMillis now);

}  // namespace i2::crypto
