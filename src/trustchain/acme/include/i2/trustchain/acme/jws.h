// Flattened JSON Web Signatures, as strict as RFC 8555 §6.2 has them.
//
// Everything that two readers could understand differently is refused: members that occur twice,
// unprotected headers, several signatures, critical extensions, other payload encodings, base64url
// with padding or stray bits.
#pragma once

#include <i2/base/error.h>
#include <i2/crypto/jwk.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace i2::trustchain::acme {

inline constexpr std::size_t kJwsSizeMax = 64 * 1024;  // a longer text is refused unread

enum class JwsUse : std::uint8_t {
  kRequest,          // RFC 8555 §6.2: url, nonce, and one of jwk and kid
  kKeyChange,        // RFC 8555 §7.3.5, inner: url and jwk, no nonce
  kExternalAccount,  // RFC 8555 §7.3.4: HS256, url and kid, no nonce
};

// Its header fields are those that the use demands; the others are empty.
struct Jws {
  std::string algorithm;
  std::string url;
  std::string nonce;
  std::string kid;
  std::optional<crypto::Jwk> key;
  Bytes payload;            // decoded
  std::string signed_text;  // RFC 7515 §5.2: protected || '.' || payload
  Bytes signature;
};

// Reads without verifying. Errors: acme.malformed, acme.bad_signature_algorithm,
// acme.bad_public_key, acme.bad_nonce (none there).
[[nodiscard]] Result<Jws> parse_jws(std::string_view text, JwsUse use);

// Errors: acme.bad_signature_algorithm (not the key's), acme.malformed (wrong signature).
[[nodiscard]] Result<void> verify_jws(const Jws& jws, const crypto::Jwk& key);
// HS256, in constant time. Error: acme.unauthorized.
[[nodiscard]] Result<void> verify_jws_mac(const Jws& jws, ByteView key);

}  // namespace i2::trustchain::acme
