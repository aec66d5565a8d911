#include "chain.h"

namespace i2::fleet {
namespace {

using testing::Author;
using testing::by_node;
using testing::by_operator;
using testing::code;
using testing::Fleet;
using testing::Invite;
using testing::kHour;
using testing::TestChain;

struct Home {
  Fleet fleet{"home", 2};
  TestChain chain{fleet};
  Author alpha = by_node(fleet.alpha);
  Author operator_1 = by_operator(fleet.operator_1);
  Author operator_2 = by_operator(fleet.operator_2);

  // Admitted by an invite.
  testing::Node join(const std::string& name) {
    const auto node = fleet.make_node(name);
    const Invite invite;
    EXPECT_EQ(chain.run(operator_1, chain.offer(invite)), "ok");
    EXPECT_EQ(chain.run(alpha, chain.admission(node, invite)), "ok");
    return node;
  }
  // With the approval of both operators.
  std::string run_approved(const FleetOperation& body) {
    Operation operation = chain.make(operator_1, body);
    approve_operation(operation, fleet.operator_2).value();
    return chain.run(operation, operator_1);
  }
};

TEST(StateMachine, BeginsWithWhatGenesisSays) {
  Home home;
  const FleetState state = home.chain.state();
  EXPECT_EQ(encode(state.genesis().value()), encode(home.fleet.genesis));
  EXPECT_EQ(state.operators()->keys, home.fleet.genesis.operators);
  EXPECT_EQ(state.operators()->required, 2);
  EXPECT_EQ(state.parameters().value(), FleetParameters{});
  const auto first = state.member(home.fleet.alpha.info.node_id).value();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->info, home.fleet.alpha.info);
  EXPECT_EQ(state.node_named("alpha"), home.fleet.alpha.info.node_id);
  EXPECT_EQ(state.member_count(), 1u);
  EXPECT_EQ(home.chain.chain.head.state, home.chain.chain.state.root());
}

TEST(StateMachine, RefusesAFleetWhoseRulesItDoesNotKnow) {
  Fleet fleet("home", 1);
  fleet.genesis.parameters.proof_policy = 1;
  EXPECT_EQ(code(StateMachine::begin(fleet.genesis)), "fleet.parameter_unsupported");
}

TEST(StateMachine, AnInviteAdmitsOneNode) {
  Home home;
  const Invite invite;
  const auto beta = home.fleet.make_node("beta");
  EXPECT_EQ(home.chain.run(home.operator_1, home.chain.offer(invite)), "ok");
  EXPECT_EQ(home.chain.state().invite(invite.id()).value()->tag, "laptop");
  EXPECT_EQ(home.chain.run(home.alpha, home.chain.admission(beta, invite)), "ok");
  const auto member = home.chain.state().member(beta.info.node_id).value();
  ASSERT_TRUE(member);
  EXPECT_EQ(member->info.name, "beta");
  EXPECT_EQ(member->info.role, Role::kNode);
  EXPECT_EQ(member->info.identity, beta.identity.public_key());
  EXPECT_EQ(member->info.sponsor, home.fleet.alpha.info.node_id);
  EXPECT_EQ(member->info.admitted_at, home.chain.chain.head.time);
  EXPECT_EQ(member->by, Admission::kInvite);
  EXPECT_EQ(home.chain.state().invite(invite.id()).value()->uses_left, 0u);

  const auto gamma = home.fleet.make_node("gamma");
  EXPECT_EQ(home.chain.run(home.alpha, home.chain.admission(gamma, invite)), "trust.invite_used");
  EXPECT_EQ(home.chain.state().member_count(), 2u);
}

TEST(StateMachine, OfTwoJoinsWithOneInviteTheFirstInOrderWins) {
  Home home;
  const Invite invite;
  const auto beta = home.join("beta");
  ASSERT_EQ(home.chain.run(home.operator_1, home.chain.offer(invite)), "ok");
  const auto gamma = home.fleet.make_node("gamma");
  const auto delta = home.fleet.make_node("delta");
  BlockBuilder builder(home.chain.machine, home.chain.chain, home.chain.now);
  EXPECT_TRUE(builder.add(home.chain.sign(home.alpha, home.chain.admission(gamma, invite))));
  const auto late =
      builder.add(home.chain.sign(by_node(beta), home.chain.admission(delta, invite)));
  EXPECT_EQ(code(late), "trust.invite_used");
  EXPECT_EQ(builder.size(), 1u);
}

TEST(StateMachine, AnInviteNamesTheReasonWhyItIsRefused) {
  Home home;
  const auto beta = home.fleet.make_node("beta");
  const Invite unknown;
  const Invite revoked;
  const Invite expired;
  EXPECT_EQ(home.chain.run(home.alpha, home.chain.admission(beta, unknown)),
            "trust.invite_unknown");
  ASSERT_EQ(home.chain.run(home.operator_1, home.chain.offer(revoked)), "ok");
  ASSERT_EQ(home.chain.run(home.operator_2, RevokeInvite{revoked.id()}), "ok");
  EXPECT_EQ(home.chain.run(home.alpha, home.chain.admission(beta, revoked)),
            "trust.invite_revoked");
  ASSERT_EQ(home.chain.run(home.operator_1, home.chain.offer(expired)), "ok");
  home.chain.now += 2 * kHour;
  EXPECT_EQ(home.chain.run(home.alpha, home.chain.admission(beta, expired)),
            "trust.invite_expired");
}

TEST(StateMachine, OnlyOperatorsInvite) {
  Home home;
  const Invite invite;
  EXPECT_EQ(home.chain.run(home.alpha, home.chain.offer(invite)), "fleet.operation_approvals");
  Operation operation = home.chain.make(home.alpha, home.chain.offer(invite));
  approve_operation(operation, home.fleet.operator_2).value();
  EXPECT_EQ(home.chain.run(operation, home.alpha), "ok");
  auto late = home.chain.offer(Invite{});
  late.expiry = home.chain.now;
  EXPECT_EQ(home.chain.run(home.operator_1, late), "fleet.invite_invalid");
  late.expiry = home.chain.now + 31 * 24 * kHour;
  EXPECT_EQ(home.chain.run(home.operator_1, late), "fleet.invite_invalid");
}

TEST(StateMachine, AJoinProofIsGoodForOneIdentityOneInviteAndOneFleet) {
  Home home;
  Fleet other("other", 1);
  const Invite invite;
  const Invite second;
  const auto beta = home.fleet.make_node("beta");
  ASSERT_EQ(home.chain.run(home.operator_1, home.chain.offer(invite, 3)), "ok");
  ASSERT_EQ(home.chain.run(home.operator_1, home.chain.offer(second)), "ok");
  const Admit good = home.chain.admission(beta, invite);

  Admit foreign = good;
  foreign.proof = make_join_proof(chain_id(other.genesis), beta.identity, {}, invite.key).value();
  EXPECT_EQ(home.chain.run(home.alpha, foreign), "trust.join_proof");
  Admit other_invite = good;
  other_invite.proof.invite_key = second.key.public_key();
  EXPECT_EQ(home.chain.run(home.alpha, other_invite), "trust.join_proof");
  Admit other_identity = good;
  const auto gamma = home.fleet.make_node("gamma");
  other_identity.proof.identity = gamma.identity.public_key();
  other_identity.proof.node_id = gamma.info.node_id;
  EXPECT_EQ(home.chain.run(home.alpha, other_identity), "trust.join_proof");
  Admit other_request = good;
  other_request.proof.request_sha256[0] ^= 1;
  EXPECT_EQ(home.chain.run(home.alpha, other_request), "trust.join_proof");
  // The invite's signature is right, the identity's is missing.
  Admit unsigned_identity = good;
  unsigned_identity.proof.identity_signature = {};
  EXPECT_EQ(home.chain.run(home.alpha, unsigned_identity), "trust.join_proof");

  EXPECT_EQ(home.chain.run(home.alpha, good), "ok");
  EXPECT_EQ(home.chain.run(home.alpha, good), "fleet.member_conflict");
  Admit same_name = home.chain.admission(gamma, invite);
  same_name.name = "beta";
  EXPECT_EQ(home.chain.run(home.alpha, same_name), "fleet.name_taken");
}

TEST(StateMachine, AMemberOfARecordIsRegisteredByAnybody) {
  Home home;
  const auto beta = home.join("beta");
  const auto gamma = home.fleet.make_node("gamma");
  EXPECT_EQ(home.chain.run(by_node(beta), Register{home.fleet.admit(gamma)}), "ok");
  EXPECT_EQ(home.chain.state().member(gamma.info.node_id).value()->by, Admission::kOperators);
  const auto delta = home.fleet.make_node("delta", Role::kValidator);
  EXPECT_EQ(home.chain.run(by_node(beta), Register{home.fleet.admit(delta)}),
            "fleet.member_signature");
  EXPECT_EQ(
      home.chain.run(by_node(beta), Register{home.fleet.admit(
                                        delta, {&home.fleet.operator_1, &home.fleet.operator_2})}),
      "ok");
}

TEST(StateMachine, MOfNOperatorsDecideAboutValidators) {
  Home home;
  const auto beta = home.join("beta");
  const SetRole promote{.node = beta.info.node_id, .role = Role::kValidator};
  EXPECT_EQ(home.chain.run(home.operator_1, promote), "fleet.operation_approvals");
  // One operator counts once, however often it signs.
  Operation twice = home.chain.make(home.operator_1, promote);
  approve_operation(twice, home.fleet.operator_1).value();
  approve_operation(twice, home.fleet.operator_1).value();
  ASSERT_EQ(twice.proofs.size(), 1u);
  EXPECT_EQ(home.chain.run(twice, home.operator_1), "fleet.operation_approvals");
  Operation copied = home.chain.make(home.alpha, promote);
  approve_operation(copied, home.fleet.operator_1).value();
  copied.proofs.push_back(copied.proofs.front());
  EXPECT_EQ(home.chain.run(copied, home.alpha), "fleet.operation_malformed");
  Operation stranger = home.chain.make(home.operator_1, promote);
  approve_operation(stranger, testing::new_pair()).value();
  EXPECT_EQ(home.chain.run(stranger, home.operator_1), "fleet.operation_signature");
  // An approval of the same deed at another time.
  Operation moved = home.chain.make(home.operator_1, promote);
  approve_operation(moved, home.fleet.operator_2).value();
  moved.nonce += 1;
  ASSERT_EQ(home.chain.run(home.operator_1, home.chain.offer(Invite{})), "ok");
  EXPECT_EQ(home.chain.run(moved, home.operator_1), "fleet.operation_signature");

  for (const auto* const node : std::vector<const testing::Node*>{&home.fleet.alpha, &beta}) {
    const auto key = consensus::VoteKey::generate(consensus::VoteSuite::kEd25519).value();
    const Bytes message = possession_message(home.chain.chain.head.chain_id, node->info.node_id);
    ASSERT_EQ(home.chain.run(by_node(*node), SetVoteKey{.key = key.public_key(),
                                                        .possession = key.sign(message).value()}),
              "ok");
  }
  EXPECT_EQ(home.run_approved(promote), "ok");
  EXPECT_EQ(home.chain.state().member(beta.info.node_id).value()->info.role, Role::kValidator);
  const Expel expel{.node = beta.info.node_id, .reason = "lied"};
  EXPECT_EQ(home.chain.run(home.operator_2, expel), "fleet.operation_approvals");
  EXPECT_EQ(home.run_approved(expel), "ok");
}

TEST(StateMachine, WhoIsExpelledIsOut) {
  Home home;
  const auto beta = home.join("beta");
  const auto gamma = home.join("gamma");
  ASSERT_EQ(home.chain.run(home.operator_1, Expel{.node = beta.info.node_id, .reason = "stolen"}),
            "ok");
  const FleetState state = home.chain.state();
  EXPECT_FALSE(*state.member(beta.info.node_id));
  const auto record = state.revoked(beta.info.node_id).value();
  ASSERT_TRUE(record);
  EXPECT_EQ(record->name, "beta");
  EXPECT_EQ(record->how, Departure::kExpelled);
  EXPECT_EQ(record->reason, "stolen");
  EXPECT_EQ(home.chain.run(by_node(beta), Leave{}), "fleet.account_revoked");
  EXPECT_EQ(home.chain.run(home.operator_1, Expel{.node = beta.info.node_id, .reason = {}}),
            "trust.member_revoked");
  const Invite invite;
  ASSERT_EQ(home.chain.run(home.operator_1, home.chain.offer(invite, 2)), "ok");
  EXPECT_EQ(home.chain.run(home.alpha, home.chain.admission(beta, invite)), "trust.member_revoked");
  EXPECT_EQ(home.chain.run(home.alpha, Register{home.fleet.admit(beta)}), "trust.member_revoked");
  // The name is free for another identity.
  EXPECT_EQ(home.chain.run(home.alpha, home.chain.admission(home.fleet.make_node("beta"), invite)),
            "ok");
  EXPECT_EQ(home.chain.run(by_node(gamma), Leave{}), "ok");
  EXPECT_EQ(home.chain.state().revoked(gamma.info.node_id).value()->how, Departure::kLeft);
}

TEST(StateMachine, TheSequencerStays) {
  Home home;
  const NodeId alpha = home.fleet.alpha.info.node_id;
  EXPECT_EQ(home.chain.run(home.alpha, Leave{}), "fleet.sequencer_needed");
  EXPECT_EQ(home.run_approved(Expel{.node = alpha, .reason = {}}), "fleet.sequencer_needed");
  EXPECT_EQ(home.run_approved(SetRole{.node = alpha, .role = Role::kNode}),
            "fleet.sequencer_needed");
  EXPECT_EQ(home.chain.run(home.operator_1, Leave{}), "fleet.operation_account");
}

TEST(StateMachine, AnchorsNeedTheRootAndTheOperators) {
  Home home;
  const auto beta = home.join("beta");
  EXPECT_EQ(home.chain.run(by_node(beta), AddAnchor{home.fleet.anchor}),
            "fleet.operation_approvals");
  home.chain.add_anchor();
  const auto key = testing::new_key(crypto::SignatureAlgorithm::kFalcon1024);
  const auto second = home.fleet.make_anchor(key, home.fleet.root);
  EXPECT_EQ(home.chain.run(home.alpha, AddAnchor{second}), "fleet.operation_approvals");
  EXPECT_EQ(home.run_approved(AddAnchor{home.fleet.make_anchor(key, home.fleet.operator_1)}),
            "trust.anchor_invalid");
  EXPECT_EQ(home.run_approved(RemoveAnchor{AnchorId{trustchain::id(home.fleet.anchor)}}),
            "fleet.anchor_needed");
  EXPECT_EQ(home.run_approved(AddAnchor{second}), "ok");
  EXPECT_EQ(home.run_approved(AddAnchor{second}), "trust.anchor_invalid");
  EXPECT_EQ(home.run_approved(RemoveAnchor{AnchorId{trustchain::id(home.fleet.anchor)}}), "ok");
  ASSERT_EQ(home.chain.state().anchors()->size(), 1u);
  EXPECT_EQ(trustchain::id(home.chain.state().anchors()->front()), trustchain::id(second));
}

TEST(StateMachine, OperatorsReplaceOneAnother) {
  Home home;
  const auto third = testing::new_pair();
  const OperatorId first = operator_id(home.fleet.operator_1.public_key());
  const ChangeOperators replace{.add = {third.public_key()}, .remove = {first}, .required = 2};
  EXPECT_EQ(home.chain.run(home.operator_1, replace), "fleet.operation_approvals");
  EXPECT_EQ(home.run_approved({ChangeOperators{.add = {}, .remove = {first}, .required = 2}}),
            "fleet.operators_invalid");
  EXPECT_EQ(home.run_approved({ChangeOperators{
                .add = {home.fleet.operator_1.public_key()}, .remove = {}, .required = 2}}),
            "fleet.operators_invalid");
  EXPECT_EQ(home.run_approved(replace), "ok");
  EXPECT_EQ(home.chain.run(home.operator_1, home.chain.offer(Invite{})), "fleet.account_unknown");
  EXPECT_EQ(home.chain.run(by_operator(third), home.chain.offer(Invite{})), "ok");
  Operation lower =
      home.chain.make(home.operator_2, ChangeOperators{.add = {}, .remove = {}, .required = 1});
  approve_operation(lower, third).value();
  EXPECT_EQ(home.chain.run(lower, home.operator_2), "ok");
  EXPECT_EQ(home.chain.run(by_operator(third), RootExported{}), "ok");
  EXPECT_EQ(home.chain.state().root_exported().value(), home.chain.chain.head.time);
}

TEST(StateMachine, ParametersStayWithinWhatTheProgramDoes) {
  Home home;
  const auto set = [&](FleetParameters wanted) {
    return home.run_approved(SetParameters{.parameters = wanted});
  };
  EXPECT_EQ(set({.machine_version = 2}), "fleet.parameter_unsupported");
  EXPECT_EQ(set({.proof_policy = 1}), "fleet.parameter_unsupported");
  EXPECT_EQ(set({.epoch_ms = 59'999}), "fleet.parameter_unsupported");
  EXPECT_EQ(set({.epoch_ms = 120'000}), "ok");
  EXPECT_EQ(home.chain.state().parameters()->epoch_ms, 120'000u);
}

TEST(StateMachine, ChecksTheEnvelopeBeforeTheModule) {
  Home home;
  const Operation good = home.chain.make(home.operator_1, home.chain.offer(Invite{}));
  const auto refused = [&](auto change) {
    Operation operation = good;
    change(operation);
    return home.chain.run(operation, home.operator_1);
  };
  EXPECT_EQ(refused([](Operation& o) { o.chain_id.bytes[0] ^= 1; }), "fleet.operation_foreign");
  EXPECT_EQ(refused([](Operation& o) { o.machine_version = 2; }), "fleet.operation_version");
  EXPECT_EQ(refused([](Operation& o) { o.kind = 0x7777; }), "fleet.operation_kind");
  EXPECT_EQ(refused([](Operation& o) { o.kind = kLeave; }), "fleet.operation_malformed");
  EXPECT_EQ(refused([](Operation& o) { o.body.push_back(0); }), "fleet.operation_malformed");
  EXPECT_EQ(refused([&](Operation& o) { o.expiry = home.chain.now; }), "fleet.operation_expired");
  EXPECT_EQ(refused([](Operation& o) { o.expiry += 31 * 24 * kHour; }), "fleet.operation_expired");
  EXPECT_EQ(refused([](Operation& o) { o.anchor_height = 1; }), "fleet.operation_early");
  EXPECT_EQ(refused([](Operation& o) { o.nonce = 1; }), "fleet.operation_nonce");
  EXPECT_EQ(refused([](Operation& o) { o.account.bytes[0] ^= 1; }), "fleet.account_unknown");
  EXPECT_EQ(home.chain.run(good, home.operator_2), "fleet.operation_signature");
  Operation weak = good;
  sign_operation(weak, home.fleet.operator_1, false).value();
  EXPECT_EQ(code(home.chain.order({encode(weak)})), "fleet.operation_signature");
  EXPECT_EQ(home.chain.run(good, home.operator_1), "ok");
  EXPECT_EQ(home.chain.run(good, home.operator_1), "fleet.operation_nonce");
}

TEST(Operation, EveryAlteredByteIsNoticed) {
  Home home;
  const Bytes good = home.chain.sign(home.operator_1, home.chain.offer(Invite{}));
  for (std::size_t i = 0; i < good.size(); i += i < 300 ? 1 : 37) {
    Bytes altered = good;
    altered[i] ^= 0x10;
    EXPECT_FALSE(home.chain.order({altered})) << "byte " << i;
  }
  const auto decoded = decode_operation(good);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(encode(*decoded), good);
  Operation again = *decoded;
  sign_operation(again, home.fleet.operator_1, true).value();
  EXPECT_EQ(id(again), id(*decoded)) << "a new signature is not a new operation";
}

// What the sequencer builds, everybody else computes; nobody can be told anything else.
TEST(StateMachine, FollowersReachTheSameState) {
  Home home;
  Chain follower = StateMachine::begin(home.fleet.genesis).value();
  const Invite invite;
  const auto beta = home.fleet.make_node("beta");
  std::vector<Block> blocks;
  blocks.push_back(home.chain
                       .order({home.chain.sign(home.alpha, AddAnchor{home.fleet.anchor}),
                               home.chain.sign(home.operator_1, home.chain.offer(invite))})
                       .value());
  blocks.push_back(
      home.chain.order({home.chain.sign(home.alpha, home.chain.admission(beta, invite))}).value());

  const StateMachine machine;
  EXPECT_EQ(code(machine.execute(follower, blocks[1])), "fleet.block_invalid");
  for (const Block& block : blocks) {
    const auto decoded = decode_block(encode(block));
    ASSERT_TRUE(decoded);
    EXPECT_EQ(*decoded, block);
    Block by_another = block;
    by_another.header.proposer = beta.info.node_id;
    EXPECT_EQ(code(machine.execute(follower, by_another)), "fleet.block_invalid");
    const auto executed = machine.execute(follower, *decoded);
    ASSERT_TRUE(executed) << executed.error().to_string();
    for (const Bytes& key : executed->changed) {
      const auto before = follower.state.get(key);
      const auto after = executed->chain.state.get(key);
      EXPECT_TRUE(before || after);
    }
    follower = executed->chain;
    EXPECT_EQ(code(machine.execute(follower, block)), "fleet.block_invalid");
  }
  EXPECT_EQ(follower.head, home.chain.chain.head);
  EXPECT_EQ(follower.state.root(), home.chain.chain.state.root());
}

TEST(StateMachine, FollowersRefuseABlockThatLies) {
  Home home;
  const Chain before = home.chain.chain;
  const Block good =
      home.chain.order({home.chain.sign(home.alpha, AddAnchor{home.fleet.anchor})}).value();
  const StateMachine machine;
  const auto refused = [&](auto change) {
    Block block = good;
    change(block);
    return code(machine.execute(before, block));
  };
  EXPECT_EQ(refused([](Block& b) { b.header.state[0] ^= 1; }), "fleet.block_invalid");
  EXPECT_EQ(refused([](Block& b) { b.header.time = 5; }), "fleet.block_invalid");
  EXPECT_EQ(refused([](Block& b) { b.header.height = 2; }), "fleet.block_invalid");
  EXPECT_EQ(refused([](Block& b) { b.header.previous.bytes[0] = 1; }), "fleet.block_invalid");
  EXPECT_EQ(refused([](Block& b) { b.operations.push_back(b.operations[0]); }),
            "fleet.block_invalid");
  Block altered = good;
  altered.operations[0].back() ^= 1;
  EXPECT_EQ(code(decode_block(encode(altered))), "fleet.block_invalid");
  EXPECT_TRUE(machine.execute(before, good));
}

}  // namespace
}  // namespace i2::fleet
