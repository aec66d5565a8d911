#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <i2/fleet/membership.h>
#include <i2/fleet/ordinary_certificates.h>
#include <i2/fleet/trust_store.h>

#include "issuing.h"
#include "ordinary_files.h"
#include "temp_dir.h"

namespace i2::fleet {
namespace {

using testing::code;
using ::testing::Contains;
using testing::issue;
using ::testing::IsSupersetOf;
using testing::kHour;
using testing::kNow;
using testing::mode_of;
using testing::overwrite;
using testing::renew_own;
using testing::TempDir;

namespace fs = std::filesystem;

constexpr crypto::IpAddress kLoopback{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
constexpr crypto::IpAddress kOther{0xfd, 0, 0, 1};

class OrdinaryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    init({.data_dir = alpha_dir(), .fleet_name = "home", .node_name = "alpha", .now = kNow})
        .value();
    provision({.data_dir = alpha_dir(),
               .node_name = "beta",
               .peers = {},
               .bundle = temp_ / "beta.bundle",
               .now = kNow})
        .value();
    join({.data_dir = beta_dir(), .bundle = temp_ / "beta.bundle", .expected = {}}).value();
  }
  [[nodiscard]] fs::path alpha_dir() const { return temp_ / "alpha"; }
  [[nodiscard]] fs::path beta_dir() const { return temp_ / "beta"; }

  Result<std::unique_ptr<OrdinaryCertificates>> try_load(const fs::path& dir,
                                                         UnixMillis now = kNow) {
    const auto trust = TrustStore::load(dir, kNow).value();
    const auto members = trust->members();
    return OrdinaryCertificates::load(dir,
                                      {.node_name = trust->name(),
                                       .fleet_name = members->genesis().fleet_name,
                                       .root = members->genesis().root_ecdsa},
                                      now);
  }
  std::unique_ptr<OrdinaryCertificates> load(const fs::path& dir, UnixMillis now = kNow) {
    return try_load(dir, now).value();
  }

