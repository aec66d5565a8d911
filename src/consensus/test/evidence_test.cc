#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <i2/consensus/account.h>
#include <i2/consensus/testing/votes.h>

namespace i2::consensus {
namespace {

using testing::make_set;
using testing::TestSet;

class EvidenceTest : public ::testing::Test {
 protected:
  [[nodiscard]] Vote vote(ValidatorIndex signer, View view, VoteKind kind,
                          std::uint8_t number = 0) const {
    Statement statement{.view = view, .kind = kind, .proposal = {}};
    statement.proposal.bytes[0] = number;
    return sign_vote(*set_.set, signer, *set_.keys[signer], statement).value();
  }
  [[nodiscard]] Certificate certificate(const std::vector<ValidatorIndex>& signers, View view,
                                        VoteKind kind, std::uint8_t number = 0) const {
    std::vector<Vote> votes;
    for (const ValidatorIndex signer : signers) {
      votes.push_back(vote(signer, view, kind, number));
    }
    const Statement statement = votes.front().statement;
    return certify(statement, std::move(votes));
  }
  // In view 6, on top of proposal 3 of view 4.
  [[nodiscard]] SignedProposal proposal(const Justification& justification,
                                        std::uint8_t payload = 0) const {
    Proposal out{.view = 6, .parent_view = 4, .parent = {}, .payload = {}, .justification = {}};
    out.parent.bytes[0] = 3;
    out.payload.bytes[0] = payload;
    out.justification = hash(digest(justification));
    return sign_proposal(*set_.set, *set_.keys[set_.set->leader(6)], out).value();
  }
  [[nodiscard]] std::string verdict(const Evidence& evidence) const {
    const auto decoded = decode_evidence(encode(evidence));
    EXPECT_EQ(decoded, evidence);
    const auto who = convict(*set_.set, evidence);
    return who ? std::string(name(evidence)) + " " + std::to_string(*who) : who.error().code();
  }

