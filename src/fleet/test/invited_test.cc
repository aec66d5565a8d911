// A data directory that an invite makes a node.
#include <gtest/gtest.h>
#include <i2/fleet/invited.h>
#include <i2/fleet/operator_key.h>
#include <i2/fleet/trust_store.h>

#include <fstream>

#include "founded.h"
#include "issuing.h"

namespace i2::fleet {
namespace {

namespace fs = std::filesystem;
using testing::code;
using testing::Founded;
using testing::kHour;
using testing::kNow;
using testing::TempDir;

constexpr UnixMillis kLater = kNow + kHour;

// alpha, its anchor ordered, and tokens of it.
struct Inviting {
  explicit Inviting(const fs::path& dir) : home(dir) {
    trust = TrustStore::load(home.data_dir, kLater, home.ledger->chain()).value();
    home.ledger->on_change(
        [this](const LedgerChange& change) { EXPECT_TRUE(trust->follow(change)); });
    order(AddAnchor{*trust->members()->anchors().front()});
  }
  void order(const FleetOperation& body) {
    const auto added =
        home.append({home.sign(home.identity, account_of(trust->node_id()), nonce++, body)});
    EXPECT_TRUE(added) << added.error().to_string();
  }
  InviteToken token() {
    const Genesis genesis = trust->members()->genesis();
    PeerHint hint{.node_id = trust->node_id(), .address = {}, .port = 9292};
    hint.address.back() = 1;
    auto invite = make_invite({.chain_id = trust->chain_id(),
                               .root_fingerprint = root_fingerprint(genesis.root),
                               .peers = {hint},
                               .expiry = kNow + 24 * kHour,
                               .uses = 1,
                               .tag = {}})
                      .value();
    EXPECT_TRUE(home.append(
        {home.sign(home.operator_key, account_of(operator_id(home.operator_key.public_key())),
                   invites++, invite.operation)}));
    return std::move(invite.token);
  }
  // What the exchange comes to for this identity.
  JoinClient::Joined admit(const InviteToken& token, const trustchain::HybridKey& identity,
                           const trustchain::LeafRequest& leaf, const std::string& name) {
    const Bytes request = leaf.request.der();
    order(Admit{.proof = make_join_proof(token.chain_id, identity, request,
                                         fleet::invite_key(token).value())
                             .value(),
                .name = name});
    const auto snapshot = home.ledger->snapshot().value().value();
    return {.genesis = trust->members()->genesis(),
            .name = name,
            .leaf = testing::issue(*trust, request, trustchain::node_id(identity.public_key()),
                                   kLater, true)
                        .value(),
            .links = snapshot.links,
            .point = snapshot.point,
            .state = snapshot.chain->state,
            .peers = {}};
  }

