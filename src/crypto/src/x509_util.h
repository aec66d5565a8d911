// Pieces that certificates and requests have in common.
#pragma once

#include <i2/base/bytes.h>
#include <i2/base/error.h>
#include <i2/crypto/x509.h>

#include <string>
#include <string_view>
#include <vector>

#include "native.h"

namespace i2::crypto {

// A larger certificate or request is refused before it is parsed.
inline constexpr std::size_t kMaxX509Size = 64 * 1024;

// A subject with nothing but a common name. Null when it is not 1..64 characters of UTF-8 without
// control characters (RFC 5280 appendix A, ub-common-name).
[[nodiscard]] NamePointer make_name(std::string_view common_name);
// The first common name; empty when absent.
[[nodiscard]] std::string read_common_name(const X509_NAME* name);

// subjectAltName contents. Null when a name is empty, longer than 253 or not letters, digits,
// "-._*".
[[nodiscard]] NamesPointer make_alt_names(const std::vector<std::string>& dns_names,
                                          const std::vector<IpAddress>& ip_addresses);
[[nodiscard]] std::vector<std::string> read_dns_names(const GENERAL_NAMES* names);
[[nodiscard]] std::vector<IpAddress> read_ip_addresses(const GENERAL_NAMES* names);

// The digest with which a key signs X.509 structures: none for pure schemes.
[[nodiscard]] const EVP_MD* x509_digest(SignatureAlgorithm algorithm);

}  // namespace i2::crypto
