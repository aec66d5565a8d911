#include <gtest/gtest.h>
#include <i2/fleet/core/bundle.h>
#include <i2/fleet/membership.h>
#include <i2/fleet/trust_store.h>

#include <thread>

#include "issuing.h"
#include "temp_dir.h"

namespace i2::fleet {
namespace {

using ports::LeafStanding;
using testing::code;
using testing::contents;
using testing::issue;
using testing::kHour;
using testing::kNow;
using testing::overwrite;
using testing::renew_own_leaf;
using testing::TempDir;

namespace fs = std::filesystem;

// What a transport does with the other side's HELLO.
Result<ports::PeerIdentity> hello(const TrustStore& from, const TrustStore& to, UnixMillis now) {
  const Bytes message = to_bytes(as_bytes("exporter value, role, node id"));
  Result<Bytes> signature = fail("test.no_answer", "sign_hello() did not answer");
  from.sign_hello(message, [&signature](Result<Bytes> made) { signature = std::move(made); });
  const auto credential = from.current();
  I2_TRY_VALUE(const Bytes signed_bytes, std::move(signature));
  return to.check_hello({.node_id = from.node_id(),
                         .leaf = credential->certificate,
                         .binding = credential->binding,
                         .message = message,
                         .signature = signed_bytes},
                        now);
}

// alpha founded the fleet, beta joined by bundle; both as directories.
class TrustStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    init({.data_dir = alpha_dir(), .fleet_name = "home", .node_name = "alpha", .now = kNow})
        .value();
    provision_node("beta");
    join({.data_dir = beta_dir(), .bundle = temp_ / "beta.bundle", .expected = {}}).value();
  }
  void provision_node(const std::string& name) {
    provision({.data_dir = alpha_dir(),
               .node_name = name,
               .peers = {},
               .bundle = temp_ / (name + ".bundle"),
               .now = kNow})
        .value();
  }
  [[nodiscard]] fs::path alpha_dir() const { return temp_ / "alpha"; }
  [[nodiscard]] fs::path beta_dir() const { return temp_ / "beta"; }
  static std::unique_ptr<TrustStore> load(const fs::path& dir, UnixMillis now = kNow) {
    auto store = TrustStore::load(dir, now);
    EXPECT_TRUE(store) << store.error().to_string();
    return store ? *std::move(store) : nullptr;
  }
  // The record of a member as its bundle carries it.
  Bytes record_of(const std::string& name) {
    const std::string bytes = contents(temp_ / (name + ".bundle"));
    const auto bundle = decode_bundle(as_bytes(bytes)).value();
    for (const Member& member : bundle.members) {
      if (member.info.name == name) {
        return encode(member);
      }
    }
    return {};
  }

  TempDir temp_;
};

TEST_F(TrustStoreTest, TwoNodesAcceptEachOther) {
  const auto alpha = load(alpha_dir());
  const auto beta = load(beta_dir());
  EXPECT_EQ(alpha->check_leaf(beta->current()->certificate, kNow).value(), LeafStanding::kValid);
  EXPECT_EQ(beta->check_leaf(alpha->current()->certificate, kNow).value(), LeafStanding::kValid);
  const auto seen_by_alpha = hello(*beta, *alpha, kNow);
  ASSERT_TRUE(seen_by_alpha) << seen_by_alpha.error().to_string();
  EXPECT_EQ(seen_by_alpha->name, "beta");
  EXPECT_EQ(seen_by_alpha->node_id, beta->node_id());
  const auto seen_by_beta = hello(*alpha, *beta, kNow);
  ASSERT_TRUE(seen_by_beta) << seen_by_beta.error().to_string();
  EXPECT_EQ(seen_by_beta->name, "alpha");
}

TEST_F(TrustStoreTest, AStrangerIsRefused) {
  init({.data_dir = temp_ / "stranger", .fleet_name = "home", .node_name = "alpha", .now = kNow})
      .value();
  const auto stranger = load(temp_ / "stranger");
  const auto beta = load(beta_dir());
  EXPECT_EQ(code(beta->check_leaf(stranger->current()->certificate, kNow)), "trust.leaf_untrusted");
  EXPECT_EQ(code(hello(*stranger, *beta, kNow)), "trust.member_unknown");
}

