// What has to be looked at to see whether somebody controls a name (RFC 8555 §8, RFC 8737).
#pragma once

#include <i2/base/bytes.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace i2::trustchain::acme {

enum class ChallengeType : std::uint8_t { kHttp01 = 1, kDns01 = 2, kTlsAlpn01 = 3 };
[[nodiscard]] std::string_view name_of(ChallengeType type);  // "http-01"
[[nodiscard]] std::optional<ChallengeType> challenge_type(std::string_view name);

// RFC 8555 §8.3: GET `url` (port 80, redirects may be followed); the body, without white space at
// its end, is `body`.
struct HttpCheck {
  std::string url;
  std::string body;
};

// RFC 8555 §8.4: one of the TXT records of `name` is `value`.
struct DnsCheck {
  std::string name;
  std::string value;
};

// RFC 8737 §3: a TLS handshake on port 443 with SNI `name` and the one ALPN protocol `kTlsAlpn`
// shows a self-signed certificate whose subjectAltName is that one DNS name, and whose critical
// extension kAcmeIdentifierOid is the DER OCTET STRING of `digest`.
struct TlsAlpnCheck {
  std::string name;
  Hash256 digest;
};
inline constexpr std::string_view kTlsAlpn = "acme-tls/1";
inline constexpr std::string_view kAcmeIdentifierOid = "1.3.6.1.5.5.7.1.31";

struct Validation {
  std::string authorization;  // goes back with the result
  std::string name;           // what is to be proved, without "*."
  std::variant<HttpCheck, DnsCheck, TlsAlpnCheck> check;
};

[[nodiscard]] Validation make_validation(ChallengeType type, std::string authorization,
                                         std::string name, std::string_view token,
                                         std::string_view thumbprint);

}  // namespace i2::trustchain::acme
