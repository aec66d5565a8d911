#include <gtest/gtest.h>
#include <i2/consensus/vote.h>
#include <i2/consensus/vote_key.h>

namespace i2::consensus {
namespace {

class VoteKeyTest : public ::testing::TestWithParam<VoteSuite> {
 protected:
  VoteKey key_ = VoteKey::generate(GetParam()).value();
  std::shared_ptr<const VoteVerifier> verifier_ = make_verifier(key_.public_key()).value();
  Bytes message_ = to_bytes(as_bytes("a vote"));
};

TEST_P(VoteKeyTest, SignsWhatItsPublicHalfVerifies) {
  const Bytes signature = key_.sign(message_).value();
  EXPECT_LE(signature.size(), kVoteSignatureSizeMax);
  EXPECT_EQ(signature.size() == 64, GetParam() == VoteSuite::kEd25519);
  EXPECT_TRUE(verifier_->verify(message_, signature));
  EXPECT_FALSE(verifier_->verify(as_bytes("another"), signature));
  EXPECT_FALSE(verifier_->verify(message_, {}));
  EXPECT_FALSE(verifier_->verify(message_, ByteView(signature).first(signature.size() - 1)));
  Bytes longer = signature;
  longer.push_back(0);
  EXPECT_FALSE(verifier_->verify(message_, longer));
  // Each half counts.
  for (const std::size_t at : {std::size_t{0}, signature.size() - 1}) {
    Bytes altered = signature;
    altered[at] ^= 1;
    EXPECT_FALSE(verifier_->verify(message_, altered)) << at;
  }
  const VoteKey other = VoteKey::generate(GetParam()).value();
  EXPECT_FALSE(verifier_->verify(message_, other.sign(message_).value()));
}

TEST_P(VoteKeyTest, SurvivesItsFile) {
  const auto pem = key_.pem();
  const VoteKey again = VoteKey::from_pem(as_text(pem.view())).value();
  EXPECT_EQ(again.public_key(), key_.public_key());
  EXPECT_EQ(again.suite(), GetParam());
  EXPECT_TRUE(verifier_->verify(message_, again.sign(message_).value()));
}

INSTANTIATE_TEST_SUITE_P(Suites, VoteKeyTest,
                         ::testing::Values(VoteSuite::kEd25519, VoteSuite::kHybrid));

TEST(VoteKey, AnEd25519VoteIsNoHybridOne) {
  const VoteKey hybrid = VoteKey::generate(VoteSuite::kHybrid).value();
  const Bytes signature = hybrid.sign(as_bytes("a vote")).value();
  VotePublicKey half = hybrid.public_key();
  half.falcon.clear();
  EXPECT_FALSE(make_verifier(half).value()->verify(as_bytes("a vote"), signature));
  EXPECT_FALSE(make_verifier(hybrid.public_key())
                   .value()
                   ->verify(as_bytes("a vote"), ByteView(signature).first(64)));
}

TEST(VoteKey, WhatIsNoneIsRefused) {
  const auto code = [](const auto& result) {
    return result ? std::string("ok") : result.error().code();
  };
  const VotePublicKey good = VoteKey::generate(VoteSuite::kHybrid).value().public_key();
  EXPECT_EQ(code(make_verifier(good)), "ok");
  EXPECT_EQ(code(make_verifier({})), "consensus.key_invalid");
  EXPECT_EQ(code(make_verifier({.ed25519 = good.falcon, .falcon = {}})), "consensus.key_invalid");
  EXPECT_EQ(code(make_verifier({.ed25519 = good.ed25519, .falcon = good.ed25519})),
            "consensus.key_invalid");
  EXPECT_EQ(code(VoteKey::from_pem("nonsense")), "consensus.key_invalid");
  const auto pem = VoteKey::generate(VoteSuite::kHybrid).value().pem();
  const std::string text(as_text(pem.view()));
  const std::size_t second = text.find("-----BEGIN", 10);
  EXPECT_EQ(code(VoteKey::from_pem(text.substr(second))), "consensus.key_invalid");
  EXPECT_EQ(code(VoteKey::from_pem(text.substr(0, text.size() - 40))), "consensus.key_invalid");
}

}  // namespace
}  // namespace i2::consensus