TEST_F(TrustStoreTest, TheCredentialBelongsTogether) {
  const auto beta = load(beta_dir());
  const auto credential = beta->current();
  EXPECT_EQ(credential->certificate.public_key().spki(), credential->key.public_key().spki());
  const auto binding = trustchain::decode_binding(credential->binding).value();
  EXPECT_EQ(binding.node_id, beta->node_id());
  EXPECT_EQ(binding.not_after, credential->certificate.not_after());
}

TEST_F(TrustStoreTest, LearnsOfProvisionedMembersOnReload) {
  const auto alpha = load(alpha_dir());
  provision_node("gamma");
  EXPECT_EQ(alpha->members()->size(), 2u);
  const auto held = alpha->members();
  EXPECT_EQ(alpha->reload_members().value(), 3u);
  EXPECT_EQ(alpha->members()->size(), 3u);
  EXPECT_EQ(held->size(), 2u);
  EXPECT_NE(alpha->members()->find("gamma"), nullptr);
}

TEST_F(TrustStoreTest, TakesOverARecordOnceAndForGood) {
  provision_node("gamma");
  const auto beta = load(beta_dir());
  const Bytes gamma = record_of("gamma");
  Bytes forged = gamma;
  forged.back() ^= 1;
  EXPECT_EQ(code(beta->add_member(forged)), "fleet.member_signature");
  EXPECT_EQ(beta->members()->find("gamma"), nullptr);
  EXPECT_TRUE(beta->add_member(gamma).value());
  EXPECT_FALSE(beta->add_member(gamma).value());
  ASSERT_NE(beta->members()->find("gamma"), nullptr);
  EXPECT_NE(load(beta_dir())->members()->find("gamma"), nullptr);

  EXPECT_FALSE(load(alpha_dir())->add_member(gamma).value());
  Member delta = decode_member(gamma).value();
  delta.info.name = "delta";
  EXPECT_EQ(code(beta->add_member(encode(delta))), "fleet.member_signature");
  EXPECT_EQ(code(beta->add_member(Bytes(10))), "fleet.member_invalid");
  EXPECT_EQ(code(beta->add_member(Bytes(kMemberSizeMax + 1))), "fleet.member_invalid");
  EXPECT_EQ(load(beta_dir())->members()->size(), 3u);
}

TEST_F(TrustStoreTest, TheAuthorityRenewsItsOwnLeaf) {
  const auto alpha = load(alpha_dir());
  const auto beta = load(beta_dir());
  const auto old = alpha->current();
  const UnixMillis later = alpha->renewal_time();
  EXPECT_EQ(later, old->certificate.not_before() + 16 * kHour);
  ASSERT_TRUE(alpha->can_issue(later));
  ASSERT_TRUE(renew_own_leaf(*alpha, later));
  const auto fresh = alpha->current();
  EXPECT_NE(fresh->key.public_key().spki(), old->key.public_key().spki());
  EXPECT_NE(fresh->certificate.serial(), old->certificate.serial());
  EXPECT_EQ(fresh->certificate.not_after(),
            later - 5 * 60 * 1000 + 24 * kHour);  // `later` is a whole second
  EXPECT_EQ(beta->check_leaf(fresh->certificate, later).value(), LeafStanding::kValid);
  EXPECT_EQ(code(hello(*alpha, *beta, later)), "ok");
  // What a handshake in progress holds stays good.
  EXPECT_EQ(beta->check_leaf(old->certificate, later).value(), LeafStanding::kValid);
  EXPECT_EQ(load(alpha_dir(), later)->current()->certificate.der(), fresh->certificate.der());
}

TEST_F(TrustStoreTest, AMemberRenewsThroughTheAuthority) {
  const auto alpha = load(alpha_dir());
  const auto beta = load(beta_dir());
  const UnixMillis later = kNow + 20 * kHour;
  EXPECT_EQ(code(renew_own_leaf(*beta, later)), "fleet.no_anchor");
  const auto request = beta->make_renewal_request().value();
  const auto certificate = issue(*alpha, request.request.der(), beta->node_id(), later);
  ASSERT_TRUE(certificate) << certificate.error().to_string();
  ASSERT_TRUE(beta->install_leaf(request.key, *certificate, later));
  EXPECT_EQ(beta->current()->certificate.der(), certificate->der());
  EXPECT_EQ(code(hello(*beta, *alpha, later + 10 * kHour)), "ok");
  EXPECT_EQ(load(beta_dir(), later)->current()->certificate.der(), certificate->der());
}

