// JSON Web Keys as text, and what ACME makes of them (RFC 7517, RFC 7638, RFC 8555 §8.1).
#pragma once

#include <i2/base/error.h>
#include <i2/crypto/jwk.h>

#include <string>
#include <string_view>

namespace i2::trustchain::acme {

// A public key. One that comes with its private members is refused: it is no secret any more.
// Error: acme.bad_public_key.
[[nodiscard]] Result<crypto::Jwk> parse_jwk(std::string_view json);

// RFC 7638 §3.2: the required members only, in their order, without white space. parse_jwk() reads
// it back.
[[nodiscard]] std::string jwk_text(const crypto::Jwk& key);
// base64url of SHA-256 of jwk_text(): 43 characters.
[[nodiscard]] std::string thumbprint(const crypto::Jwk& key);

// RFC 8555 §8.1: token || '.' || thumbprint.
[[nodiscard]] std::string key_authorization(std::string_view token, std::string_view thumbprint);

}  // namespace i2::trustchain::acme
