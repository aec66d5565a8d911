#include <gtest/gtest.h>
#include <i2/trustchain/core/witness_keys.h>

#include <fstream>
#include <iterator>

#include "keys.h"

namespace i2::trustchain {
namespace {

using ct::NoteKey;
using ct::NoteKeyType;
using testing::alice;
using testing::bob;
using testing::kNow;

ChainId chain(std::uint8_t of) {
  ChainId out;
  out.bytes.fill(of);
  return out;
}

const NodeId& alice_id() {
  static const NodeId id = node_id(alice().public_key());
  return id;
}

std::vector<NoteKey> keys_named(const std::string& name) {
  static const auto ed25519 =
      crypto::PrivateKey::generate(crypto::SignatureAlgorithm::kEd25519).value();
  static const auto ml_dsa =
      crypto::PrivateKey::generate(crypto::SignatureAlgorithm::kMlDsa44).value();
  return {NoteKey::make(name, NoteKeyType::kEd25519Cosignature, ed25519.public_key()).value(),
          NoteKey::make(name, NoteKeyType::kMlDsa44Cosignature, ml_dsa.public_key()).value()};
}

WitnessKeys statement() {
  return make_witness_keys(alice(), chain(7), kNow, keys_named(witness_name(chain(7), alice_id())))
      .value();
}

std::string verdict(const WitnessKeys& of, const ChainId& fleet, const HybridKey& as) {
  const auto result = verify_witness_keys(of, fleet, node_id(as.public_key()), as.public_key());
  return result ? "good" : std::string(result.error().code());
}

TEST(WitnessKeys, AreStatedByTheIdentityForOneFleet) {
  const WitnessKeys made = statement();
  EXPECT_EQ(verdict(made, chain(7), alice()), "good");
  EXPECT_EQ(verdict(made, chain(8), alice()), "trust.witness_keys");
  EXPECT_EQ(verdict(made, chain(7), bob()), "trust.witness_keys");
  WitnessKeys later = made;
  later.made_at += 1;
  EXPECT_EQ(verdict(later, chain(7), alice()), "trust.witness_keys");
  WitnessKeys fewer = made;
  fewer.keys.pop_back();
  EXPECT_EQ(verdict(fewer, chain(7), alice()), "trust.witness_keys");
}

TEST(WitnessKeys, SurviveTheirEncodingAndNothingElseDecodes) {
  const WitnessKeys made = statement();
  const Bytes encoding = encode(made);
  EXPECT_LE(encoding.size(), kWitnessKeysSizeMax);
  const WitnessKeys decoded = decode_witness_keys(encoding).value();
  EXPECT_EQ(encode(decoded), encoding);
  EXPECT_EQ(decoded.keys.at(1).vkey(), made.keys.at(1).vkey());
  EXPECT_EQ(verdict(decoded, chain(7), alice()), "good");
  for (std::size_t size = 0; size < encoding.size(); size += 7) {
    const auto cut = decode_witness_keys(ByteView(encoding).first(size));
    ASSERT_FALSE(cut) << size;
    EXPECT_EQ(cut.error().code(), "trust.witness_keys");
  }
  for (std::size_t i = 0; i < encoding.size(); i += 11) {
    Bytes altered = encoding;
    altered[i] ^= 1;
    const auto read = decode_witness_keys(altered);
    EXPECT_FALSE(read && verdict(*read, chain(7), alice()) == "good") << i;
  }
}

// A member cannot state the keys of another one, or keys that do not cosign.
TEST(WitnessKeys, HaveTheNameOfTheirNode) {
  WitnessKeys other = statement();
  other.keys = keys_named(witness_name(chain(7), node_id(bob().public_key())));
  EXPECT_FALSE(decode_witness_keys(encode(other)));
  WitnessKeys plain = statement();
  plain.keys = {
      NoteKey::make(witness_name(chain(7), alice_id()), NoteKeyType::kEd25519, plain.keys[0].key())
          .value()};
  EXPECT_FALSE(decode_witness_keys(encode(plain)));
  WitnessKeys none = statement();
  none.keys.clear();
  EXPECT_FALSE(decode_witness_keys(encode(none)));
}

// docs/wire/trust.md: the example, whose bytes must not change.
TEST(WitnessKeys, OfTheDocument) {
  std::ifstream file(I2_SOURCE_DIR "/corpus/fuzz_trust_witness/keys", std::ios::binary);
  const Bytes bytes{std::istreambuf_iterator<char>(file), {}};
  const WitnessKeys read = decode_witness_keys(bytes).value();
  EXPECT_EQ(encode(read), bytes);
  EXPECT_EQ(read.chain, chain(7));
  EXPECT_EQ(read.made_at, kNow);
  ASSERT_EQ(read.keys.size(), 2U);
  EXPECT_EQ(read.keys[0].type(), NoteKeyType::kEd25519Cosignature);
  EXPECT_EQ(read.keys[1].type(), NoteKeyType::kMlDsa44Cosignature);
}

}  // namespace
}  // namespace i2::trustchain