TEST_F(TrustStoreTest, TheAuthorityIssuesToTheMemberWhoAsksOnly) {
  const auto alpha = load(alpha_dir());
  const auto beta = load(beta_dir());
  const Bytes request = beta->make_renewal_request().value().request.der();
  EXPECT_EQ(code(issue(*alpha, request, alpha->node_id(), kNow)), "trust.request_name");
  EXPECT_EQ(code(issue(*alpha, request, NodeId{}, kNow)), "trust.member_unknown");
  EXPECT_EQ(code(issue(*alpha, Bytes(20), beta->node_id(), kNow)), "crypto.request_malformed");
  EXPECT_EQ(code(issue(*alpha, request, beta->node_id(), kNow + 2 * trustchain::kAnchorLifeMs)),
            "trust.anchor_not_valid");
  EXPECT_FALSE(alpha->can_issue(kNow + 2 * trustchain::kAnchorLifeMs));
  EXPECT_EQ(code(issue(*beta, request, beta->node_id(), kNow)), "fleet.no_anchor");
}

TEST_F(TrustStoreTest, InstallsOnlyAGoodLeafOfItsOwn) {
  const auto alpha = load(alpha_dir());
  const auto beta = load(beta_dir());
  const auto before = beta->current();
  const auto request = beta->make_renewal_request().value();
  const auto good = issue(*alpha, request.request.der(), beta->node_id(), kNow).value();
  EXPECT_EQ(code(beta->install_leaf(before->key, good, kNow)), "fleet.leaf_refused");
  EXPECT_EQ(code(beta->install_leaf(request.key, good, kNow + 48 * kHour)), "fleet.leaf_refused");
  EXPECT_EQ(code(beta->install_leaf(alpha->current()->key, alpha->current()->certificate, kNow)),
            "fleet.leaf_refused");
  init({.data_dir = temp_ / "stranger", .fleet_name = "home", .node_name = "beta", .now = kNow})
      .value();
  const auto stranger = load(temp_ / "stranger");
  EXPECT_EQ(
      code(beta->install_leaf(stranger->current()->key, stranger->current()->certificate, kNow)),
      "fleet.leaf_refused");
  EXPECT_EQ(beta->current(), before);
}

TEST_F(TrustStoreTest, ComesBackAfterAMonthAndIsAdmittedForRenewal) {
  const UnixMillis later = kNow + 30 * 24 * kHour;
  const auto alpha = load(alpha_dir(), later);
  const auto beta = load(beta_dir(), later);
  EXPECT_EQ(alpha->check_leaf(beta->current()->certificate, later).value(), LeafStanding::kExpired);
  EXPECT_EQ(code(hello(*beta, *alpha, later)), "ok");
  // Not for ever: the new binding has its own end, and is then signed again.
  EXPECT_EQ(code(hello(*beta, *alpha, later + kHour)), "trust.binding_expired");
  const auto before = beta->current();
  ASSERT_TRUE(beta->refresh_binding(later + kHour / 2 - 1));
  EXPECT_EQ(beta->current(), before);
  ASSERT_TRUE(beta->refresh_binding(later + kHour / 2));
  EXPECT_EQ(code(hello(*beta, *alpha, later + kHour)), "ok");

  ASSERT_TRUE(renew_own_leaf(*alpha, later));
  const auto request = beta->make_renewal_request().value();
  const auto certificate = issue(*alpha, request.request.der(), beta->node_id(), later).value();
  ASSERT_TRUE(beta->install_leaf(request.key, certificate, later));
  EXPECT_EQ(alpha->check_leaf(beta->current()->certificate, later).value(), LeafStanding::kValid);
  EXPECT_EQ(code(hello(*beta, *alpha, later)), "ok");
}

TEST_F(TrustStoreTest, ALostBindingIsSignedAgain) {
  fs::remove(beta_dir() / "identity/leaf/binding");
  EXPECT_EQ(code(hello(*load(beta_dir()), *load(alpha_dir()), kNow)), "ok");
  overwrite(beta_dir() / "identity/leaf/binding", contents(alpha_dir() / "identity/leaf/binding"));
  EXPECT_EQ(code(hello(*load(beta_dir()), *load(alpha_dir()), kNow)), "ok");
}

