// Epochs, validators and who may seal: what changes them, and what convicts one of them.
#include <i2/fleet/core/state_snapshot.h>

#include "chain.h"

namespace i2::fleet {
namespace {

using consensus::Statement;
using consensus::VoteKind;
using testing::Author;
using testing::by_node;
using testing::by_operator;
using testing::code;
using testing::Fleet;
using testing::Invite;
using testing::kHour;
using testing::TestChain;

struct Voter {
  testing::Node node;
  consensus::VoteKey key = consensus::VoteKey::generate(consensus::VoteSuite::kEd25519).value();
  [[nodiscard]] NodeId id() const { return node.info.node_id; }
};

struct Council {
  Fleet fleet{"home", 1, false};
  TestChain chain{fleet};
  Author operator_1 = by_operator(fleet.operator_1);
  Voter alpha{.node = fleet.alpha};
  std::vector<Voter> others;

  [[nodiscard]] EpochRecord epoch() const { return chain.state().epoch().value(); }
  [[nodiscard]] std::vector<NodeId> validators() const {
    std::vector<NodeId> out;
    for (const EpochValidator& validator : epoch().validators) {
      out.push_back(validator.node);
    }
    return out;
  }
  [[nodiscard]] SetVoteKey key_of(const Voter& voter) const {
    return {.key = voter.key.public_key(),
            .possession =
                voter.key.sign(possession_message(chain.chain.head.chain_id, voter.id())).value()};
  }
  std::string set_key(const Voter& voter) { return chain.run(by_node(voter.node), key_of(voter)); }
  std::string set_role(const Voter& voter, Role role) {
    return chain.run(operator_1, SetRole{.node = voter.id(), .role = role});
  }
  Voter& join(const std::string& name) {
    others.push_back({.node = fleet.make_node(name)});
    const Invite invite;
    EXPECT_EQ(chain.run(operator_1, chain.offer(invite)), "ok");
    EXPECT_EQ(chain.run(by_node(fleet.alpha), chain.admission(others.back().node, invite)), "ok");
    return others.back();
  }
  // Four validators.
  void grow() {
    others.reserve(8);
    EXPECT_EQ(set_key(alpha), "ok");
    for (const char* const name : {"beta", "gamma", "delta"}) {
      Voter& voter = join(name);
      EXPECT_EQ(set_key(voter), "ok");
      EXPECT_EQ(set_role(voter, Role::kValidator), "ok");
    }
    EXPECT_EQ(epoch().validators.size(), 4u);
  }
  [[nodiscard]] const Voter& voter(const NodeId& node) const {
    for (const Voter& other : others) {
      if (other.id() == node) {
        return other;
      }
    }
    return alpha;
  }
  [[nodiscard]] consensus::Vote vote(const consensus::ValidatorSet& set, std::size_t index,
                                     const Statement& statement) const {
    const auto at = static_cast<consensus::ValidatorIndex>(index);
    return sign_vote(set, at, voter(set.at(at).node).key, statement).value();
  }
  // By the first `count` validators of the epoch `in`.
  [[nodiscard]] SealedHeader seal(const BlockHeader& header, const EpochRecord& in,
                                  std::size_t count) const {
    const auto set = validator_set(header.chain_id, in).value();
    const consensus::Proposal proposal{.view = 3,
                                       .parent_view = 0,
                                       .parent = {},
                                       .payload = payload_id(id(header)),
                                       .justification = {}};
    const Statement statement{
        .view = 3, .kind = VoteKind::kFinalize, .proposal = consensus::id(set, proposal)};
    std::vector<consensus::Vote> votes;
    for (std::size_t i = 0; i < count; ++i) {
      votes.push_back(vote(set, i, statement));
    }
    return {.header = header,
            .seal = consensus::Seal{.proposal = proposal,
                                    .finalization = certify(statement, std::move(votes))}};
  }
  [[nodiscard]] Convict double_vote(std::size_t index) const {
    const EpochRecord in = epoch();
    const auto set = validator_set(chain.chain.head.chain_id, in).value();
    consensus::ProposalId one;
    consensus::ProposalId two;
    one.bytes[0] = 1;
    two.bytes[0] = 2;
    return {.epoch = in.number,
            .evidence = consensus::contradicting_votes(
                vote(set, index, {.view = 7, .kind = VoteKind::kNotarize, .proposal = one}),
                vote(set, index, {.view = 7, .kind = VoteKind::kNotarize, .proposal = two}))};
  }
};

TEST(Epoch, TheFirstOneIsOfTheFirstMemberAlone) {
  Council council;
  EXPECT_EQ(council.epoch(), first_epoch(council.fleet.genesis));
  EXPECT_EQ(council.validators(), std::vector{council.alpha.id()});
  EXPECT_EQ(tolerated(council.epoch()), 0u);
  EXPECT_EQ(decode_epoch_record(encode(council.epoch())).value(), council.epoch());
}

TEST(Epoch, EndsWhenItsTimeIsOver) {
  Council council;
  ASSERT_EQ(council.chain.run(by_node(council.fleet.alpha), AddAnchor{council.fleet.anchor}), "ok");
  const EpochRecord first = council.epoch();
  EXPECT_EQ(first.number, 1u) << "the first block came an hour after the genesis";
  ASSERT_EQ(council.chain.run(council.operator_1, council.chain.offer(Invite{})), "ok");
  EXPECT_EQ(council.epoch(), first);
  for (std::uint64_t number = 2; number < 40; ++number) {
    council.chain.now += kHour;
    ASSERT_EQ(council.chain.run(council.operator_1, council.chain.offer(Invite{})), "ok");
    const EpochRecord epoch = council.epoch();
    ASSERT_EQ(epoch.number, number);
    ASSERT_EQ(epoch.first_height, council.chain.chain.head.height + 1);
    ASSERT_EQ(epoch.begin, council.chain.chain.head.time);
    ASSERT_EQ(epoch.seed, next_seed(council.chain.state().epoch(number - 1).value()->seed,
                                    council.chain.chain.head.previous));
  }
  EXPECT_TRUE(*council.chain.state().epoch(7));
  EXPECT_FALSE(*council.chain.state().epoch(6)) << "32 are remembered";
  EXPECT_EQ(sealing_epoch(council.chain.state(), council.chain.chain.head.height)->number, 38u);
}

TEST(Epoch, WhoVotesHasSaidWith) {
  Council council;
  council.others.reserve(2);
  const Voter& beta = council.join("beta");
  EXPECT_EQ(council.set_role(beta, Role::kValidator), "fleet.vote_key_needed");
  EXPECT_EQ(council.set_key(beta), "ok");
  EXPECT_EQ(council.set_role(beta, Role::kValidator), "fleet.vote_key_needed") << "alpha has none";
  EXPECT_EQ(council.validators().size(), 1u);
  SetVoteKey stolen = council.key_of(beta);
  EXPECT_EQ(council.chain.run(by_node(council.fleet.alpha), stolen), "fleet.vote_key_invalid");
  stolen.key.ed25519 = {1, 2, 3};
  EXPECT_EQ(council.chain.run(by_node(council.fleet.alpha), stolen), "consensus.key_invalid");
  EXPECT_EQ(council.chain.run(council.operator_1, council.key_of(beta)), "fleet.operation_account");
  const EpochNumber before = council.epoch().number;
  EXPECT_EQ(council.set_key(council.alpha), "ok");
  EXPECT_EQ(council.set_role(beta, Role::kValidator), "ok");
  EXPECT_EQ(council.validators().size(), 2u);
  EXPECT_EQ(council.epoch().number, before + 2) << "alpha's key and beta's vote: one epoch each";
  EXPECT_EQ(tolerated(council.epoch()), 0u);
  // Another key counts from the next epoch on.
  Voter renewed{.node = beta.node};
  EXPECT_EQ(council.set_key(renewed), "ok");
  const auto record = council.epoch();
  const auto own = std::ranges::find(record.validators, beta.id(), &EpochValidator::node);
  EXPECT_EQ(own->key, renewed.key.public_key());
}

TEST(Epoch, TheLastValidatorStays) {
  Council council;
  council.grow();
  for (const Voter& voter : council.others) {
    EXPECT_EQ(council.set_role(voter, Role::kNode), "ok");
  }
  EXPECT_EQ(council.validators(), std::vector{council.alpha.id()});
  EXPECT_EQ(council.set_role(council.alpha, Role::kNode), "fleet.sequencer_needed");
  EXPECT_EQ(council.chain.run(by_node(council.fleet.alpha), Leave{}), "fleet.sequencer_needed");
  EXPECT_EQ(council.set_role(council.others[0], Role::kValidator), "ok");
  EXPECT_EQ(council.set_role(council.alpha, Role::kNode), "ok");
  EXPECT_EQ(council.validators(), std::vector{council.others[0].id()})
      << "not the founder any more";
  EXPECT_EQ(council.chain.run(by_node(council.others[0].node), Leave{}), "fleet.sequencer_needed");
}

TEST(Seal, IsTheSignatureOfOneOrTheVotesOfMost) {
  Council council;
  const Authority alone = Authority::of(council.fleet.genesis);
  council.grow();
  const BlockHeader& header = council.chain.chain.head;
  const EpochRecord four = council.epoch();
  const Authority authority = Authority::of(council.chain.state()).value();
  const auto good = council.seal(header, four, 3);
  EXPECT_TRUE(authority.verify(good));
  EXPECT_EQ(code(authority.verify(council.seal(header, four, 2))), "fleet.block_invalid");
  auto another = good;
  another.header.time += 1;
  EXPECT_EQ(code(authority.verify(another)), "fleet.block_invalid");
  EpochRecord later = four;
  later.number += 1;
  EXPECT_EQ(code(authority.verify(council.seal(header, later, 3))), "fleet.block_invalid");
  const auto by_alpha = sign_header(header, council.fleet.alpha.identity).value();
  EXPECT_EQ(code(authority.verify(by_alpha)), "fleet.block_invalid");
  EXPECT_TRUE(alone.verify(by_alpha));
  EXPECT_EQ(code(alone.verify(good)), "fleet.block_invalid");
  auto by_beta = sign_header(header, council.others[0].node.identity).value();
  EXPECT_EQ(code(alone.verify(by_beta)), "fleet.block_invalid");
  by_beta.header.proposer = council.others[0].id();
  EXPECT_EQ(code(alone.verify(by_beta)), "fleet.block_invalid");
  for (const SealedHeader& sealed : {good, by_alpha}) {
    EXPECT_EQ(decode_snapshot_point(encode(sealed)).value(), sealed);
    EXPECT_EQ(decode_seal(encode(sealed.seal)).value(), sealed.seal);
  }
}

// What a newcomer follows, from the genesis to the present validators and back to one.
TEST(Seal, LinksLeadFromTheGenesisToWhoeverSealsNow) {
  Council council;
  Authority authority = Authority::of(council.fleet.genesis);
  std::vector<EpochLink> links;
  EpochRecord before = council.epoch();
  const auto after_block = [&] {
    const EpochRecord now = council.epoch();
    if (now.validators != before.validators) {
      const BlockHeader& header = council.chain.chain.head;
      const auto sealed =
          before.validators.size() == 1
              ? sign_header(header, council.voter(before.validators[0].node).node.identity).value()
              : council.seal(header, before, before.validators.size() * 2 / 3 + 1);
      links.push_back(make_link(sealed, council.chain.chain.state).value());
    }
    before = now;
  };
  council.others.reserve(4);
  EXPECT_EQ(council.set_key(council.alpha), "ok");
  after_block();
  for (const char* const name : {"beta", "gamma"}) {
    const Voter& voter = council.join(name);
    before = council.epoch();
    EXPECT_EQ(council.set_key(voter), "ok");
    after_block();
    EXPECT_EQ(council.set_role(voter, Role::kValidator), "ok");
    after_block();
    council.chain.now += 3 * kHour;  // epochs in between change nobody
    EXPECT_EQ(council.chain.run(council.operator_1, council.chain.offer(Invite{})), "ok");
    after_block();
  }
  EXPECT_EQ(council.set_role(council.alpha, Role::kNode), "ok");
  after_block();
  EXPECT_EQ(council.set_role(council.others[0], Role::kNode), "ok");
  after_block();
  ASSERT_EQ(links.size(), 5u);
  for (const EpochLink& link : links) {
    EXPECT_EQ(decode_link(encode(link)).value(), link);
    // The next but one does not fit, nor does an altered one.
    EpochLink altered = link;
    altered.proof.back() ^= 1;
    EXPECT_FALSE(authority.after(altered));
    altered = link;
    altered.boundary.header.time += 1;
    EXPECT_FALSE(authority.after(altered));
    if (authority.validators() != nullptr && &link != &links.back()) {
      EXPECT_FALSE(authority.after(*(&link + 1)));
    }
    const auto next = authority.after(link);
    ASSERT_TRUE(next) << next.error().to_string();
    authority = *next;
    EXPECT_FALSE(authority.after(link)) << "twice";
  }
  EXPECT_EQ(authority.epoch(), council.epoch());
  EXPECT_EQ(authority.validators(), nullptr);
  EXPECT_TRUE(authority.verify(sign_header(
                                   [&] {
                                     BlockHeader header = council.chain.chain.head;
                                     header.proposer = council.others[1].id();
                                     return header;
                                   }(),
                                   council.others[1].node.identity)
                                   .value()));
  EpochRecord other = council.epoch();
  other.validators.front().node = council.alpha.id();
  EXPECT_EQ(code(authority.in(other)), "fleet.block_invalid");
}

// By operations, which are signed with Falcon: what votes in Ed25519 alone would not survive.
TEST(Seal, AQuorumConfirmsTheEndOfItsEpoch) {
  Council council;
  council.grow();
  const EpochRecord four = council.epoch();
  const Authority authority = Authority::of(council.chain.state()).value();
  ASSERT_EQ(council.set_role(council.others[0], Role::kNode), "ok");
  const BlockHeader last = council.chain.chain.head;
  EpochLink link = make_link(council.seal(last, four, 3), council.chain.chain.state).value();
  const auto confirm = [&](const Voter& voter, const BlockId& block) {
    return council.chain.sign(by_node(voter.node),
                              ConfirmEpoch{.epoch = four.number, .last = block});
  };
  const auto order = [&](const Bytes& operation) { return code(council.chain.order({operation})); };
  // Before the next epoch has a block nobody knows its id.
  EXPECT_EQ(order(confirm(council.alpha, id(last))), "fleet.confirmation_invalid");
  ASSERT_EQ(council.chain.run(council.operator_1, council.chain.offer(Invite{})), "ok");
  EXPECT_EQ(council.chain.state().last_block(four.number), id(last));
  EXPECT_EQ(order(confirm(council.alpha, last.previous)), "fleet.confirmation_invalid");
  std::size_t confirmed = 0;
  for (const EpochValidator& validator : four.validators) {
    const Voter& voter = council.voter(validator.node);
    const Bytes operation = confirm(voter, id(last));
    ASSERT_EQ(order(operation), "ok");
    EXPECT_EQ(order(confirm(voter, id(last))), "fleet.confirmation_invalid") << "twice";
    link.confirmations.push_back(
        {.identity = voter.node.identity.public_key(), .operation = operation});
    EXPECT_EQ(authority.after(link).has_value(), ++confirmed >= 3);
  }
  EXPECT_EQ(council.chain.state().confirmations(four.number).size(), 4u);
  EXPECT_EQ(decode_link(encode(link)).value(), link);
  EpochLink doubled = link;
  doubled.confirmations.resize(2);
  doubled.confirmations.push_back(doubled.confirmations.front());
  EXPECT_FALSE(authority.after(doubled));
  EpochLink altered = link;
  altered.confirmations[1].operation.back() ^= 1;
  EXPECT_FALSE(authority.after(altered));
  altered = link;
  altered.confirmations[1].identity = council.fleet.operator_1.public_key();
  EXPECT_FALSE(authority.after(altered));
}

TEST(Conviction, TheProofExpelsWhoeverLied) {
  Council council;
  council.grow();
  const NodeId liar = council.epoch().validators[2].node;
  const Convict proof = council.double_vote(2);
  const EpochNumber in = council.epoch().number;
  const Voter& witness = council.voter(council.epoch().validators[0].node);
  EXPECT_EQ(council.chain.run(council.operator_1, proof), "fleet.operation_account");
  EXPECT_EQ(council.chain.run(by_node(witness.node), proof), "ok");
  const FleetState state = council.chain.state();
  EXPECT_FALSE(*state.member(liar));
  const auto former = state.revoked(liar).value();
  ASSERT_TRUE(former);
  EXPECT_EQ(former->how, Departure::kConvicted);
  EXPECT_EQ(former->reason, "double_notarize");
  EXPECT_EQ(council.validators().size(), 3u);
  EXPECT_EQ(council.epoch().number, in + 1) << "at once: with the next block";
  const auto offences = state.offences().value();
  ASSERT_EQ(offences.size(), 1u);
  EXPECT_EQ(offences[0].node, liar);
  EXPECT_EQ(offences[0].epoch, in);
  EXPECT_EQ(consensus::decode_evidence(offences[0].evidence).value(), proof.evidence);
  EXPECT_EQ(decode_offence_record(encode(offences[0])).value(), offences[0]);
  // Once is enough.
  EXPECT_EQ(council.chain.run(by_node(witness.node), proof), "trust.member_revoked");
}

// A module that keeps something at stake for everybody.
class Stakes final : public ports::StateModule {
 public:
  [[nodiscard]] std::string_view name() const override { return "stakes"; }
  [[nodiscard]] std::span<const ports::OperationKind> kinds() const override { return {}; }
  [[nodiscard]] Result<void> decode(std::uint16_t, ByteView) const override { return {}; }
  [[nodiscard]] Result<void> validate(const ports::StateReader&, const ports::OperationView&,
                                      const ports::BlockContext&) const override {
    return {};
  }
  [[nodiscard]] Result<void> apply(ports::StateWriter&, const ports::OperationView&,
                                   const ports::BlockContext&) const override {
    return {};
  }
  void on_conviction(ports::StateWriter& state, const NodeId& offender,
                     const ports::BlockContext& block) const override {
    state.put(as_bytes("stakes/" + offender.hex()), as_bytes(std::to_string(block.height)));
  }
};

TEST(Conviction, OtherModulesHearOfIt) {
  Council council;
  council.grow();
  const NodeId liar = council.epoch().validators[2].node;
  const Author witness = by_node(council.voter(council.epoch().validators[0].node).node);
  const Bytes operation = council.chain.sign(witness, council.double_vote(2));
  const Stakes stakes;
  const StateMachine machine({&stakes});
  BlockBuilder builder(machine, council.chain.chain, council.chain.now);
  ASSERT_TRUE(builder.add(operation));
  const auto built = std::move(builder).finish(council.alpha.id()).value();
  const std::string key = "stakes/" + liar.hex();
  const auto taken = built.executed.chain.state.get(as_bytes(key));
  ASSERT_TRUE(taken);
  EXPECT_EQ(as_text(*taken), std::to_string(built.block.header.height));
  EXPECT_EQ(built.executed.chain.state.count(as_bytes("stakes/")), 1u);
  EXPECT_TRUE(built.executed.changed.contains(to_bytes(as_bytes(key))));
  EXPECT_EQ(machine.execute(council.chain.chain, built.block)->chain.head, built.block.header);
}

TEST(Conviction, NeedsAProofThatHolds) {
  Council council;
  council.grow();
  const Author alpha = by_node(council.fleet.alpha);
  Convict proof = council.double_vote(1);
  proof.epoch += 1;
  EXPECT_EQ(council.chain.run(alpha, proof), "fleet.evidence_old");
  proof.epoch = 0;
  EXPECT_EQ(council.chain.run(alpha, proof), "fleet.evidence_old") << "one validator only";
  proof = council.double_vote(1);
  std::get<consensus::ContradictingVotes>(proof.evidence).second =
      std::get<consensus::ContradictingVotes>(proof.evidence).first;
  EXPECT_EQ(council.chain.run(alpha, proof), "consensus.evidence_invalid");
  proof = council.double_vote(1);
  std::get<consensus::ContradictingVotes>(proof.evidence).second.signature[3] ^= 1;
  EXPECT_EQ(council.chain.run(alpha, proof), "consensus.evidence_invalid");
  EXPECT_EQ(council.validators().size(), 4u);
}

}  // namespace
}  // namespace i2::fleet
