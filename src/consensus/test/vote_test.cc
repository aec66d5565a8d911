#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <i2/consensus/message.h>
#include <i2/consensus/testing/votes.h>

namespace i2::consensus {
namespace {

using testing::make_set;
using testing::TestSet;

ProposalId proposal(std::uint8_t number) {
  ProposalId out;
  out.bytes[0] = number;
  return out;
}

Certificate make_certificate(const TestSet& set, const Statement& statement,
                             const std::vector<ValidatorIndex>& signers) {
  std::vector<Vote> votes;
  for (const ValidatorIndex signer : signers) {
    votes.push_back(sign_vote(*set.set, signer, *set.keys[signer], statement).value());
  }
  return certify(statement, std::move(votes));
}

TEST(ValidatorSet, AQuorumIsMoreThanTwoThirdsOfTheWeight) {
  struct Case {
    std::vector<Weight> weights;
    Weight quorum;
    Weight tolerated;
  };
  const Case cases[] = {
      {{1}, 1, 0},
      {{1, 1}, 2, 0},
      {{1, 1, 1}, 3, 0},
      {{1, 1, 1, 1}, 3, 1},
      {{1, 1, 1, 1, 1}, 4, 1},
      {{1, 1, 1, 1, 1, 1}, 5, 1},
      {{1, 1, 1, 1, 1, 1, 1}, 5, 2},
      {{5, 3, 1}, 7, 2},
      {{2, 2, 2}, 5, 1},
  };
  for (const Case& one : cases) {
    const TestSet made = make_set(one.weights);
    EXPECT_EQ(made.set->quorum(), one.quorum) << made.set->weight();
    EXPECT_EQ(made.set->tolerated(), one.tolerated) << made.set->weight();
    // Two quorums share more weight than may lie.
    EXPECT_GT(2 * made.set->quorum(), made.set->weight() + made.set->tolerated());
    // The honest ones alone are one.
    EXPECT_GE(made.set->weight() - made.set->tolerated(), made.set->quorum());
  }
}

TEST(ValidatorSet, EverybodyLeadsOnceInATurnAndTheOrderFollowsTheSeed) {
  const TestSet first = make_set({1, 1, 1, 1, 1, 1, 1}, 1);
  const TestSet second = make_set({1, 1, 1, 1, 1, 1, 1}, 2);
  std::set<ValidatorIndex> leaders;
  bool differs = false;
  for (View view = 1; view <= 7; ++view) {
    leaders.insert(first.set->leader(view));
    EXPECT_EQ(first.set->leader(view), first.set->leader(view + 7));
    differs |= first.set->leader(view) != second.set->leader(view);
  }
  EXPECT_EQ(leaders.size(), 7u);
  EXPECT_TRUE(differs);
}

TEST(ValidatorSet, WhatIsNoneIsRefused) {
  const auto key = std::make_shared<testing::TestKey>(1);
  NodeId low;
  NodeId high;
  high.bytes[0] = 1;
  const auto code = [](std::vector<Validator> validators) {
    const auto set = ValidatorSet::create({}, 0, std::move(validators), {});
    return set ? std::string("ok") : set.error().code();
  };
  EXPECT_EQ(code({{low, 1, key}, {high, 1, key}}), "ok");
  EXPECT_EQ(code({}), "consensus.set_invalid");
  EXPECT_EQ(code({{high, 1, key}, {low, 1, key}}), "consensus.set_invalid");
  EXPECT_EQ(code({{low, 1, key}, {low, 1, key}}), "consensus.set_invalid");
  EXPECT_EQ(code({{low, 0, key}}), "consensus.set_invalid");
  EXPECT_EQ(code({{low, ~Weight{0}, key}}), "consensus.set_invalid");
  EXPECT_EQ(code({{low, 1, nullptr}}), "consensus.set_invalid");
  EXPECT_EQ(code(std::vector<Validator>(kValidatorsMax + 1, {low, 1, key})),
            "consensus.set_invalid");
}

TEST(Vote, IsForOneChainEpochAndStatement) {
  const TestSet set = make_set({1, 1, 1, 1}, 3);
  const Statement statement{.view = 5, .kind = VoteKind::kNotarize, .proposal = proposal(1)};
  const Vote vote = sign_vote(*set.set, 2, *set.keys[2], statement).value();
  EXPECT_TRUE(verify(*set.set, vote));
  EXPECT_FALSE(verify(*make_set({1, 1, 1, 1}, 4).set, vote));
  EXPECT_FALSE(verify(*make_set({1, 1, 1, 1}, 3, 2).set, vote));
  for (const auto& change : std::vector<std::function<void(Vote&)>>{
           [](Vote& v) { v.signer = 1; }, [](Vote& v) { v.signer = 9; },
           [](Vote& v) { v.statement.view = 6; },
           [](Vote& v) { v.statement.kind = VoteKind::kFinalize; },
           [](Vote& v) { v.statement.proposal = proposal(2); },
           [](Vote& v) { v.signature.back() ^= 1; }}) {
    Vote changed = vote;
    change(changed);
    EXPECT_FALSE(verify(*set.set, changed));
  }
}

TEST(Vote, WhatContradictsWhat) {
  const auto at = [](View view, VoteKind kind, std::uint8_t number) {
    return Statement{.view = view, .kind = kind, .proposal = proposal(number)};
  };
  const Statement notarize = at(1, VoteKind::kNotarize, 1);
  const Statement nullify = at(1, VoteKind::kNullify, 0);
  const Statement finalize = at(1, VoteKind::kFinalize, 1);
  const auto both = [](const Statement& a, const Statement& b) {
    EXPECT_EQ(contradict(a, b), contradict(b, a));
    return contradict(a, b);
  };
  EXPECT_FALSE(both(notarize, notarize));
  EXPECT_FALSE(both(notarize, nullify));
  EXPECT_FALSE(both(notarize, finalize));
  EXPECT_TRUE(both(nullify, finalize));
  EXPECT_TRUE(both(notarize, at(1, VoteKind::kNotarize, 2)));
  EXPECT_TRUE(both(finalize, at(1, VoteKind::kFinalize, 2)));
  EXPECT_TRUE(both(finalize, at(1, VoteKind::kNotarize, 2)));
  EXPECT_FALSE(both(finalize, at(2, VoteKind::kNullify, 0)));
}

TEST(Certificate, NeedsAQuorumOfGoodSignatures) {
  const TestSet set = make_set({1, 1, 1, 1});
  const Statement statement{.view = 5, .kind = VoteKind::kNullify, .proposal = {}};
  EXPECT_TRUE(verify(*set.set, make_certificate(set, statement, {0, 1, 3})));
  EXPECT_TRUE(verify(*set.set, make_certificate(set, statement, {0, 1, 2, 3})));
  EXPECT_FALSE(verify(*set.set, make_certificate(set, statement, {0, 1})));
  Certificate swapped = make_certificate(set, statement, {0, 1, 3});
  std::swap(swapped.signatures[0], swapped.signatures[1]);
  EXPECT_FALSE(verify(*set.set, swapped));
  Certificate missing = make_certificate(set, statement, {0, 1, 3});
  missing.signatures.pop_back();
  EXPECT_FALSE(verify(*set.set, missing));
  Certificate stranger = make_certificate(set, statement, {0, 1, 3});
  stranger.signers.reset(3);
  stranger.signers.set(7);
  EXPECT_FALSE(verify(*set.set, stranger));
  Certificate other = make_certificate(set, statement, {0, 1, 3});
  other.statement.view = 6;
  EXPECT_FALSE(verify(*set.set, other));
}

TEST(Certificate, TheEdgeOfTwoThirdsByWeight) {
  const TestSet set = make_set({3, 3, 3});  // W = 9, quorum 7
  const Statement statement{.view = 1, .kind = VoteKind::kNullify, .proposal = {}};
  EXPECT_FALSE(verify(*set.set, make_certificate(set, statement, {0, 1})));  // exactly 2W/3
  EXPECT_TRUE(verify(*set.set, make_certificate(set, statement, {0, 1, 2})));
}

TEST(Message, EncodingsAreExact) {
  const TestSet set = make_set({1, 1, 1, 1});
  const Statement notarize{.view = 4, .kind = VoteKind::kNotarize, .proposal = proposal(3)};
  const Statement nullify{.view = 5, .kind = VoteKind::kNullify, .proposal = {}};
  const Certificate parent = make_certificate(set, notarize, {0, 1, 2});
  const Certificate skipped = make_certificate(set, nullify, {1, 2, 3});
  Proposal made{
      .view = 6, .parent_view = 4, .parent = proposal(3), .payload = {}, .justification = {}};
  const Justification justification{.parent = parent, .nullifications = {skipped}};
  made.justification = hash(digest(justification));
  EXPECT_TRUE(justifies(*set.set, justification, made));
  const auto leader = set.set->leader(6);
  const auto signed_proposal = sign_proposal(*set.set, *set.keys[leader], made).value();
  EXPECT_TRUE(verify(*set.set, signed_proposal));
  const Vote vote = sign_vote(*set.set, 1, *set.keys[1], nullify).value();
  const std::vector<Message> messages = {
      ProposalMessage{.proposal = signed_proposal, .justification = justification, .payload = {7}},
      vote,
      parent,
      Seal{.proposal = made, .finalization = parent},
      Greeting{.view = 9, .yours = {vote, vote}},
      FetchProposal{.view = 4, .proposal = proposal(3)},
      FetchCertificates{.first = 3, .last = 5},
  };
  for (const Message& message : messages) {
    const Envelope envelope{.epoch = 2, .message = message};
    const Bytes encoding = encode(envelope);
    EXPECT_EQ(decode_envelope(encoding), envelope);
    for (std::size_t size = 0; size < encoding.size(); ++size) {
      EXPECT_FALSE(decode_envelope(ByteView(encoding).first(size)));
    }
    Bytes longer = encoding;
    longer.push_back(0);
    EXPECT_FALSE(decode_envelope(longer));
    // Whatever else decodes, encodes to the same bytes.
    for (std::size_t i = 0; i < encoding.size(); ++i) {
      Bytes changed = encoding;
      changed[i] ^= 1;
      if (const auto decoded = decode_envelope(changed)) {
        EXPECT_EQ(encode(*decoded), changed) << i;
      }
    }
  }
}

}  // namespace
}  // namespace i2::consensus
