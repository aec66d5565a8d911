// Lists of revoked certificates (RFC 5280 §5), whole or in shards.
//
// A shard covers the certificates whose distribution point names its URL (§5.2.5); a certificate
// belongs to its shard for life. A list of 100 000 entries has 5 MB and takes about a tenth of a
// second to build, and several times that to read.
#pragma once

#include <i2/base/clock.h>
#include <i2/crypto/x509.h>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

struct X509_crl_st;

namespace i2::crypto {

inline constexpr std::size_t kCrlSizeMax = 64 * 1024 * 1024;

// RFC 5280 §5.3.1. Holding and taking off a list are not used here.
enum class RevocationReason : std::uint8_t {
  kUnspecified = 0,
  kKeyCompromise = 1,
  kCaCompromise = 2,
  kAffiliationChanged = 3,
  kSuperseded = 4,
  kCessationOfOperation = 5,
  kPrivilegeWithdrawn = 9,
  kAaCompromise = 10,
};
[[nodiscard]] std::optional<RevocationReason> revocation_reason(int code);
// As RFC 5280 writes them: "keyCompromise".
[[nodiscard]] std::string_view name(RevocationReason reason);
[[nodiscard]] std::optional<RevocationReason> revocation_reason(std::string_view name);
[[nodiscard]] std::span<const RevocationReason> revocation_reasons();

struct Revocation {
  UnixMillis revoked_at = 0;  // truncated to seconds
  RevocationReason reason = RevocationReason::kUnspecified;
  friend bool operator==(const Revocation&, const Revocation&) = default;
};

struct CrlEntry {
  Bytes serial{};
  Revocation revocation{};
};

struct CrlFields {
  std::uint64_t number = 0;  // greater than that of the list before
  UnixMillis this_update = 0;
  UnixMillis next_update = 0;
  std::span<const CrlEntry> entries{};
  std::string distribution_point{};  // the URL of the shard; empty: every certificate of the issuer
};

class Crl {
 public:
  Crl() = default;
  // One list in DER, at most kCrlSizeMax bytes. Error: crypto.crl_malformed.
  [[nodiscard]] static Result<Crl> from_der(ByteView der);

  [[nodiscard]] Bytes der() const;
  [[nodiscard]] std::uint64_t number() const;  // 0 when absent or larger than 64 bits
  [[nodiscard]] UnixMillis this_update() const;
  [[nodiscard]] UnixMillis next_update() const;  // 0 when absent
  [[nodiscard]] std::size_t size() const;
  // The URL of the shard; empty for a list of everything.
  [[nodiscard]] std::string distribution_point() const;
  [[nodiscard]] std::optional<Revocation> find(ByteView serial) const;
  // Whether `issuer` made it: name, right to sign lists, signature.
  [[nodiscard]] bool verify(const Certificate& issuer) const;
  [[nodiscard]] explicit operator bool() const { return crl_ != nullptr; }
  [[nodiscard]] X509_crl_st* native() const { return crl_.get(); }

 private:
  std::shared_ptr<X509_crl_st> crl_;  // shared: reference-counted and immutable
};

// The list in DER. The entries may come in any order; the list has them by serial.
// Errors: crypto.crl_build, crypto.sign.
[[nodiscard]] Result<Bytes> build_crl(const CrlFields& fields, const Certificate& issuer,
                                      const PrivateKey& issuer_key);

}  // namespace i2::crypto
