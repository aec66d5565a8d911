// Hashes and key derivation over OpenSSL: SHA-256, HMAC-SHA-256, HKDF-SHA-256.
#pragma once

#include <i2/base/bytes.h>

#include <initializer_list>
#include <memory>

struct evp_md_ctx_st;

namespace i2::crypto {

// SHA-256 over the concatenation of `parts`.
[[nodiscard]] Hash256 sha256(ByteView data);
[[nodiscard]] Hash256 sha256(std::initializer_list<ByteView> parts);

// Incremental SHA-256. After finish() the object starts a new hash.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  void update(ByteView data);
  [[nodiscard]] Hash256 finish();

 private:
  evp_md_ctx_st* context_;
};

[[nodiscard]] Hash256 hmac_sha256(ByteView key, ByteView data);
// RFC 5869. `length` at most 255 * 32 bytes.
[[nodiscard]] Bytes hkdf_sha256(ByteView secret, ByteView salt, ByteView info, std::size_t length);
// Compares in time that does not depend on the contents.
[[nodiscard]] bool equal_secret(ByteView a, ByteView b);

}  // namespace i2::crypto
