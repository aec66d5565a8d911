// What DNS records mean: TXT (RFC 1035 §3.3.14) and CAA (RFC 8659), and the certificate of
// tls-alpn-01 (RFC 8737 §3). No I/O.
#pragma once

#include <i2/base/bytes.h>
#include <i2/base/error.h>
#include <i2/crypto/x509.h>
#include <i2/trustchain/acme/validation.h>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace i2::trustchain::checks {

// The character-strings of a TXT record as one; none when it is malformed.
[[nodiscard]] std::optional<std::string> parse_txt(ByteView rdata);

struct CaaRecord {
  bool critical = false;
  std::string tag{};  // lower case
  std::string value{};
};
// None when it is malformed (RFC 8659 §4.1).
[[nodiscard]] std::optional<CaaRecord> parse_caa(ByteView rdata);

// Letters, digits and inner hyphens in labels (RFC 8659 §4.2, issuer-domain-name).
[[nodiscard]] bool is_issuer_domain(std::string_view domain);

// What the relevant records of `name` (all those of one node of the tree, at least one) say about
// an authority that is called `identities`. Records with parameters permit nothing: this authority
// defines none (RFC 8659 §4.2). Error: acme.caa.
[[nodiscard]] Result<void> judge_caa(std::string_view name, std::span<const Bytes> records,
                                     bool wildcard, std::span<const std::string> identities);

// Error: acme.incorrect_response.
[[nodiscard]] Result<void> judge_certificate(const crypto::Certificate& certificate,
                                             const acme::TlsAlpnCheck& check);

}  // namespace i2::trustchain::checks
