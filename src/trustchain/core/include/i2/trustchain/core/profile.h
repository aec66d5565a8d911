// The kinds of leaf certificates that a fleet issues: one table, which policy, issuing and lint
// read.
#pragma once

#include <i2/base/clock.h>
#include <i2/crypto/x509.h>

#include <optional>
#include <span>
#include <string_view>

namespace i2::trustchain {

inline constexpr UnixMillis kLeafLifeMs = 24ULL * 3600 * 1000;
// A peer's clock may be this far behind ours without refusing a fresh certificate.
inline constexpr UnixMillis kLeafBackdateMs = 5ULL * 60 * 1000;

enum class Profile : std::uint8_t {
  kNode = 1,      // a member's identity between members: Falcon-1024, under an anchor
  kOrdinary = 2,  // a member towards ordinary clients: P-256, under the ordinary intermediate
  kServer = 3,    // a server of an account or operator, for ordinary clients
};

struct ProfileInfo {
  Profile id;
  std::string_view name;
  std::span<const crypto::SignatureAlgorithm> algorithms;  // of the subject's key
  std::span<const crypto::KeyPurpose> purposes;
  UnixMillis life_ms_max;
  std::size_t names_max;  // DNS names, and as many addresses
  std::size_t addresses_max;
  bool wildcards;
  bool names_member;     // the common name is the member's, not one of the DNS names
  std::size_t size_max;  // of the certificate in DER
};

[[nodiscard]] const ProfileInfo& info(Profile profile);
// The inverse of info(p).id, for decoding.
[[nodiscard]] std::optional<Profile> profile(std::uint8_t number);

// Lower case; labels of letters, digits and hyphens (RFC 1123 §2.1), 253 characters; "*" alone may
// be the first label of at least three. The last label is not a number: that would be an address.
[[nodiscard]] bool is_dns_name(std::string_view name);
[[nodiscard]] bool is_wildcard(std::string_view name);
[[nodiscard]] bool is_below(std::string_view name, std::string_view domain);
[[nodiscard]] bool is_at_or_below(std::string_view name, std::string_view domain);

}  // namespace i2::trustchain