  TestSet set_ = make_set({1, 1, 1, 1});
  Justification good_{.parent = certificate({0, 1, 2}, 4, VoteKind::kNotarize, 3),
                      .nullifications = {certificate({0, 1, 2}, 5, VoteKind::kNullify)}};
};

constexpr const char* kNothing = "consensus.evidence_invalid";

TEST_F(EvidenceTest, VotesThatContradictEachOtherConvict) {
  EXPECT_EQ(verdict(contradicting_votes(vote(2, 7, VoteKind::kNotarize, 1),
                                        vote(2, 7, VoteKind::kNotarize, 2))),
            "double_notarize 2");
  EXPECT_EQ(verdict(contradicting_votes(vote(1, 7, VoteKind::kFinalize, 2),
                                        vote(1, 7, VoteKind::kFinalize, 1))),
            "double_finalize 1");
  EXPECT_EQ(verdict(contradicting_votes(vote(1, 7, VoteKind::kFinalize, 2),
                                        vote(1, 7, VoteKind::kNotarize, 1))),
            "double_finalize 1");
  EXPECT_EQ(verdict(contradicting_votes(vote(3, 7, VoteKind::kFinalize, 1),
                                        vote(3, 7, VoteKind::kNullify))),
            "nullify_and_finalize 3");
}

TEST_F(EvidenceTest, WhatAnHonestValidatorMaySignConvictsNobody) {
  const Vote notarize = vote(2, 7, VoteKind::kNotarize, 1);
  EXPECT_EQ(verdict(contradicting_votes(notarize, vote(2, 7, VoteKind::kNullify))), kNothing);
  EXPECT_EQ(verdict(contradicting_votes(notarize, vote(2, 7, VoteKind::kFinalize, 1))), kNothing);
  EXPECT_EQ(verdict(contradicting_votes(notarize, vote(2, 8, VoteKind::kNotarize, 2))), kNothing);
  EXPECT_EQ(verdict(contradicting_votes(notarize, notarize)), kNothing);
  EXPECT_EQ(verdict(contradicting_votes(notarize, vote(1, 7, VoteKind::kNotarize, 2))), kNothing);
}

TEST_F(EvidenceTest, NobodyIsConvictedByWhatItDidNotSign) {
  Vote forged = vote(1, 7, VoteKind::kNotarize, 2);
  forged.signer = 2;
  EXPECT_EQ(verdict(contradicting_votes(vote(2, 7, VoteKind::kNotarize, 1), forged)), kNothing);
  auto swapped = std::get<ContradictingVotes>(
      contradicting_votes(vote(2, 7, VoteKind::kNotarize, 1), vote(2, 7, VoteKind::kNotarize, 2)));
  std::swap(swapped.first, swapped.second);  // one encoding for one offence
  EXPECT_EQ(verdict(swapped), kNothing);
  // Of another epoch.
  const auto evidence =
      contradicting_votes(vote(2, 7, VoteKind::kNotarize, 1), vote(2, 7, VoteKind::kNotarize, 2));
  EXPECT_FALSE(convict(*make_set({1, 1, 1, 1}, 1).set, evidence));
}

TEST_F(EvidenceTest, TwoProposalsInOneView) {
  const std::string leader = std::to_string(set_.set->leader(6));
  EXPECT_EQ(verdict(double_proposal(*set_.set, proposal(good_, 1), proposal(good_, 2))),
            "double_proposal " + leader);
  EXPECT_EQ(verdict(double_proposal(*set_.set, proposal(good_, 1), proposal(good_, 1))), kNothing);
  SignedProposal forged = proposal(good_, 2);
  forged.signature.front() ^= 1;
  EXPECT_EQ(verdict(double_proposal(*set_.set, proposal(good_, 1), forged)), kNothing);
}

TEST_F(EvidenceTest, AProposalThatIsNotJustified) {
  const std::string leader = std::to_string(set_.set->leader(6));
  EXPECT_FALSE(unjustified_proposal(*set_.set, proposal(good_), good_));
  const auto bad = [this](const Justification& justification) {
    const SignedProposal made = proposal(justification);
    EXPECT_FALSE(justifies(*set_.set, justification, made.proposal));
    const auto evidence = unjustified_proposal(*set_.set, made, justification);
    return evidence ? verdict(*evidence) : "none";
  };
  Justification fewer = good_;
  fewer.nullifications.clear();
  EXPECT_EQ(bad(fewer), "unjustified_proposal " + leader);
  Justification more = good_;
  more.nullifications.push_back(certificate({0, 1, 2}, 6, VoteKind::kNullify));
  EXPECT_EQ(bad(more), "unjustified_proposal " + leader);
  Justification orphan = good_;
  orphan.parent.reset();
  EXPECT_EQ(bad(orphan), "unjustified_proposal " + leader);
  Justification other = good_;
  other.parent = certificate({0, 1, 2}, 4, VoteKind::kNotarize, 2);
  EXPECT_EQ(bad(other), "unjustified_proposal " + leader);
  Justification weak = good_;
  weak.nullifications[0] = certificate({0, 1}, 5, VoteKind::kNullify);
  EXPECT_EQ(bad(weak), "unjustified_proposal " + leader);
  Justification elsewhere = good_;
  elsewhere.nullifications[0] = certificate({0, 1, 2}, 6, VoteKind::kNullify);
  EXPECT_EQ(bad(elsewhere), "unjustified_proposal " + leader);
}

TEST_F(EvidenceTest, WhoVotedForItIsConvictedToo) {
  Justification weak = good_;
  weak.nullifications[0] = certificate({0, 1}, 5, VoteKind::kNullify);
  const SignedProposal made = proposal(weak);
  auto evidence =
      std::get<UnjustifiedProposal>(unjustified_proposal(*set_.set, made, weak).value());
  const Statement statement{
      .view = 6, .kind = VoteKind::kNotarize, .proposal = id(*set_.set, made.proposal)};
  evidence.vote = sign_vote(*set_.set, 0, *set_.keys[0], statement).value();
  EXPECT_EQ(verdict(evidence), "unjustified_vote 0");
  evidence.vote = vote(0, 6, VoteKind::kNotarize, 9);
  EXPECT_EQ(verdict(evidence), kNothing);
}

TEST_F(EvidenceTest, AGoodCertificateIsNotShownAsAWrongOne) {
  const SignedProposal made = proposal(good_);
  UnjustifiedProposal evidence{.proposal = made,
                               .digest = digest(good_),
                               .wrong = UnjustifiedProposal::Wrong{0, *good_.parent},
                               .vote = {}};
  EXPECT_EQ(verdict(evidence), kNothing);
  evidence.wrong.reset();
  EXPECT_EQ(verdict(evidence), kNothing);
  // A certificate that the proposal does not commit to.
  evidence.wrong = {1, certificate({0, 1}, 5, VoteKind::kNullify)};
  EXPECT_EQ(verdict(evidence), kNothing);
  evidence.wrong = {7, *good_.parent};
  EXPECT_EQ(verdict(evidence), kNothing);
  // Hashes that are not those of the proposal.
  evidence = {.proposal = made, .digest = {}, .wrong = {}, .vote = {}};
  EXPECT_EQ(verdict(evidence), kNothing);
}

TEST_F(EvidenceTest, AThirdSignedBothSidesOfAContradiction) {
  const Certificate finalization = certificate({0, 1, 2}, 5, VoteKind::kFinalize, 1);
  const Certificate nullification = certificate({1, 2, 3}, 5, VoteKind::kNullify);
  const auto found = double_signers(finalization, nullification);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(verdict(found[0]), "nullify_and_finalize 1");
  EXPECT_EQ(verdict(found[1]), "nullify_and_finalize 2");
  EXPECT_TRUE(double_signers(finalization, certificate({0, 1, 2}, 6, VoteKind::kNullify)).empty());
  EXPECT_TRUE(
      double_signers(finalization, certificate({0, 1, 2}, 5, VoteKind::kNotarize, 1)).empty());
}

// A seal of view 5 and a chain that gives that view up and is sealed in view 6.
TEST_F(EvidenceTest, TwoChainsComeDownToThoseWhoSignedBoth) {
  const Seal seal{
      .proposal = {.view = 5, .parent_view = 4, .parent = {}, .payload = {}, .justification = {}},
      .finalization = certificate({0, 1, 2}, 5, VoteKind::kFinalize, 1)};
  Justification justification = good_;
  justification.nullifications[0] = certificate({1, 2, 3}, 5, VoteKind::kNullify);
  const SignedProposal other = proposal(justification);
  const ProposalMessage message{
      .proposal = other, .justification = justification, .payload = {7, 7}};
  const auto encoding = encode_account(
      std::span(&message, 1), {.proposal = other.proposal,
                               .finalization = certificate({1, 2, 3}, 6, VoteKind::kFinalize, 2)});
  ASSERT_TRUE(encoding);
  const auto account = decode_account(*encoding);
  ASSERT_TRUE(account);
  EXPECT_TRUE(account->chain[0].payload.empty());
  EXPECT_EQ(decode_account(encode(*account)), *account);
  EXPECT_FALSE(decode_account(ByteView(encode(*account)).first(100)));

  const Culprits culprits = contradictions(*set_.set, seal, *account);
  ASSERT_EQ(culprits.size(), 2u);
  for (const ValidatorIndex who : {1, 2}) {
    EXPECT_EQ(verdict(culprits.at(who)), "nullify_and_finalize " + std::to_string(who));
  }
  // Nobody is to blame for what comes later, or for the same seal again.
  Seal later = seal;
  later.finalization = certificate({0, 1, 2}, 7, VoteKind::kFinalize, 1);
  EXPECT_TRUE(contradictions(*set_.set, later, *account).empty());
  EXPECT_TRUE(contradictions(*set_.set, account->seal, *account).empty());
  // One liar alone makes no certificate, and nobody is accused by a forged one.
  for (const std::vector<ValidatorIndex>& signers :
       {std::vector<ValidatorIndex>{2}, std::vector<ValidatorIndex>{1, 2}}) {
    Account weak = *account;
    weak.chain[0].justification.nullifications[0] = certificate(signers, 5, VoteKind::kNullify);
    EXPECT_TRUE(contradictions(*set_.set, seal, weak).empty());
  }
  Account forged = *account;
  forged.chain[0].justification.nullifications[0].signatures[0] = Bytes(64, 1);
  EXPECT_TRUE(contradictions(*set_.set, seal, forged).empty());
}

}  // namespace
}  // namespace i2::consensus
