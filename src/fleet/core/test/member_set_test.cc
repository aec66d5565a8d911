#include <gtest/gtest.h>

#include "fleet.h"

namespace i2::fleet {
namespace {

using ports::LeafStanding;
using testing::code;
using testing::Fleet;
using testing::kHour;
using testing::kNow;
using testing::Node;

// One fleet with a second member, and everything that member would send in HELLO.
class MemberSetTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    home_ = new Fleet("home", 1);
    beta_ = new Node(home_->make_node("beta"));
    record_ = new Member(home_->admit(*beta_));
    const auto made = trustchain::make_leaf_request("beta", "home").value();
    leaf_ = new crypto::Certificate(home_->issue(made.request, "beta", kNow));
  }
  static void TearDownTestSuite() {
    delete leaf_;
    delete record_;
    delete beta_;
    delete home_;
  }

  static Bytes bind(const trustchain::HybridKey& key, const NodeId& node,
                    const crypto::Certificate& leaf, UnixMillis until) {
    return encode(trustchain::make_binding(key, node, leaf.public_key(), until).value());
  }
  static Bytes binding() {
    return bind(beta_->identity, beta_->info.node_id, *leaf_, kNow + kHour);
  }
  static Bytes sign(const Node& node) { return node.identity.ed25519().sign(message()).value(); }
  static ByteView message() { return as_bytes("exporter value, role, node id"); }
  static ports::HelloClaim claim(const Bytes& binding, const Bytes& signature) {
    return {.node_id = beta_->info.node_id,
            .leaf = *leaf_,
            .binding = binding,
            .message = message(),
            .signature = signature};
  }
  static MemberSet set() { return home_->set(std::span(record_, 1)); }

  static Fleet* home_;
  static Node* beta_;
  static Member* record_;
  static crypto::Certificate* leaf_;
};

Fleet* MemberSetTest::home_ = nullptr;
Node* MemberSetTest::beta_ = nullptr;
Member* MemberSetTest::record_ = nullptr;
crypto::Certificate* MemberSetTest::leaf_ = nullptr;

TEST_F(MemberSetTest, FindsMembersByIdAndName) {
  const MemberSet both = set();
  EXPECT_EQ(both.size(), 2u);
  ASSERT_NE(both.find("beta"), nullptr);
  EXPECT_EQ(both.find("beta")->node_id, beta_->info.node_id);
  EXPECT_EQ(both.find(home_->alpha.info.node_id)->name, "alpha");
  EXPECT_EQ(both.find("gamma"), nullptr);
  ASSERT_EQ(both.records().size(), 1u);
  EXPECT_EQ(both.records()[0]->info, beta_->info);
}

TEST_F(MemberSetTest, GrowsByOperatorSignedRecordsOnly) {
  const MemberSet before = home_->set({});
  const auto after = before.with(*record_);
  ASSERT_TRUE(after) << after.error().to_string();
  EXPECT_EQ(before.size(), 1u);
  EXPECT_EQ(after->size(), 2u);
  EXPECT_EQ(after->with(*record_).value().size(), 2u);
  EXPECT_EQ(code(before.with(home_->admit(*beta_, {}))), "fleet.member_signature");
  EXPECT_EQ(code(before.with(home_->admit(*beta_, {&home_->alpha.identity}))),
            "fleet.member_signature");

  Node same_name = home_->make_node("beta");
  EXPECT_EQ(code(after->with(home_->admit(same_name))), "fleet.name_taken");
  same_name.info.name = "alpha";
  EXPECT_EQ(code(after->with(home_->admit(same_name))), "fleet.name_taken");
  Node renamed = *beta_;
  renamed.info.name = "gamma";
  EXPECT_EQ(code(after->with(home_->admit(renamed))), "fleet.member_conflict");
}

TEST_F(MemberSetTest, RefusesRecordsOfAnotherFleet) {
  Fleet other("other", 1);
  EXPECT_EQ(code(home_->set({}).with(other.admit(*beta_))), "fleet.member_foreign");
  EXPECT_EQ(code(home_->set({}).with(other.anchor)), "trust.anchor_invalid");
  Genesis stolen = home_->genesis;
  stolen.operators = {other.operator_1.public_key()};
  EXPECT_EQ(code(MemberSet::create(stolen, {}, {})), "fleet.genesis_invalid");
  // An anchor of our name and chain that another root signed.
  const auto forged = home_->make_anchor(other.anchor_key, other.root);
  EXPECT_EQ(code(home_->set({}).with(forged)), "trust.anchor_invalid");
}

TEST_F(MemberSetTest, AcceptsLeavesOfItsAnchors) {
  const MemberSet members = set();
  EXPECT_EQ(members.check_leaf(*leaf_, kNow).value(), LeafStanding::kValid);
  EXPECT_EQ(members.check_leaf(*leaf_, leaf_->not_after() - 1).value(), LeafStanding::kValid);
  EXPECT_EQ(members.check_leaf(*leaf_, leaf_->not_after()).value(), LeafStanding::kExpired);
  EXPECT_EQ(members.check_leaf(*leaf_, kNow + 30 * 24 * kHour).value(), LeafStanding::kExpired);
  // Long after the anchor itself has ended: it was good while the leaf was.
  EXPECT_EQ(members.check_leaf(*leaf_, kNow + 2 * trustchain::kAnchorLifeMs).value(),
            LeafStanding::kExpired);
  EXPECT_EQ(code(members.check_leaf(*leaf_, kNow - kHour)), "trust.leaf_untrusted");
  EXPECT_EQ(code(members.check_leaf({}, kNow)), "trust.leaf_untrusted");

  const auto made = trustchain::make_leaf_request("beta", "home").value();
  const auto later = home_->issue(made.request, "beta", kNow + kHour);
  EXPECT_EQ(code(members.check_leaf(later, kNow)), "trust.leaf_not_yet_valid");
}

