#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "keys.h"

namespace i2::trustchain {
namespace {

using testing::alice;
using testing::anchor_key;
using testing::bob;
using ::testing::ElementsAre;
using testing::kHour;
using testing::kNow;
using testing::make_anchor;
using testing::serial;
using testing::terms;

const LeafRequest& request() {
  static const LeafRequest made = make_leaf_request("alpha", "home").value();
  return made;
}

const crypto::Certificate& leaf() {
  static const crypto::Certificate made =
      issue_leaf(request().request, make_anchor(), anchor_key(), terms()).value();
  return made;
}

std::string verdict(const AnchorRecord& anchor, const crypto::Certificate& certificate,
                    UnixMillis at) {
  const auto result = check_leaf(anchor, certificate, at);
  return result ? "good" : std::string(result.error().code());
}

template <class T>
std::string code(const Result<T>& result) {
  return result ? "ok" : std::string(result.error().code());
}

TEST(Names, AreDnsLabels) {
  for (const std::string_view good : {"a", "0", "alpha", "a-b", "node-17"}) {
    EXPECT_TRUE(is_name(good)) << good;
  }
  for (const std::string_view bad : {"", "A", "a.b", "a_b", "-a", "a-", "ä", "a b", "a\n"}) {
    EXPECT_FALSE(is_name(bad)) << bad;
  }
  EXPECT_TRUE(is_name(std::string(63, 'a')));
  EXPECT_FALSE(is_name(std::string(64, 'a')));
}

TEST(Leaf, FollowsTheProfile) {
  EXPECT_EQ(leaf().subject_common_name(), "alpha");
  EXPECT_THAT(leaf().dns_names(), ElementsAre("alpha.home.i2.internal"));
  EXPECT_EQ(leaf().not_before(), kNow - 5 * 60 * 1000);
  EXPECT_EQ(leaf().not_after(), leaf().not_before() + 24 * kHour);
  EXPECT_EQ(leaf().serial(), serial(2));
  EXPECT_FALSE(leaf().is_ca());
  EXPECT_EQ(leaf().public_key().spki(), request().key.public_key().spki());
  EXPECT_EQ(leaf().public_key().algorithm(), crypto::SignatureAlgorithm::kFalcon1024);
  EXPECT_EQ(renewal_time(leaf()), leaf().not_before() + 16 * kHour);
  // What a Falcon certificate takes without extensions is about 3 330 bytes; they have 790 to
  // spend.
  EXPECT_LT(leaf().der().size(), 3330u + 790u);
}

TEST(Leaf, StatesTheHeightOfTheStateThatAuthorisesIt) {
  LeafTerms wanted = terms();
  EXPECT_EQ(leaf().state_height(), std::nullopt);
  wanted.state_height = UINT64_MAX;
  const auto made = issue_leaf(request().request, make_anchor(), anchor_key(), wanted).value();
  EXPECT_EQ(made.state_height(), UINT64_MAX);
  EXPECT_LE(made.tbs().size(), leaf().tbs().size() + 56);  // signatures differ in length
}

TEST(Leaf, IsRenewedAfterTwoThirdsOfItsLifeAndASpread) {
  const UnixMillis due = renewal_time(leaf());
  EXPECT_FALSE(is_renewal_due(leaf(), due - 1));
  EXPECT_TRUE(is_renewal_due(leaf(), due));
  EXPECT_FALSE(is_renewal_due(leaf(), due + kHour - 1, kHour));
  EXPECT_TRUE(is_renewal_due(leaf(), due + kHour, kHour));
  EXPECT_TRUE(is_renewal_due(leaf(), due + kHour, ~std::uint64_t{0}));
  // The clock was set back.
  EXPECT_TRUE(is_renewal_due(leaf(), leaf().not_before() - 1, kHour));
  EXPECT_FALSE(is_renewal_due(leaf(), leaf().not_before()));
}

TEST(Leaf, IsGoodUnderItsAnchorWhileItLasts) {
  const AnchorRecord anchor = make_anchor();
  EXPECT_EQ(verdict(anchor, leaf(), kNow), "good");
  EXPECT_EQ(verdict(anchor, leaf(), leaf().not_before()), "good");
  EXPECT_EQ(verdict(anchor, leaf(), leaf().not_before() - 1),
            "trust.leaf_untrusted");  // the anchor's too
  EXPECT_EQ(verdict(anchor, leaf(), leaf().not_after() + 1000), "trust.leaf_expired");

  const auto later =
      issue_leaf(
          request().request, anchor, anchor_key(),
          {.node_name = "alpha", .fleet_name = "home", .now = kNow + kHour, .serial = serial(3)})
          .value();
  EXPECT_EQ(verdict(anchor, later, kNow), "trust.leaf_not_yet_valid");
}

TEST(Leaf, BeginsWithItsAnchorToTheMillisecond) {
  AnchorRecord anchor = make_anchor();
  anchor.not_before += 789;
  auto when = terms();
  when.now += 789;
  const auto early = issue_leaf(request().request, anchor, anchor_key(), when).value();
  EXPECT_EQ(early.not_before(), kNow - kLeafBackdateMs + 1000);
  EXPECT_EQ(early.not_after() - early.not_before(), kLeafLifeMs);
  EXPECT_EQ(verdict(anchor, early, early.not_before()), "good");
}

TEST(Leaf, IsWorthNothingUnderAnotherAnchor) {
  EXPECT_EQ(verdict(make_anchor(bob().falcon()), leaf(), kNow), "trust.leaf_untrusted");
  EXPECT_EQ(verdict(make_anchor(), make_anchor().certificate, kNow), "trust.leaf_untrusted");
}

TEST(Leaf, TheRecordOfTheAnchorLimitsIt) {
  AnchorRecord anchor = make_anchor();
  anchor.constraints.dns_suffix = "other.i2.internal";
  EXPECT_EQ(verdict(anchor, leaf(), kNow), "trust.leaf_untrusted");
  // A suffix counts from a dot on.
  anchor.constraints.dns_suffix = "ome.i2.internal";
  EXPECT_EQ(verdict(anchor, leaf(), kNow), "trust.leaf_untrusted");
  anchor = make_anchor();
  anchor.constraints.leaf_life_ms_max = kLeafLifeMs - 1000;
  EXPECT_EQ(verdict(anchor, leaf(), kNow), "trust.leaf_untrusted");
  anchor = make_anchor();
  anchor.not_after = kNow;
  EXPECT_EQ(verdict(anchor, leaf(), kNow), "trust.leaf_untrusted");
}

TEST(Issuing, ChecksTheRequest) {
  const AnchorRecord anchor = make_anchor();
  EXPECT_EQ(code(issue_leaf(request().request, anchor, anchor_key(), terms("beta"))),
            "trust.request_name");
  const auto ed25519 = crypto::CertificateRequest::create(alice().ed25519(), "alpha").value();
  EXPECT_EQ(code(issue_leaf(ed25519, anchor, anchor_key(), terms())), "trust.request_algorithm");
  // The signature of the request is its last part.
  Bytes der = request().request.der();
  der.back() ^= 1;
  const auto forged = crypto::CertificateRequest::from_der(der);
  ASSERT_TRUE(forged) << forged.error().to_string();
  EXPECT_EQ(code(issue_leaf(*forged, anchor, anchor_key(), terms())), "trust.request_possession");
}

TEST(Issuing, StaysWithinTheAnchor) {
  AnchorRecord anchor = make_anchor();
  anchor.not_after = kNow + kHour;
  const auto cut = issue_leaf(request().request, anchor, anchor_key(), terms());
  ASSERT_TRUE(cut) << cut.error().to_string();
  EXPECT_EQ(cut->not_after(), kNow + kHour);
  anchor.not_after = kNow;
  EXPECT_EQ(code(issue_leaf(request().request, anchor, anchor_key(), terms())),
            "trust.anchor_not_valid");
  anchor = make_anchor();
  anchor.not_before = kNow + 1;
  EXPECT_EQ(code(issue_leaf(request().request, anchor, anchor_key(), terms())),
            "trust.anchor_not_valid");
  EXPECT_FALSE(issue_leaf(request().request, make_anchor(), bob().falcon(), terms()));
}

TEST(Anchor, IsSignedByTheRootForOneChain) {
  const AnchorRecord anchor = make_anchor();
  ChainId other;
  other.bytes.fill(8);
  EXPECT_TRUE(verify_anchor(anchor, anchor.chain_id, alice().public_key()));
  EXPECT_EQ(code(verify_anchor(anchor, other, alice().public_key())), "trust.anchor_invalid");
  EXPECT_EQ(code(verify_anchor(anchor, anchor.chain_id, bob().public_key())),
            "trust.anchor_invalid");
  AnchorRecord widened = anchor;
  widened.constraints.leaf_life_ms_max *= 2;
  EXPECT_EQ(code(verify_anchor(widened, anchor.chain_id, alice().public_key())),
            "trust.anchor_invalid");
}

TEST(Anchor, SurvivesItsEncoding) {
  const AnchorRecord anchor = make_anchor();
  const Bytes encoding = encode(anchor);
  const auto decoded = decode_anchor(encoding);
  ASSERT_TRUE(decoded) << decoded.error().to_string();
  EXPECT_EQ(encode(*decoded), encoding);
  EXPECT_EQ(id(*decoded), id(anchor));
  EXPECT_EQ(decoded->constraints, anchor.constraints);
  EXPECT_TRUE(verify_anchor(*decoded, anchor.chain_id, alice().public_key()));
}

TEST(Anchor, RefusesARecordThatMakesNoSense) {
  AnchorRecord anchor = make_anchor();
  anchor.certificate = leaf();
  EXPECT_EQ(code(decode_anchor(encode(anchor))), "trust.anchor_invalid");
  anchor = make_anchor();
  anchor.not_after = anchor.not_before;
  EXPECT_EQ(code(decode_anchor(encode(anchor))), "trust.anchor_invalid");
  anchor = make_anchor();
  anchor.constraints.dns_suffix.clear();
  EXPECT_EQ(code(decode_anchor(encode(anchor))), "trust.anchor_invalid");
}

}  // namespace
}  // namespace i2::trustchain
