#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "cluster.h"

namespace i2::consensus {
namespace {

using ::testing::Each;
using ::testing::SizeIs;

// What everybody has is the beginning of what the one with the most has.
void expect_agreement(Cluster& cluster) {
  std::vector<Bytes> longest;
  for (ValidatorIndex i = 0; i < cluster.size(); ++i) {
    if (cluster.node(i).sealed.size() > longest.size()) {
      longest = cluster.node(i).sealed;
    }
  }
  for (ValidatorIndex i = 0; i < cluster.size(); ++i) {
    const auto& sealed = cluster.node(i).sealed;
    EXPECT_TRUE(std::ranges::equal(sealed, std::span(longest).first(sealed.size()))) << i;
  }
}

// Nobody has ever sent two votes that contradict each other.
void expect_honest_votes(Cluster& cluster) {
  for (ValidatorIndex i = 0; i < cluster.size(); ++i) {
    const auto& votes = cluster.node(i).votes;
    for (const Vote& a : votes) {
      EXPECT_TRUE(std::ranges::none_of(
          votes, [&](const Vote& b) { return contradict(a.statement, b.statement); }))
          << i << " in view " << a.statement.view;
    }
    EXPECT_THAT(cluster.node(i).accusations, SizeIs(0));
    EXPECT_FALSE(cluster.node(i).halted);
  }
}

TEST(Engine, OrdersPayloadsWhileThereIsDemand) {
  Cluster cluster(4);
  cluster.want(true);
  cluster.deliver(2000);
  cluster.want(false);
  cluster.deliver();
  EXPECT_GT(cluster.node(0).sealed.size(), 5u);
  for (ValidatorIndex i = 0; i < 4; ++i) {
    EXPECT_EQ(cluster.node(i).sealed, cluster.node(0).sealed);
    EXPECT_TRUE(verify(*cluster.set().set, *cluster.node(i).seal));
  }
  expect_honest_votes(cluster);
}

TEST(Engine, AloneItIsItsOwnQuorum) {
  Cluster cluster(1);
  cluster.builds_max = 3;
  cluster.want(true);
  EXPECT_THAT(cluster.node(0).sealed, SizeIs(3));
  EXPECT_TRUE(verify(*cluster.set().set, *cluster.node(0).seal));
  expect_honest_votes(cluster);
}

TEST(Engine, RestsWithoutDemandAndShowsThatItIsAlive) {
  Cluster cluster(4);
  cluster.wait(9 * kSecond);
  std::size_t builds = 0;
  for (ValidatorIndex i = 0; i < 4; ++i) {
    builds += cluster.node(i).builds;
  }
  EXPECT_EQ(builds, 0u);
  cluster.wait(2 * kSecond);
  EXPECT_THAT(cluster.node(2).sealed, SizeIs(1));
  EXPECT_EQ(cluster.engine(2).view(), 2u);
  cluster.wait(30 * kSecond);
  EXPECT_THAT(cluster.node(2).sealed, SizeIs(4));
  expect_honest_votes(cluster);
}

TEST(Engine, ASilentLeaderCostsItsViewsAndNothingElse) {
  Cluster cluster(4);
  const ValidatorIndex silent = cluster.set().set->leader(2);
  cluster.stop(silent);
  cluster.want(true);
  cluster.wait(5 * kSecond);
  cluster.want(false);
  const ValidatorIndex other = cluster.set().set->leader(1);
  EXPECT_GT(cluster.node(other).sealed.size(), 20u);
  // After two turns its views are given up without waiting: far more views than timeouts fit.
  EXPECT_GT(cluster.engine(other).view(), 40u);
  expect_agreement(cluster);
  expect_honest_votes(cluster);
}

TEST(Engine, TwoOfFourStopAndGoOnWhenAThirdIsBack) {
  Cluster cluster(4);
  cluster.want(true);
  cluster.deliver(500);
  cluster.stop(0);
  cluster.stop(1);
  cluster.wait(20 * kSecond);
  const std::size_t stuck = cluster.node(2).sealed.size();
  cluster.wait(20 * kSecond);
  EXPECT_EQ(cluster.node(2).sealed.size(), stuck);
  cluster.start(0);
  cluster.connect();
  cluster.want(true);
  // Timeouts have grown while it was stuck.
  for (int i = 0; i < 70 && cluster.node(0).sealed.size() <= stuck; ++i) {
    cluster.wait(kSecond);
  }
  EXPECT_GT(cluster.node(2).sealed.size(), stuck);
  EXPECT_GT(cluster.node(0).sealed.size(), stuck);
  expect_agreement(cluster);
  expect_honest_votes(cluster);
}

// A quorum that stops right after it has remembered its votes to give the view up counts them again
// when it is back.
TEST(Engine, AQuorumThatDiedAfterRememberingGoesOn) {
  Cluster cluster(4);
  cluster.stop(cluster.set().set->leader(1));
  cluster.want(true);
  cluster.dies_after_remembering = [](ValidatorIndex) { return true; };
  cluster.wait(2 * kSecond);
  cluster.dies_after_remembering = nullptr;
  cluster.mail().clear();
  for (ValidatorIndex i = 0; i < 4; ++i) {
    if (i != cluster.set().set->leader(1)) {
      EXPECT_THAT(cluster.node(i).log, SizeIs(1));
      EXPECT_EQ(cluster.node(i).engine, nullptr);
      cluster.start(i);
    }
  }
  cluster.connect();
  cluster.want(true);
  cluster.wait(3 * kSecond);
  EXPECT_FALSE(cluster.node(cluster.set().set->leader(2)).sealed.empty());
  expect_honest_votes(cluster);
}

// A vote to finalize binds for ever. Here the notarization behind it needed the vote of somebody
// who is gone; without it the others could never leave the view.
TEST(Engine, WhoVotedToFinalizeShowsTheWayOutAfterACrash) {
  Cluster cluster(4);
  const ValidatorIndex gone = cluster.set().set->leader(1);
  const auto late = static_cast<ValidatorIndex>((gone + 1) % 4);
  cluster.lost = [&](const Letter& letter) {
    const auto* const vote = std::get_if<Vote>(&letter.message);
    const bool finalize = vote != nullptr && vote->statement.kind == VoteKind::kFinalize;
    const bool notarize = vote != nullptr && vote->statement.kind == VoteKind::kNotarize;
    const auto* const proposal = std::get_if<ProposalMessage>(&letter.message);
    return finalize || (notarize && letter.to == late) ||
           (proposal != nullptr && (letter.to == late || proposal->proposal.proposal.view > 1)) ||
           std::holds_alternative<Certificate>(letter.message);
  };
  cluster.want(true);
  cluster.deliver();
  cluster.stop(gone);
  cluster.lost = [](const Letter&) { return true; };
  cluster.wait(2 * kSecond);  // `late` gives the view up
  for (ValidatorIndex i = 0; i < 4; ++i) {
    const auto signs = [&](VoteKind kind) {
      return std::ranges::any_of(cluster.node(i).votes, [kind](const Vote& vote) {
        return vote.statement.view == 1 && vote.statement.kind == kind;
      });
    };
    EXPECT_EQ(signs(VoteKind::kFinalize), i != late) << i;
    EXPECT_EQ(signs(VoteKind::kNullify), i == late) << i;
    if (i != gone) {
      cluster.stop(i);
      cluster.start(i);
    }
  }
  cluster.lost = nullptr;
  cluster.connect();
  cluster.want(true);
  cluster.wait(20 * kSecond);
  EXPECT_GT(cluster.node(late).sealed.size(), 1u);
  expect_agreement(cluster);
  expect_honest_votes(cluster);
}

// Whoever dies after any of its votes, and whatever was delivered before.
TEST(Engine, WhoComesBackContradictsNothingItSigned) {
  for (std::size_t at = 0; at < 120; at += 3) {
    SCOPED_TRACE(at);
    Cluster cluster(4);
    cluster.want(true);
    cluster.deliver(at);
    const auto victim = static_cast<ValidatorIndex>(at % 4);
    cluster.stop(victim);
    cluster.deliver(at % 50);
    cluster.start(victim);
    cluster.connect();
    cluster.want(true);
    cluster.deliver(1500);
    cluster.want(false);
    cluster.deliver();
    cluster.wait(5 * kSecond);
    EXPECT_GT(cluster.node(victim).sealed.size(), 2u);
    expect_agreement(cluster);
    expect_honest_votes(cluster);
  }
}

TEST(Engine, AnOlderCopyOfItsDiskSilencesItWhereItHadVoted) {
  Cluster cluster(4);
  cluster.want(true);
  // Everybody votes in view 1, and nobody learns that there is a quorum.
  cluster.lost = [](const Letter& letter) {
    const auto* const vote = std::get_if<Vote>(&letter.message);
    return std::holds_alternative<Certificate>(letter.message) ||
           (vote != nullptr && letter.from != 3);
  };
  cluster.deliver();
  ASSERT_THAT(cluster.node(3).votes, SizeIs(::testing::Ge(1)));
  cluster.stop(3);
  cluster.forget(3);
  cluster.lost = nullptr;
  cluster.start(3);
  EXPECT_FALSE(cluster.engine(3).may_sign());
  const std::size_t before = cluster.node(3).votes.size();
  cluster.connect();
  cluster.want(true);
  EXPECT_TRUE(cluster.engine(3).may_sign());
  cluster.deliver(1500);
  cluster.wait(5 * kSecond);
  // It votes again in later views, and in none where it had.
  EXPECT_GT(cluster.node(3).votes.size(), before);
  expect_agreement(cluster);
  expect_honest_votes(cluster);
}

TEST(Engine, SignsNothingBeforeItHasHeardFromAQuorum) {
  Cluster cluster(4, {0, 1});
  cluster.want(true);
  cluster.wait(30 * kSecond);
  EXPECT_THAT(cluster.node(0).votes, SizeIs(0));
  cluster.start(2);
  cluster.connect();
  cluster.want(true);
  cluster.wait(5 * kSecond);
  EXPECT_FALSE(cluster.node(0).sealed.empty());
}

// One half knows that the view was notarized, the other half that it was given up.
TEST(Engine, HalvesWithDifferentReasonsGoOnTogether) {
  Cluster cluster(4);
  const ValidatorIndex leader = cluster.set().set->leader(1);
  cluster.want(true);
  cluster.lost = [&](const Letter& letter) {
    const auto* const vote = std::get_if<Vote>(&letter.message);
    const bool certificate = std::holds_alternative<Certificate>(letter.message);
    // Only the leader sees the notarize votes.
    return certificate ||
           (vote != nullptr && vote->statement.kind == VoteKind::kNotarize && letter.to != leader);
  };
  cluster.deliver();
  EXPECT_EQ(cluster.engine(leader).view(), 2u);
  cluster.wait(800 * kMillisecond);
  cluster.lost = nullptr;
  cluster.wait(20 * kSecond);
  EXPECT_GT(cluster.node(leader).sealed.size(), 3u);
  for (ValidatorIndex i = 0; i < 4; ++i) {
    EXPECT_GT(cluster.engine(i).view(), 3u);
  }
  expect_agreement(cluster);
  expect_honest_votes(cluster);
}

TEST(Engine, AMissedProposalIsFetched) {
  Cluster cluster(4);
  const ValidatorIndex leader = cluster.set().set->leader(1);
  const auto deaf = static_cast<ValidatorIndex>((leader + 1) % 4);
  // The others have it notarized, and nobody has it sealed.
  cluster.lost = [&](const Letter& letter) {
    const auto* const proposal = std::get_if<ProposalMessage>(&letter.message);
    const auto* const vote = std::get_if<Vote>(&letter.message);
    return (proposal != nullptr && proposal->proposal.proposal.view == 1 && letter.from == leader &&
            letter.to == deaf) ||
           (vote != nullptr && vote->statement.view == 1 &&
            vote->statement.kind == VoteKind::kFinalize);
  };
  cluster.want(true);
  cluster.wait(300 * kMillisecond);
  EXPECT_GT(cluster.node(deaf).sealed.size(), 2u);
  EXPECT_EQ(cluster.node(deaf).catch_ups, 0u);
  expect_agreement(cluster);
  expect_honest_votes(cluster);
}

TEST(Engine, TheLastPayloadOfAnEpochIsProposedUntilItIsSealed) {
  Cluster cluster(4);
  cluster.ends_epoch = true;
  // It is notarized, and the votes to finalize it get lost.
  cluster.lost = [](const Letter& letter) {
    const auto* const vote = std::get_if<Vote>(&letter.message);
    return vote != nullptr && vote->statement.kind == VoteKind::kFinalize &&
           vote->statement.view == 1;
  };
  cluster.want(true);
  cluster.deliver();
  cluster.wait(5 * kSecond);
  for (ValidatorIndex i = 0; i < 4; ++i) {
    EXPECT_TRUE(cluster.engine(i).finished());
    EXPECT_THAT(cluster.node(i).sealed, SizeIs(1));
    EXPECT_GT(cluster.node(i).seal->proposal.view, 1u);
    EXPECT_EQ(cluster.node(i).seal->proposal.payload, payload_id(cluster.node(i).sealed[0]));
  }
  expect_honest_votes(cluster);
}

TEST(Engine, WhoMissedTheEndOfTheEpochIsShownItsSeal) {
  Cluster cluster(4);
  cluster.ends_epoch = true;
  cluster.lost = [](const Letter& letter) {
    return letter.to == 3 && !std::holds_alternative<ProposalMessage>(letter.message);
  };
  cluster.want(true);
  cluster.deliver();
  ASSERT_TRUE(cluster.engine(0).finished());
  ASSERT_FALSE(cluster.engine(3).finished());
  cluster.lost = nullptr;
  cluster.wait(3 * kSecond);
  EXPECT_TRUE(cluster.engine(3).finished());
  EXPECT_EQ(cluster.node(3).sealed, cluster.node(0).sealed);
}

TEST(Engine, ADoubleProposalIsShown) {
  Cluster cluster(4);
  const auto& set = *cluster.set().set;
  const ValidatorIndex leader = set.leader(1);
  cluster.stop(leader);
  std::vector<SignedProposal> made;
  for (const std::uint8_t number : {std::uint8_t{1}, std::uint8_t{2}}) {
    Bytes payload{0};
    append(payload, PayloadId{}.view());
    payload.push_back(number);
    payload.push_back(0);
    const Proposal proposal{.view = 1,
                            .parent_view = 0,
                            .parent = {},
                            .payload = payload_id(payload),
                            .justification = hash(digest({}))};
    made.push_back(sign_proposal(set, *cluster.set().keys[leader], proposal).value());
    for (ValidatorIndex to = 0; to < 4; ++to) {
      cluster.inject(
          leader, to,
          ProposalMessage{.proposal = made.back(), .justification = {}, .payload = payload});
    }
  }
  cluster.want(true);
  cluster.wait(5 * kSecond);
  for (ValidatorIndex i = 0; i < 4; ++i) {
    if (i != leader) {
      ASSERT_THAT(cluster.node(i).accusations, SizeIs(1));
      EXPECT_EQ(convict(set, cluster.node(i).accusations[0]), leader);
      EXPECT_EQ(name(cluster.node(i).accusations[0]), "double_proposal");
      EXPECT_FALSE(cluster.node(i).sealed.empty());  // and the fleet goes on
    }
  }
}

TEST(Engine, ContradictingVotesAreShownOnceAndForgedOnesNever) {
  Cluster cluster(4);
  const auto& made = cluster.set();
  ProposalId one;
  one.bytes[0] = 1;
  ProposalId two;
  two.bytes[0] = 2;
  const auto vote = [&](ValidatorIndex signer, const ProposalId& proposal) {
    return sign_vote(*made.set, signer, *made.keys[signer],
                     {.view = 1, .kind = VoteKind::kNotarize, .proposal = proposal})
        .value();
  };
  Vote forged = vote(2, two);
  forged.signature.back() ^= 1;
  cluster.inject(2, 0, vote(2, one));
  cluster.inject(2, 0, forged);
  cluster.deliver();
  EXPECT_THAT(cluster.node(0).accusations, SizeIs(0));
  cluster.inject(1, 0, vote(2, two));  // not from whom it is
  cluster.deliver();
  EXPECT_THAT(cluster.node(0).accusations, SizeIs(0));
  cluster.inject(2, 0, vote(2, two));
  cluster.inject(2, 0, vote(2, two));
  cluster.deliver();
  ASSERT_THAT(cluster.node(0).accusations, SizeIs(1));
  EXPECT_EQ(convict(*made.set, cluster.node(0).accusations[0]), ValidatorIndex{2});
}

TEST(Engine, ASecondSealAtOnePlaceHaltsItAndNamesAThird) {
  Cluster cluster(4);
  cluster.want(true);
  cluster.deliver(60);
  cluster.want(false);
  cluster.deliver();
  const auto& made = cluster.set();
  ASSERT_TRUE(cluster.node(0).seal);
  const View view = cluster.node(0).seal->proposal.view;
  Proposal other{.view = view, .parent_view = 0, .parent = {}, .payload = {}, .justification = {}};
  other.payload.bytes[0] = 9;
  std::vector<Vote> votes;
  for (ValidatorIndex signer = 1; signer <= 3; ++signer) {
    votes.push_back(
        sign_vote(*made.set, signer, *made.keys[signer],
                  {.view = view, .kind = VoteKind::kFinalize, .proposal = id(*made.set, other)})
            .value());
  }
  const Statement statement = votes.front().statement;
  cluster.inject(1, 0, Seal{.proposal = other, .finalization = certify(statement, votes)});
  cluster.deliver();
  EXPECT_TRUE(cluster.node(0).halted);
  EXPECT_TRUE(cluster.engine(0).halted());
  EXPECT_THAT(cluster.node(0).accusations, SizeIs(::testing::Ge(2)));
  EXPECT_THAT(cluster.node(0).proof, SizeIs(::testing::Ge(2)));
  const std::size_t voted = cluster.node(0).votes.size();
  cluster.want(true);
  cluster.wait(20 * kSecond);
  EXPECT_EQ(cluster.node(0).votes.size(), voted);
}

TEST(Engine, VotesFromTheFarFutureAreDropped) {
  Cluster cluster(4);
  const auto& made = cluster.set();
  const auto vote = [&](View view) {
    return sign_vote(*made.set, 2, *made.keys[2],
                     {.view = view, .kind = VoteKind::kNullify, .proposal = {}})
        .value();
  };
  for (View view = 1; view < 5000; ++view) {
    cluster.inject(2, 0, vote(view));
  }
  cluster.deliver();
  // What it kept is what it shows to the one who cast them.
  cluster.mail().clear();
  std::size_t kept = 0;
  cluster.lost = [&](const Letter& letter) {
    if (const auto* const greeting = std::get_if<Greeting>(&letter.message);
        greeting != nullptr && letter.from == 0 && letter.to == 2) {
      kept = greeting->yours.size();
    }
    return true;
  };
  cluster.connect();
  EXPECT_EQ(kept, kViewsAhead + 1);
}

TEST(Engine, BringsWhoIsFarBehindToItsView) {
  Cluster cluster(4);
  cluster.stop(3);
  cluster.want(true);
  cluster.wait(3 * kSecond);
  const View far = cluster.engine(0).view();
  ASSERT_GT(far, kViewsAhead);
  cluster.want(false);
  cluster.start(3);
  cluster.connect();
  EXPECT_GE(cluster.engine(3).view(), far);
}

}  // namespace
}  // namespace i2::consensus
