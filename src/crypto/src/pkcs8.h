// PKCS#8 and PEM of private keys (RFC 5208, RFC 5958, RFC 7468) without copies of secrets left
// behind.
#pragma once

#include <i2/base/bytes.h>
#include <i2/base/error.h>
#include <i2/crypto/algorithms.h>
#include <i2/crypto/secret.h>

#include <string_view>

struct evp_pkey_st;

namespace i2::crypto {

// No key of the table is longer in any structure that is read here.
inline constexpr std::size_t kMaxKeySize = 8192;
inline constexpr char kMlDsa44Name[] = "ML-DSA-44";

// Null when the bytes are not exactly one unencrypted private key; the reason may be in OpenSSL's
// queue.
[[nodiscard]] evp_pkey_st* read_pkcs8(ByteView der);
[[nodiscard]] SecretBytes write_pkcs8(evp_pkey_st* key, SignatureAlgorithm algorithm);

// "PRIVATE KEY". Error: crypto.key_malformed.
[[nodiscard]] Result<SecretBytes> read_private_pem(std::string_view pem);
// `label`: "PRIVATE KEY", "PUBLIC KEY".
[[nodiscard]] SecretBytes write_pem(std::string_view label, ByteView der);

}  // namespace i2::crypto
