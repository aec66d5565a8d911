#include <gtest/gtest.h>
#include <i2/trustchain/core/roles.h>

#include <string>

namespace i2::trustchain {
namespace {

std::string permissions(AuthorityRole role) {
  std::string out;
  for (int i = 0; i <= static_cast<int>(Permission::kGrant); ++i) {
    out += may(role, static_cast<Permission>(i)) ? 'x' : '-';
  }
  return out;
}

// In the order of Permission: status, certificates, audit, own, server, own, any, rotate, grant.
TEST(Roles, MayWhatTheTableSays) {
  EXPECT_EQ(permissions(AuthorityRole::kAdmin), "xxxxxxxxx");
  EXPECT_EQ(permissions(AuthorityRole::kOperator), "xx-xxxx--");
  EXPECT_EQ(permissions(AuthorityRole::kAuditor), "xxx------");
  EXPECT_EQ(permissions(AuthorityRole::kNode), "x--x-x---");
  EXPECT_EQ(permissions(AuthorityRole::kGuest), "x--------");
}

TEST(Roles, HaveNames) {
  for (int i = 0; i <= static_cast<int>(AuthorityRole::kGuest); ++i) {
    const auto role = static_cast<AuthorityRole>(i);
    EXPECT_EQ(authority_role(name(role)), role);
  }
  EXPECT_EQ(authority_role("root"), std::nullopt);
  EXPECT_EQ(name(Permission::kRevokeAny), "revoke_any");
}

}  // namespace
}  // namespace i2::trustchain