TEST_F(TrustStoreTest, RefusesSecretsThatOthersCanUse) {
  for (const std::string_view file : {"identity/node.falcon.pem", "identity/node.ed25519.pem",
                                      "identity/leaf/leaf.pem", "identity/ca/anchor.falcon.pem"}) {
    const fs::path path = alpha_dir() / file;
    fs::permissions(path, fs::perms::others_read, fs::perm_options::add);
    const auto refused = TrustStore::load(alpha_dir(), kNow);
    EXPECT_EQ(code(refused), "node.secret_exposed") << file;
    EXPECT_NE(refused.error().message().find("run chmod 600 '" + path.string() + "'"),
              std::string::npos)
        << refused.error().message();
    fs::permissions(path, fs::perms::others_read, fs::perm_options::remove);
  }
  EXPECT_EQ(code(TrustStore::load(alpha_dir(), kNow)), "ok");
}

TEST_F(TrustStoreTest, NamesTheFileThatIsDamaged) {
  const auto damaged = [this](std::string_view file, const std::string& bytes) {
    const fs::path path = alpha_dir() / file;
    const std::string before = contents(path);
    overwrite(path, bytes);
    const auto refused = TrustStore::load(alpha_dir(), kNow);
    overwrite(path, before);
    EXPECT_FALSE(refused);
    EXPECT_NE(refused.error().message().find(path.string()), std::string::npos)
        << refused.error().message();
    return code(refused);
  };
  const std::string other_genesis = contents(beta_dir() / "ledger/peers");
  EXPECT_EQ(damaged("ledger/genesis", other_genesis), "fleet.ledger_damaged");
  EXPECT_EQ(damaged("ledger/peers", ""), "fleet.ledger_damaged");
  EXPECT_EQ(damaged("identity/node.falcon.pem", ""), "fleet.identity_damaged");
  EXPECT_EQ(
      damaged("identity/node.ed25519.pem", contents(alpha_dir() / "identity/root/root.ecdsa.pem")),
      "fleet.identity_damaged");
  EXPECT_EQ(
      damaged("identity/ca/anchor.falcon.pem", contents(alpha_dir() / "identity/node.ed25519.pem")),
      "fleet.identity_damaged");
  EXPECT_EQ(damaged("identity/leaf/leaf.pem", contents(alpha_dir() / "identity/node.falcon.pem")),
            "fleet.leaf_damaged");
  const auto members = fs::directory_iterator(alpha_dir() / "ledger/members");
  const std::string record = "ledger/members/" + members->path().filename().string();
  std::string forged = contents(alpha_dir() / record);
  forged.back() = static_cast<char>(forged.back() ^ 1);
  EXPECT_EQ(damaged(record, forged.substr(1)), "fleet.ledger_damaged");
  EXPECT_EQ(code(TrustStore::load(alpha_dir(), kNow)), "ok");
}

TEST_F(TrustStoreTest, KeepsItsViewWhenAReloadFails) {
  const auto alpha = load(alpha_dir());
  overwrite(alpha_dir() / "ledger/members/ff", "not a record");
  EXPECT_EQ(code(alpha->reload_members()), "fleet.ledger_damaged");
  EXPECT_EQ(alpha->members()->size(), 2u);
}

TEST_F(TrustStoreTest, AnswersWhileItChanges) {
  const auto alpha = load(alpha_dir());
  const auto beta = load(beta_dir());
  provision_node("gamma");
  const Bytes gamma = record_of("gamma");
  std::jthread renewing([&alpha] {
    for (int i = 0; i < 5; ++i) {
      EXPECT_TRUE(renew_own_leaf(*alpha, kNow));
      EXPECT_TRUE(alpha->reload_members());
    }
  });
  std::jthread adding([&beta, &gamma] { EXPECT_TRUE(beta->add_member(gamma)); });
  for (int i = 0; i < 20; ++i) {
    const auto leaf = alpha->current();
    EXPECT_EQ(beta->check_leaf(leaf->certificate, kNow).value(), LeafStanding::kValid);
    EXPECT_EQ(code(hello(*alpha, *beta, kNow)), "ok");
    EXPECT_EQ(code(hello(*beta, *alpha, kNow)), "ok");
  }
}

}  // namespace
}  // namespace i2::fleet
