#include <gtest/gtest.h>
#include <i2/trustchain/core/binding.h>

#include "keys.h"

namespace i2::trustchain {
namespace {

using testing::alice;
using testing::anchor_key;
using testing::bob;
using testing::kHour;
using testing::kNow;

Binding make() {
  return make_binding(alice(), node_id(alice().public_key()), anchor_key().public_key(),
                      kNow + kHour)
      .value();
}

std::string verdict(const Binding& binding, const HybridKey& as, const crypto::PublicKey& leaf,
                    UnixMillis now) {
  const auto result = verify_binding(binding, node_id(as.public_key()), as.public_key(), leaf, now);
  return result ? "good" : std::string(result.error().code());
}

TEST(Binding, IsGoodForItsNodeItsLeafAndUntilItEnds) {
  const Binding binding = make();
  const auto& leaf = anchor_key().public_key();
  EXPECT_EQ(verdict(binding, alice(), leaf, kNow), "good");
  EXPECT_EQ(verdict(binding, alice(), leaf, kNow + kHour - 1), "good");
  EXPECT_EQ(verdict(binding, alice(), leaf, kNow + kHour), "trust.binding_expired");
  EXPECT_EQ(verdict(binding, bob(), leaf, kNow), "trust.binding_invalid");
  EXPECT_EQ(verdict(binding, alice(), bob().falcon().public_key(), kNow), "trust.binding_invalid");
  EXPECT_EQ(verdict(binding, alice(), crypto::PublicKey(), kNow), "trust.binding_invalid");
}

TEST(Binding, NobodyElseCanSignOrProlongIt) {
  const auto& leaf = anchor_key().public_key();
  const NodeId node = node_id(alice().public_key());
  const auto forged = make_binding(bob(), node, leaf, kNow + kHour).value();
  EXPECT_EQ(verdict(forged, alice(), leaf, kNow), "trust.binding_invalid");
  Binding longer = make();
  longer.not_after += kHour;
  EXPECT_EQ(verdict(longer, alice(), leaf, kNow), "trust.binding_invalid");
}

TEST(Binding, SurvivesItsEncoding) {
  const Binding binding = make();
  const Bytes encoding = encode(binding);
  EXPECT_LE(encoding.size(), kBindingSizeMax);
  const auto decoded = decode_binding(encoding);
  ASSERT_TRUE(decoded) << decoded.error().to_string();
  EXPECT_EQ(decoded->node_id, binding.node_id);
  EXPECT_EQ(decoded->leaf_spki_sha256, binding.leaf_spki_sha256);
  EXPECT_EQ(decoded->not_after, binding.not_after);
  EXPECT_EQ(decoded->signature, binding.signature);
  EXPECT_EQ(encode(*decoded), encoding);
}

TEST(Binding, NoAlteredByteIsAccepted) {
  const auto& leaf = anchor_key().public_key();
  const Bytes encoding = encode(make());
  for (std::size_t i = 0; i < encoding.size(); ++i) {
    Bytes altered = encoding;
    altered[i] ^= 0x40;
    const auto decoded = decode_binding(altered);
    const std::string result =
        decoded ? verdict(*decoded, alice(), leaf, kNow) : std::string(decoded.error().code());
    EXPECT_EQ(result, "trust.binding_invalid") << "byte " << i;
  }
}

TEST(Binding, RefusesOtherLengths) {
  Bytes encoding = encode(make());
  EXPECT_EQ(decode_binding({}).error().code(), "trust.binding_invalid");
  EXPECT_FALSE(decode_binding(ByteView(encoding).first(encoding.size() - 1)));
  encoding.push_back(0);
  EXPECT_FALSE(decode_binding(encoding));
}

}  // namespace
}  // namespace i2::trustchain
