#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <i2/trustchain/core/ordinary.h>

#include "keys.h"

namespace i2::trustchain {
namespace {

using ::testing::ElementsAre;
using testing::kHour;
using testing::kNow;

Bytes next_serial() {
  static std::uint8_t count = 0;
  return testing::serial(++count);
}

const crypto::PrivateKey& root_key() {
  static const auto key =
      crypto::PrivateKey::generate(crypto::SignatureAlgorithm::kEcdsaP256).value();
  return key;
}
const OrdinaryAuthority& authority() {
  static const auto made = make_ordinary_authority(root_key(), "home", kNow, next_serial).value();
  return made;
}
const LeafRequest& ordinary_request() {
  static const auto made = make_ordinary_request("alpha").value();
  return made;
}
OrdinaryTerms ordinary_terms() {
  return {.node_name = "alpha",
          .fleet_name = "home",
          .more_names = {},
          .ip_addresses = {},
          .now = kNow,
          .serial = next_serial()};
}

Result<crypto::Certificate> issue_ordinary(const crypto::CertificateRequest& request,
                                           const OrdinaryAuthority& with,
                                           const OrdinaryTerms& terms) {
  I2_TRY_VALUE(const auto application, application_for(request, terms));
  return issue(request, issuer_of(with), application);
}

template <class T>
std::string code_of(const Result<T>& result) {
  return result ? "ok" : std::string(result.error().code());
}

std::string verdict(const crypto::Certificate& leaf, std::vector<crypto::Certificate> chain,
                    UnixMillis at, const crypto::PublicKey& root = root_key().public_key()) {
  return code_of(check_ordinary(leaf, chain, root, at));
}

TEST(Ordinary, ALeafNamesItsNodeEverywhereItIsReached) {
  const auto leaf =
      issue_ordinary(ordinary_request().request, authority(), ordinary_terms()).value();
  EXPECT_EQ(leaf.subject_common_name(), "alpha");
  EXPECT_THAT(leaf.dns_names(), ElementsAre("alpha.home.i2.internal", "alpha", "localhost"));
  EXPECT_THAT(leaf.ip_addresses(), ElementsAre(kLoopback));
  EXPECT_EQ(leaf.not_after() - leaf.not_before(), kLeafLifeMs);
  EXPECT_EQ(leaf.not_before(), kNow - kLeafBackdateMs);
  EXPECT_FALSE(leaf.is_ca());
}

TEST(Ordinary, MoreNamesAreAddedAndLoopbackIsThereOnce) {
  OrdinaryTerms more = ordinary_terms();
  const crypto::IpAddress other{0xfd, 1};
  more.more_names = {"gateway.example"};
  more.ip_addresses = {kLoopback, other};
  const auto leaf = issue_ordinary(ordinary_request().request, authority(), more).value();
  EXPECT_EQ(leaf.dns_names().back(), "gateway.example");
  EXPECT_THAT(leaf.ip_addresses(), ElementsAre(kLoopback, other));
  more.more_names.clear();
  for (int i = 0; i < 30; ++i) {
    more.more_names.push_back("n" + std::to_string(i) + ".example");
  }
  EXPECT_EQ(code_of(issue_ordinary(ordinary_request().request, authority(), more)),
            "trust.request_name");
}

TEST(Ordinary, TheChainLeadsToTheRootAndNowhereElse) {
  const auto leaf =
      issue_ordinary(ordinary_request().request, authority(), ordinary_terms()).value();
  const OrdinaryAuthority& ca = authority();
  EXPECT_EQ(verdict(leaf, {ca.certificate, ca.root}, kNow), "ok");
  EXPECT_EQ(verdict(leaf, {ca.root}, kNow), "trust.leaf_untrusted");
  EXPECT_EQ(verdict(leaf, {}, kNow), "trust.leaf_untrusted");
  EXPECT_EQ(verdict(leaf, {ca.certificate, ca.root}, kNow + 25 * kHour), "trust.leaf_expired");
  EXPECT_EQ(verdict(leaf, {ca.certificate, ca.root}, kNow - kHour), "trust.leaf_not_yet_valid");
  const auto other_root =
      crypto::PrivateKey::generate(crypto::SignatureAlgorithm::kEcdsaP256).value();
  const auto other = make_ordinary_authority(other_root, "home", kNow, next_serial).value();
  EXPECT_EQ(verdict(leaf, {other.certificate, other.root}, kNow, other_root.public_key()),
            "trust.leaf_untrusted");
  EXPECT_EQ(verdict(leaf, {ca.certificate, ca.root}, kNow, other_root.public_key()),
            "trust.leaf_untrusted");
}

TEST(Ordinary, AnIntermediateMakesLeavesOnly) {
  const OrdinaryAuthority& ca = authority();
  const auto key = crypto::PrivateKey::generate(crypto::SignatureAlgorithm::kEcdsaP256).value();
  const auto below = crypto::build_certificate({.subject_key = key.public_key(),
                                                .common_name = "another issuer",
                                                .dns_names = {},
                                                .not_before = kNow,
                                                .not_after = kNow + kHour,
                                                .ca = true,
                                                .path_length = 0,
                                                .serial = next_serial()},
                                               &ca.certificate, ca.key)
                         .value();
  const auto leaf =
      issue_ordinary(ordinary_request().request,
                     {.key = key, .certificate = below, .root = ca.root}, ordinary_terms())
          .value();
  EXPECT_EQ(verdict(leaf, {below, ca.certificate, ca.root}, kNow), "trust.leaf_untrusted");
}

TEST(Ordinary, WhoMayHaveALeaf) {
  OrdinaryTerms other = ordinary_terms();
  other.node_name = "beta";
  EXPECT_EQ(code_of(issue_ordinary(ordinary_request().request, authority(), other)),
            "trust.request_name");
  const auto falcon = make_leaf_request("alpha", "home").value();
  EXPECT_EQ(code_of(issue_ordinary(falcon.request, authority(), ordinary_terms())),
            "trust.request_algorithm");
  OrdinaryTerms late = ordinary_terms();
  late.now = kNow + kOrdinaryIssuerLifeMs;
  EXPECT_EQ(code_of(issue_ordinary(ordinary_request().request, authority(), late)),
            "trust.anchor_not_valid");
}

TEST(Ordinary, ALeafEndsWithItsIssuer) {
  OrdinaryTerms late = ordinary_terms();
  late.now = authority().certificate.not_after() - kHour;
  const auto leaf = issue_ordinary(ordinary_request().request, authority(), late).value();
  EXPECT_EQ(leaf.not_after(), authority().certificate.not_after());
}

}  // namespace
}  // namespace i2::trustchain
