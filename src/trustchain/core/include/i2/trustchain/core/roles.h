// Who may do what with a certificate authority: one table.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace i2::trustchain {

enum class AuthorityRole : std::uint8_t { kAdmin, kOperator, kAuditor, kNode, kGuest };
// "admin", ...
[[nodiscard]] std::string_view name(AuthorityRole role);
[[nodiscard]] std::optional<AuthorityRole> authority_role(std::string_view name);

enum class Permission : std::uint8_t {
  kReadStatus,        // issuers, lists of revoked certificates, OCSP
  kReadCertificates,  // what was issued, to whom
  kReadAudit,
  kIssueOwn,     // for one's own names
  kIssueServer,  // for other servers of the fleet
  kRevokeOwn,
  kRevokeAny,
  kRotate,  // the keys of the authority
  kGrant,   // roles to others
};
[[nodiscard]] std::string_view name(Permission permission);

[[nodiscard]] bool may(AuthorityRole role, Permission permission);

}  // namespace i2::trustchain
