#include <i2/trustchain/core/roles.h>

#include <algorithm>
#include <array>
#include <initializer_list>

namespace i2::trustchain {
namespace {

constexpr std::uint32_t bits(std::initializer_list<Permission> permissions) {
  std::uint32_t out = 0;
  for (const Permission one : permissions) {
    out |= std::uint32_t{1} << static_cast<unsigned>(one);
  }
  return out;
}

struct RoleInfo {
  std::string_view name;
  std::uint32_t permissions;
};
using enum Permission;

// In the order of AuthorityRole.
constexpr std::array<RoleInfo, 5> kRoles{{
    {"admin", bits({kReadStatus, kReadCertificates, kReadAudit, kIssueOwn, kIssueServer, kRevokeOwn,
                    kRevokeAny, kRotate, kGrant})},
    {"operator",
     bits({kReadStatus, kReadCertificates, kIssueOwn, kIssueServer, kRevokeOwn, kRevokeAny})},
    {"auditor", bits({kReadStatus, kReadCertificates, kReadAudit})},
    {"node", bits({kReadStatus, kIssueOwn, kRevokeOwn})},
    {"guest", bits({kReadStatus})},
}};

constexpr std::array<std::string_view, 9> kPermissions{
    "read_status", "read_certificates", "read_audit", "issue_own", "issue_server",
    "revoke_own",  "revoke_any",        "rotate",     "grant"};

}  // namespace

std::string_view name(AuthorityRole role) {
  return kRoles.at(static_cast<std::size_t>(role)).name;
}

std::optional<AuthorityRole> authority_role(std::string_view name) {
  const auto* const found = std::ranges::find(kRoles, name, &RoleInfo::name);
  if (found == kRoles.end()) {
    return std::nullopt;
  }
  return static_cast<AuthorityRole>(found - kRoles.begin());
}

std::string_view name(Permission permission) {
  return kPermissions.at(static_cast<std::size_t>(permission));
}

bool may(AuthorityRole role, Permission permission) {
  return (kRoles.at(static_cast<std::size_t>(role)).permissions & bits({permission})) != 0;
}

}  // namespace i2::trustchain