  Founded home;
  std::unique_ptr<TrustStore> trust;
  std::uint64_t nonce = 0;
  std::uint64_t invites = 0;
};

InvitedNode begin(const fs::path& dir, const InviteToken& token) {
  return std::get<InvitedNode>(InvitedNode::begin(dir, token).value());
}

TEST(InvitedNode, IsANodeWithItsLedgerAtOnce) {
  const TempDir temp;
  Inviting alpha(temp / "alpha");
  const auto token = alpha.token();
  const fs::path dir = temp / "beta";
  NodeId node;
  {
    const auto beta = begin(dir, token);
    EXPECT_FALSE(beta.resumed());
    EXPECT_EQ(code(InvitedNode::begin(dir, token)), "node.data_dir_locked");
    ASSERT_TRUE(beta.keep());
    EXPECT_EQ(testing::mode_of(dir / kJoiningFile), 0600u);
    const auto leaf = trustchain::make_leaf_request("wish", "some").value();
    const auto joined = alpha.admit(token, beta.identity(), leaf, "beta");
    const auto made = beta.commit(joined, leaf.key);
    ASSERT_TRUE(made) << made.error().to_string();
    EXPECT_EQ(made->node_name, "beta");
    node = made->node_id;
  }
  EXPECT_FALSE(fs::exists(dir / kJoiningFile));
  EXPECT_FALSE(fs::exists(dir / kSetupFile));
  const StateMachine machine;
  auto ledger = open_ledger(dir, machine);
  ASSERT_TRUE(ledger) << ledger.error().to_string();
  EXPECT_EQ((*ledger)->chain()->head.state, alpha.home.ledger->chain()->head.state);
  const auto trust = TrustStore::load(dir, kLater, (*ledger)->chain());
  ASSERT_TRUE(trust) << trust.error().to_string();
  EXPECT_EQ((*trust)->name(), "beta");
  EXPECT_EQ((*trust)->node_id(), node);
  EXPECT_EQ((*trust)->peers(), token.peers);
  // It goes on from there.
  (void)alpha.token();
  const auto block = alpha.home.ledger->blocks_after((*ledger)->height(), 1 << 20).value();
  ASSERT_EQ(block.size(), 1u);
  EXPECT_TRUE(testing::follow(**ledger, block.front()).value());
  EXPECT_EQ(code((*ledger)->blocks_after(0, 1)), "fleet.blocks_unavailable");
  // Without the daemon's ledger its name is known too; the same token changes nothing.
  EXPECT_EQ(describe_node(dir)->node_name, "beta");
  const auto again = std::get<NodeSummary>(InvitedNode::begin(dir, token).value());
  EXPECT_EQ(again.node_id, node);
  EXPECT_FALSE(again.changed);
  Inviting other(temp / "other");
  EXPECT_EQ(code(InvitedNode::begin(dir, other.token())), "fleet.already_member");
  ledger->reset();
  EXPECT_EQ(code(InvitedNode::begin(dir, other.token(), true)), "fleet.already_member")
      << "its fleet has two members";
}

TEST(InvitedNode, ReplacesANodeThatIsAlone) {
  const TempDir temp;
  const fs::path dir = temp / "beta";
  const auto was = init({.data_dir = dir, .fleet_name = "mine", .node_name = "beta", .now = kNow});
  ASSERT_TRUE(was) << was.error().to_string();
  const StateMachine machine;
  ASSERT_TRUE(open_ledger(dir, machine));  // as its first start does
  Inviting alpha(temp / "alpha");
  const auto token = alpha.token();
  EXPECT_EQ(code(InvitedNode::begin(dir, token)), "fleet.already_member");
  {
    const auto begun = InvitedNode::begin(dir, token, true);
    ASSERT_TRUE(begun) << begun.error().to_string();
    const auto& beta = std::get<InvitedNode>(*begun);
    ASSERT_TRUE(beta.keep());
    EXPECT_EQ(describe_node(dir)->node_id, was->node_id) << "until the fleet has said yes";
    const auto leaf = trustchain::make_leaf_request("wish", "some").value();
    const auto made = beta.commit(alpha.admit(token, beta.identity(), leaf, "beta"), leaf.key);
    ASSERT_TRUE(made) << made.error().to_string();
  }
  EXPECT_EQ(describe_node(dir)->chain_id, token.chain_id);
  EXPECT_FALSE(fs::exists(dir / kReplacingFile));
  const fs::path aside = dir / kReplacedDir / was->chain_id.hex().substr(0, 16);
  EXPECT_EQ(describe_node(aside)->node_id, was->node_id);
  EXPECT_TRUE(fs::exists(aside / kRootFalconFile));
}

TEST(InvitedNode, KeepsItsKeysForTheSameInviteOnly) {
  const TempDir temp;
  Inviting alpha(temp / "alpha");
  const auto token = alpha.token();
  const fs::path dir = temp / "beta";
  const auto id_with = [&dir](const InviteToken& with, bool keep) {
    const auto node = begin(dir, with);
    EXPECT_TRUE(!keep || node.keep());
    return std::pair(trustchain::node_id(node.identity().public_key()), node.resumed());
  };
  const auto [first, resumed] = id_with(token, true);
  EXPECT_FALSE(resumed);
  EXPECT_EQ(inspect_data_dir(dir).value(), DataDirState::kEmpty);
  EXPECT_EQ(id_with(token, false), std::pair(first, true));
  EXPECT_NE(id_with(alpha.token(), false).first, first);
  EXPECT_EQ(id_with(token, false), std::pair(first, true))
      << "another invite alone changes nothing";
  const std::string kept = testing::contents(dir / kJoiningFile);
  for (const std::string& damaged :
       {std::string(), kept.substr(0, kept.size() / 2), "x" + kept, kept.substr(0, 70)}) {
    testing::overwrite(dir / kJoiningFile, damaged);
    EXPECT_FALSE(id_with(token, false).second);
  }
  // An init there does not leave the keys of a stranger lying about.
  testing::overwrite(dir / kJoiningFile, kept);
  ASSERT_TRUE(init({.data_dir = dir, .fleet_name = "home", .node_name = "beta", .now = kNow}));
  EXPECT_FALSE(fs::exists(dir / kJoiningFile));
}

}  // namespace
}  // namespace i2::fleet
