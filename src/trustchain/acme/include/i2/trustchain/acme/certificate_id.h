// The name of a certificate in ACME renewal information (RFC 9773 §4.1).
#pragma once

#include <i2/base/bytes.h>

#include <compare>
#include <optional>
#include <string>
#include <string_view>

namespace i2::trustchain::acme {

struct CertificateId {
  Bytes authority_key_id;  // keyIdentifier of the certificate's authorityKeyIdentifier
  Bytes serial;            // as crypto::Certificate::serial(): big-endian, no leading zero

  friend auto operator<=>(const CertificateId&, const CertificateId&) = default;
};

// base64url(keyIdentifier) || '.' || base64url(content of the serial's DER INTEGER).
[[nodiscard]] std::string to_text(const CertificateId& id);
// The one form that to_text() makes; each part has at most 32 bytes.
[[nodiscard]] std::optional<CertificateId> parse_certificate_id(std::string_view text);

}  // namespace i2::trustchain::acme