  TempDir temp_;
};

TEST_F(OrdinaryTest, TheFounderIssuesItselfALeafThatLeadsToTheFleetsRoot) {
  const auto alpha = load(alpha_dir());
  EXPECT_EQ(alpha->current(), nullptr);
  EXPECT_TRUE(alpha->is_renewal_due(kNow));
  EXPECT_TRUE(alpha->can_issue(kNow));
  renew_own(*alpha, {.dns = {"gateway.example"}, .addresses = {kOther}}, kNow).value();
  const auto leaf = alpha->current();
  ASSERT_NE(leaf, nullptr);
  EXPECT_THAT(leaf->certificate.dns_names(),
              IsSupersetOf({"alpha.home.i2.internal", "alpha", "localhost", "gateway.example"}));
  EXPECT_THAT(leaf->certificate.ip_addresses(), IsSupersetOf({kLoopback, kOther}));
  ASSERT_EQ(leaf->chain.size(), 1u);
  EXPECT_EQ(code(crypto::verify_chain(leaf->certificate, leaf->chain, alpha->root(), kNow)), "ok");
  EXPECT_EQ(mode_of(alpha_dir() / kOrdinaryLeafFile), 0600u);
  EXPECT_EQ(mode_of(alpha_dir() / kOrdinaryCaFile), 0600u);
  EXPECT_TRUE(alpha->covers({.dns = {"gateway.example", "localhost"}, .addresses = {kLoopback}}));
  EXPECT_FALSE(alpha->covers({.dns = {"another.example"}, .addresses = {}}));
}

TEST_F(OrdinaryTest, ALeafIsFoundAgainUntilItExpires) {
  const auto alpha = load(alpha_dir());
  renew_own(*alpha, {}, kNow).value();
  const Bytes der = alpha->current()->certificate.der();
  const auto again = load(alpha_dir(), kNow + 20 * kHour);
  ASSERT_NE(again->current(), nullptr);
  EXPECT_EQ(again->current()->certificate.der(), der);
  EXPECT_FALSE(again->is_renewal_due(kNow + 15 * kHour));
  EXPECT_TRUE(again->is_renewal_due(kNow + 17 * kHour));
  EXPECT_EQ(again->root().der(), alpha->root().der());
  EXPECT_EQ(load(alpha_dir(), kNow + 25 * kHour)->current(), nullptr);
}

TEST_F(OrdinaryTest, AMemberGetsItsLeafFromAnAuthority) {
  const auto alpha = load(alpha_dir());
  const auto beta = load(beta_dir());
  EXPECT_FALSE(beta->can_issue(kNow));
  EXPECT_FALSE(beta->root());
  EXPECT_FALSE(beta->authority());
  const auto wanted = beta->make_request().value();
  const std::string pem =
      issue(*alpha, wanted.request.der(), "beta", {.dns = {}, .addresses = {kOther}}, kNow).value();
  beta->install(wanted.key, pem, kNow).value();
  EXPECT_THAT(beta->current()->certificate.dns_names(), Contains("beta.home.i2.internal"));
  EXPECT_EQ(beta->root().der(), alpha->root().der());
  EXPECT_EQ(load(beta_dir())->root().der(), alpha->root().der());
}

TEST_F(OrdinaryTest, ARequestForAnotherNameIsRefused) {
  const auto alpha = load(alpha_dir());
  const auto wanted = load(beta_dir())->make_request().value();
  EXPECT_EQ(code(issue(*alpha, wanted.request.der(), "alpha", {}, kNow)), "trust.request_name");
  EXPECT_EQ(code(issue(*alpha, as_bytes("no request"), "beta", {}, kNow)),
            "crypto.request_malformed");
}

TEST_F(OrdinaryTest, WhatIsNotForThisNodeOrThisFleetIsNotInstalled) {
  const auto alpha = load(alpha_dir());
  const auto beta = load(beta_dir());
  const auto wanted = beta->make_request().value();
  const std::string pem = issue(*alpha, wanted.request.der(), "beta", {}, kNow).value();
  EXPECT_EQ(code(alpha->install(wanted.key, pem, kNow)), "fleet.leaf_refused");  // another node's
  EXPECT_EQ(code(beta->install(beta->make_request().value().key, pem, kNow)),
            "fleet.leaf_refused");  // another key
  EXPECT_EQ(code(beta->install(wanted.key, pem, kNow + 25 * kHour)), "fleet.leaf_refused");
  EXPECT_EQ(code(beta->install(wanted.key, "", kNow)), "fleet.leaf_refused");
  const std::size_t second = pem.rfind("-----BEGIN");
  EXPECT_EQ(code(beta->install(wanted.key, pem.substr(0, second), kNow)),
            "fleet.leaf_refused");  // without its root
  TempDir elsewhere;
  init({.data_dir = elsewhere / "x", .fleet_name = "home", .node_name = "alpha", .now = kNow})
      .value();
  const auto stranger = load(elsewhere / "x");
  const std::string foreign = issue(*stranger, wanted.request.der(), "beta", {}, kNow).value();
  EXPECT_EQ(code(beta->install(wanted.key, foreign, kNow)), "fleet.leaf_refused");
  EXPECT_EQ(beta->current(), nullptr);
  beta->install(wanted.key, pem, kNow).value();
}

TEST_F(OrdinaryTest, ANodeWithTheRootsKeyMakesTheIntermediateAgain) {
  const Bytes root = load(alpha_dir())->root().der();
  // Near its end: under the same root, so that clients need nothing new.
  constexpr UnixMillis kMuchLater = 300 * 24 * kHour;
  const auto later = load(alpha_dir(), kNow + kMuchLater);
  EXPECT_EQ(later->root().der(), root);
  EXPECT_TRUE(later->can_issue(kNow + kMuchLater + 90 * 24 * kHour));
  // Missing, as in a data directory of an earlier version.
  fs::remove(alpha_dir() / kOrdinaryCaFile);
  EXPECT_TRUE(load(alpha_dir())->can_issue(kNow));
  // Without the root's key it stays away.
  fs::remove(alpha_dir() / kOrdinaryCaFile);
  fs::remove(alpha_dir() / "identity/root/root.ecdsa.pem");
  EXPECT_FALSE(load(alpha_dir())->can_issue(kNow));
}

TEST_F(OrdinaryTest, TheIntermediateIsRenewedWhileItIsUsed) {
  constexpr UnixMillis kLater = kNow + 250 * 24 * kHour;
  const auto alpha = load(alpha_dir());
  const auto beta = load(beta_dir());
  const Bytes root = alpha->root().der();
  const auto old = alpha->authority().value();
  EXPECT_FALSE(alpha->is_authority_renewal_due(kNow));
  EXPECT_TRUE(alpha->is_authority_renewal_due(kLater));
  const auto before = beta->make_request().value();
  const std::string old_leaf =
      issue(*alpha, before.request.der(), "beta", {}, kLater - kHour).value();

  EXPECT_TRUE(alpha->renew_authority(kLater).value());
  const auto fresh = alpha->authority().value();
  EXPECT_FALSE(fresh.key.public_key().spki_sha256() == old.key.public_key().spki_sha256());
  EXPECT_EQ(alpha->former()->certificate.der(), old.certificate.der());
  EXPECT_EQ(alpha->root().der(), root);
  EXPECT_FALSE(alpha->is_authority_renewal_due(kLater));
  // What the old one has issued holds until it ends, what comes now is the new one's.
  beta->install(before.key, old_leaf, kLater).value();
  EXPECT_EQ(beta->current()->chain.front().der(), old.certificate.der());
  EXPECT_EQ(code(beta->install(before.key, old_leaf, kLater + 24 * kHour)), "fleet.leaf_refused");
  const auto after = beta->make_request().value();
  beta->install(after.key, issue(*alpha, after.request.der(), "beta", {}, kLater).value(), kLater)
      .value();
  EXPECT_EQ(beta->current()->chain.front().der(), fresh.certificate.der());

  const auto again = load(alpha_dir(), kLater);
  EXPECT_EQ(again->authority()->certificate.der(), fresh.certificate.der());
  EXPECT_EQ(again->former()->certificate.der(), old.certificate.der());
  EXPECT_EQ(mode_of(alpha_dir() / kFormerOrdinaryCaFile), 0600U);
  // Both files are the same when a renewal was interrupted between them.
  fs::copy_file(alpha_dir() / kOrdinaryCaFile, alpha_dir() / kFormerOrdinaryCaFile,
                fs::copy_options::overwrite_existing);
  EXPECT_FALSE(load(alpha_dir(), kLater)->former());

  fs::remove(alpha_dir() / "identity/root/root.ecdsa.pem");
  const auto alone = load(alpha_dir(), kLater);
  EXPECT_FALSE(alone->renew_authority(kLater + 300 * 24 * kHour).value());
  EXPECT_EQ(alone->authority()->certificate.der(), fresh.certificate.der());
}

TEST_F(OrdinaryTest, ADamagedLeafIsMadeAgainADamagedIntermediateIsNot) {
  const auto alpha = load(alpha_dir());
  renew_own(*alpha, {}, kNow).value();
  overwrite(alpha_dir() / kOrdinaryLeafFile, "nothing");
  EXPECT_EQ(load(alpha_dir())->current(), nullptr);
  overwrite(alpha_dir() / kOrdinaryCaFile, "nothing");
  EXPECT_EQ(code(try_load(alpha_dir())), "fleet.leaf_damaged");
}

TEST_F(OrdinaryTest, AnExposedKeyIsRefused) {
  renew_own(*load(alpha_dir()), {}, kNow).value();
  fs::permissions(alpha_dir() / kOrdinaryLeafFile, fs::perms::others_read, fs::perm_options::add);
  EXPECT_EQ(code(try_load(alpha_dir())), "node.secret_exposed");
}

}  // namespace
}  // namespace i2::fleet
