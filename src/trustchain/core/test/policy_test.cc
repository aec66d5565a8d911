#include <gtest/gtest.h>
#include <i2/trustchain/core/policy.h>

#include "keys.h"

namespace i2::trustchain {
namespace {

using crypto::SignatureAlgorithm;
using testing::kHour;

constexpr crypto::IpAddress kPublic{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9};

Applicant account() {
  return {.role = Requester::kAccount,
          .fleet_name = "home",
          .suffixes = {"web.example"},
          .names = {"single.example"},
          .addresses = {{.address = kPublic, .bits = 64}}};
}

Wish wish(std::vector<std::string> names) {
  return {.profile = Profile::kServer,
          .algorithm = SignatureAlgorithm::kEcdsaP256,
          .dns_names = std::move(names),
          .life_ms = 24 * kHour};
}

std::string_view verdict(const Applicant& applicant, const Wish& wanted,
                         const crypto::NameConstraints& issuer = {}) {
  return name(judge(policy_for(applicant), wanted, issuer).refused_by);
}

TEST(Names, BelowADomain) {
  EXPECT_TRUE(is_at_or_below("a.b", "b"));
  EXPECT_TRUE(is_at_or_below("b", "b"));
  EXPECT_FALSE(is_below("b", "b"));
  EXPECT_FALSE(is_at_or_below("ab", "b"));
  EXPECT_FALSE(is_at_or_below(".b", "b"));
  EXPECT_FALSE(is_at_or_below("b", ""));
}

TEST(DnsNames, AreCheckedInForm) {
  for (const std::string_view good :
       {"a", "localhost", "a.b", "x-1.example", "*.b.example", "1.example", "xn--a.example"}) {
    EXPECT_TRUE(is_dns_name(good)) << good;
  }
  for (const std::string_view bad :
       {"",          ".",     "a.",    ".a",        "a..b",    "A.b",  "a_b",
        "*",         "*.com", "a.*.b", "*a.b.c",    "x.*",     "-a.b", "a-.b",
        "192.0.2.1", "a.1",   "a b",   "ä.example", "*.*.b.c", "a\n.b"}) {
    EXPECT_FALSE(is_dns_name(bad)) << bad;
  }
  EXPECT_TRUE(is_dns_name(std::string(63, 'a') + ".example"));
  EXPECT_FALSE(is_dns_name(std::string(64, 'a') + ".example"));
  std::string longest;
  for (int i = 0; i < 4; ++i) {
    longest += (i > 0 ? "." : "") + std::string(i < 3 ? 63 : 61, 'a');
  }
  EXPECT_EQ(longest.size(), 253U);
  EXPECT_TRUE(is_dns_name(longest));
  EXPECT_FALSE(is_dns_name(longest + "a"));
}

TEST(Policy, ANodeHasItsOwnNamesOnly) {
  const Applicant node{.role = Requester::kNode, .member_name = "alpha", .fleet_name = "home"};
  const auto node_wish = [](std::string one) {
    Wish out = wish({std::move(one)});
    out.profile = Profile::kNode;
    out.algorithm = SignatureAlgorithm::kFalcon1024;
    return out;
  };
  EXPECT_EQ(verdict(node, node_wish("alpha.home.i2.internal")), "none");
  EXPECT_EQ(verdict(node, node_wish("beta.home.i2.internal")), "name");
  EXPECT_EQ(verdict(node, node_wish("x.alpha.home.i2.internal")), "name");
  EXPECT_EQ(verdict(node, node_wish("*.alpha.home.i2.internal")), "wildcard");
  Wish ordinary = wish({"alpha.home.i2.internal", "alpha", "localhost"});
  ordinary.profile = Profile::kOrdinary;
  ordinary.ip_addresses = {kLoopback};
  EXPECT_EQ(verdict(node, ordinary), "none");
  ordinary.ip_addresses = {kPublic};
  EXPECT_EQ(verdict(node, ordinary), "address");
  EXPECT_EQ(verdict(node, wish({"alpha.home.i2.internal"})), "profile");
}

TEST(Policy, AnAccountHasWhatWasGranted) {
  EXPECT_EQ(verdict(account(), wish({"web.example"})), "none");
  EXPECT_EQ(verdict(account(), wish({"a.b.web.example", "*.web.example"})), "none");
  EXPECT_EQ(verdict(account(), wish({"single.example"})), "none");
  EXPECT_EQ(verdict(account(), wish({"x.single.example"})), "name");
  EXPECT_EQ(verdict(account(), wish({"*.single.example"})), "wildcard");
  EXPECT_EQ(verdict(account(), wish({"myweb.example"})), "name");
  EXPECT_EQ(verdict(account(), wish({"web.example", "example"})), "name");
  EXPECT_EQ(verdict(account(), wish({"WEB.example"})), "form");
  EXPECT_EQ(verdict(account(), wish({"web.example", "web.example"})), "twice");
  EXPECT_EQ(verdict(account(), wish({})), "count");
  EXPECT_EQ(verdict(account(), wish(std::vector<std::string>(101, "web.example"))), "count");
  Wish address = wish({});
  address.ip_addresses = {kPublic};
  EXPECT_EQ(verdict(account(), address), "none");
  address.ip_addresses = {{0x20, 0x01, 0x0d, 0xb9}};
  EXPECT_EQ(verdict(account(), address), "address");
}

TEST(Policy, AnOperatorHasTheFleetAndAGuestNothing) {
  Applicant who{.role = Requester::kOperator, .fleet_name = "home"};
  EXPECT_EQ(verdict(who, wish({"git.home.i2.internal", "*.home.i2.internal"})), "none");
  EXPECT_EQ(verdict(who, wish({"git.other.i2.internal"})), "name");
  EXPECT_EQ(verdict(who, wish({"i2.internal"})), "name");
  who.role = Requester::kGuest;
  EXPECT_EQ(verdict(who, wish({"git.home.i2.internal"})), "profile");
}

TEST(Policy, RefusesByAlgorithmLifeKindAndExtension) {
  Wish bad = wish({"web.example"});
  bad.algorithm = SignatureAlgorithm::kFalcon1024;
  EXPECT_EQ(verdict(account(), bad), "algorithm");
  for (const SignatureAlgorithm good :
       {SignatureAlgorithm::kEcdsaP384, SignatureAlgorithm::kRsa, SignatureAlgorithm::kEd25519}) {
    bad.algorithm = good;
    EXPECT_EQ(verdict(account(), bad), "none");
  }
  bad.life_ms = 24 * kHour + 1;
  EXPECT_EQ(verdict(account(), bad), "life");
  bad = wish({"web.example"});
  bad.other_names = {"email"};
  EXPECT_EQ(verdict(account(), bad), "kind");
  bad = wish({"web.example"});
  bad.extensions = {"2.5.29.17", "2.5.29.15"};
  EXPECT_EQ(verdict(account(), bad), "none");
  bad.extensions = {"2.5.29.17", "1.3.6.1.5.5.7.1.24"};
  const Decision decision = judge(policy_for(account()), bad, {});
  EXPECT_EQ(name(decision.refused_by), "extension");
  EXPECT_EQ(decision.about, "1.3.6.1.5.5.7.1.24");
  EXPECT_EQ(to_result(decision).error().code(), "trust.request_extension");
}

TEST(Policy, TheIssuersConstraintsBind) {
  const crypto::NameConstraints issuer{.permitted_dns = {"example"},
                                       .excluded_dns = {"secret.web.example"},
                                       .excluded_ip = {{.address = {}, .bits = 0}}};
  EXPECT_EQ(verdict(account(), wish({"a.web.example"}), issuer), "none");
  EXPECT_EQ(verdict(account(), wish({"secret.web.example"}), issuer), "issuer");
  EXPECT_EQ(verdict(account(), wish({"x.secret.web.example"}), issuer), "issuer");
  // It would stand for the excluded name too.
  EXPECT_EQ(verdict(account(), wish({"*.web.example"}), issuer), "issuer");
  EXPECT_EQ(verdict(account(), wish({"*.other.web.example"}), issuer), "none");
  Wish address = wish({"web.example"});
  address.ip_addresses = {kPublic};
  EXPECT_EQ(verdict(account(), address, issuer), "issuer");
  EXPECT_EQ(verdict(account(), wish({"web.example"}), {.permitted_dns = {"b.example"}}), "issuer");
}

TEST(Policy, EveryRefusalHasACode) {
  const auto code = [](PolicyRule rule) {
    const auto result = to_result({.refused_by = rule, .about = "x"});
    return result ? "ok" : result.error().code();
  };
  EXPECT_EQ(code(PolicyRule::kNone), "ok");
  EXPECT_EQ(code(PolicyRule::kAlgorithm), "trust.request_algorithm");
  EXPECT_EQ(code(PolicyRule::kLife), "trust.request_life");
  EXPECT_EQ(code(PolicyRule::kWildcard), "trust.request_name");
  EXPECT_EQ(code(PolicyRule::kAddress), "trust.request_name");
}

}  // namespace
}  // namespace i2::trustchain