TEST_F(MemberSetTest, RefusesLeavesOfStrangersEvenExpiredOnes) {
  Fleet other("home", 1);
  const auto made = trustchain::make_leaf_request("beta", "home").value();
  const auto foreign = other.issue(made.request, "beta", kNow);
  EXPECT_EQ(code(set().check_leaf(foreign, kNow)), "trust.leaf_untrusted");
  EXPECT_EQ(code(set().check_leaf(foreign, kNow + 48 * kHour)), "trust.leaf_untrusted");
}

TEST_F(MemberSetTest, SeveralAnchorsEachVouchForTheirOwnLeaves) {
  const auto second_key = testing::new_key(crypto::SignatureAlgorithm::kFalcon1024);
  const auto second = home_->make_anchor(second_key, home_->root);
  const MemberSet members = set().with(second).value();
  EXPECT_EQ(members.anchors().size(), 2u);
  EXPECT_EQ(members.with(second).value().anchors().size(), 2u);
  const auto made = trustchain::make_leaf_request("beta", "home").value();
  const auto under_second =
      trustchain::issue_leaf(
          made.request, second, second_key,
          {.node_name = "beta", .fleet_name = "home", .now = kNow, .serial = home_->serial()})
          .value();
  EXPECT_EQ(members.check_leaf(under_second, kNow).value(), LeafStanding::kValid);
  EXPECT_EQ(members.check_leaf(*leaf_, kNow).value(), LeafStanding::kValid);
  EXPECT_EQ(members.check_leaf(*leaf_, leaf_->not_after() + kHour).value(), LeafStanding::kExpired);
  EXPECT_EQ(code(set().check_leaf(under_second, kNow)), "trust.leaf_untrusted");
}

TEST_F(MemberSetTest, HelloOfAMember) {
  const auto peer = set().check_hello(claim(binding(), sign(*beta_)), kNow);
  ASSERT_TRUE(peer) << peer.error().to_string();
  EXPECT_EQ(peer->node_id, beta_->info.node_id);
  EXPECT_EQ(peer->name, "beta");
}

TEST_F(MemberSetTest, HelloOfAnUnregisteredKey) {
  EXPECT_EQ(code(home_->set({}).check_hello(claim(binding(), sign(*beta_)), kNow)),
            "trust.member_unknown");
}

TEST_F(MemberSetTest, HelloWithABindingOfSomebodyElse) {
  const Bytes signature = sign(*beta_);
  const auto verdict = [&](const Bytes& binding) {
    return code(set().check_hello(claim(binding, signature), kNow));
  };
  EXPECT_EQ(verdict({}), "trust.binding_invalid");
  EXPECT_EQ(verdict(bind(home_->alpha.identity, home_->alpha.info.node_id, *leaf_, kNow + kHour)),
            "trust.binding_invalid");
  EXPECT_EQ(verdict(bind(home_->alpha.identity, beta_->info.node_id, *leaf_, kNow + kHour)),
            "trust.binding_invalid");
  EXPECT_EQ(
      verdict(bind(beta_->identity, beta_->info.node_id, home_->anchor.certificate, kNow + kHour)),
      "trust.binding_invalid");
}

TEST_F(MemberSetTest, HelloWithAnExpiredBinding) {
  const Bytes good = binding();
  const Bytes signature = sign(*beta_);
  EXPECT_EQ(code(set().check_hello(claim(good, signature), kNow + kHour - 1)), "ok");
  EXPECT_EQ(code(set().check_hello(claim(good, signature), kNow + kHour)), "trust.binding_expired");
  // A node that comes back signs a new one for its expired leaf.
  const UnixMillis month_later = kNow + 30 * 24 * kHour;
  const Bytes renewed = bind(beta_->identity, beta_->info.node_id, *leaf_, month_later + kHour);
  EXPECT_EQ(code(set().check_hello(claim(renewed, signature), month_later)), "ok");
}

TEST_F(MemberSetTest, HelloSignedByAnotherKey) {
  const Bytes good = binding();
  EXPECT_EQ(code(set().check_hello(claim(good, sign(home_->alpha)), kNow)),
            "trust.hello_signature");
  EXPECT_EQ(code(set().check_hello(claim(good, Bytes(64)), kNow)), "trust.hello_signature");
  EXPECT_EQ(code(set().check_hello(claim(good, {}), kNow)), "trust.hello_signature");
}

TEST_F(MemberSetTest, HelloWithTheNameOfAnotherMemberInTheLeaf) {
  const auto made = trustchain::make_leaf_request("alpha", "home").value();
  const auto leaf = home_->issue(made.request, "alpha", kNow);
  const Bytes bound = bind(beta_->identity, beta_->info.node_id, leaf, kNow + kHour);
  const Bytes signature = sign(*beta_);
  const ports::HelloClaim claim{.node_id = beta_->info.node_id,
                                .leaf = leaf,
                                .binding = bound,
                                .message = message(),
                                .signature = signature};
  EXPECT_EQ(code(set().check_hello(claim, kNow)), "trust.binding_invalid");
}

}  // namespace
}  // namespace i2::fleet
