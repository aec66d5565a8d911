#include <gtest/gtest.h>
#include <i2/crypto/hash.h>

#include "keys.h"

namespace i2::trustchain {
namespace {

using testing::alice;
using testing::bob;

TEST(HybridKey, TheNodeIdHashesTheDomainAndBothKeys) {
  const auto& key = alice().public_key();
  EXPECT_EQ(key.falcon_spki().size(), 1811u);
  EXPECT_EQ(key.ed25519_spki().size(), 44u);
  EXPECT_EQ(node_id(key).bytes,
            crypto::sha256({as_bytes("i2/node/v1"), key.falcon_spki(), key.ed25519_spki()}));
  EXPECT_NE(node_id(key), node_id(bob().public_key()));
  EXPECT_NE(node_id(key).bytes, key.id(kOperatorDomain));
}

TEST(HybridKey, BothSignaturesMustBeValid) {
  const Bytes message{1, 2, 3};
  const auto good = alice().sign(kBindingDomain, message).value();
  const auto& key = alice().public_key();
  EXPECT_TRUE(key.verify(kBindingDomain, message, good));
  EXPECT_FALSE(key.verify(kAnchorDomain, message, good));
  EXPECT_FALSE(key.verify(kBindingDomain, Bytes{1, 2, 4}, good));
  EXPECT_FALSE(bob().public_key().verify(kBindingDomain, message, good));
  EXPECT_FALSE(HybridPublicKey().verify(kBindingDomain, message, good));

  auto half = good;
  half.falcon = bob().sign(kBindingDomain, message).value().falcon;
  EXPECT_FALSE(key.verify(kBindingDomain, message, half));
  half = good;
  half.ed25519 = bob().sign(kBindingDomain, message).value().ed25519;
  EXPECT_FALSE(key.verify(kBindingDomain, message, half));
  half = good;
  half.falcon.clear();
  EXPECT_FALSE(key.verify(kBindingDomain, message, half));
}

TEST(HybridKey, TheTwoKeysAreNotInterchangeable) {
  const auto& key = alice().public_key();
  const auto swapped = HybridPublicKey::from_spki(key.ed25519_spki(), key.falcon_spki());
  ASSERT_FALSE(swapped);
  EXPECT_EQ(swapped.error().code(), "trust.key_algorithm");
  EXPECT_EQ(HybridPublicKey::from_keys(key.falcon(), key.falcon()).error().code(),
            "trust.key_algorithm");
  EXPECT_EQ(HybridKey().sign(kNodeDomain, {}).error().code(), "crypto.sign");
}

TEST(HybridKey, SurvivesItsEncodingAndNothingElseDoes) {
  wire::CanonicalWriter w(0xfff1, 1);
  write(w, alice().public_key());
  const Bytes encoding = std::move(w).take();
  wire::CanonicalReader r(encoding, 0xfff1, 1);
  EXPECT_EQ(read_public_key(r), alice().public_key());
  EXPECT_TRUE(r.finish());

  Bytes broken = encoding;
  broken[8] ^= 1;  // the tag of the first SPKI
  wire::CanonicalReader bad(broken, 0xfff1, 1);
  EXPECT_FALSE(read_public_key(bad));
  EXPECT_FALSE(bad.finish());
}

TEST(ObjectId, IsSha256OfDomainAndEncoding) {
  // FIPS 180-4, SHA-256("abc").
  EXPECT_EQ(to_hex(object_id({"a"}, as_bytes("bc"))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace i2::trustchain
