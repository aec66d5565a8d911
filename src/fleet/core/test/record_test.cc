#include <gtest/gtest.h>
#include <i2/crypto/hash.h>

#include <algorithm>

#include "fleet.h"

namespace i2::fleet {
namespace {

using testing::code;
using testing::Fleet;
using testing::Node;

const Fleet& record_home() {
  static const Fleet fleet("home", 2);
  return fleet;
}

TEST(Genesis, SurvivesItsEncodingAndIsSignedByItsRoot) {
  const Bytes encoding = encode(record_home().genesis);
  EXPECT_LE(encoding.size(), kGenesisSizeMax);
  const auto decoded = decode_genesis(encoding);
  ASSERT_TRUE(decoded) << decoded.error().to_string();
  EXPECT_EQ(encode(*decoded), encoding);
  EXPECT_TRUE(verify_genesis(*decoded));
  EXPECT_EQ(decoded->fleet_name, "home");
  EXPECT_EQ(decoded->operators, record_home().genesis.operators);
  EXPECT_EQ(decoded->first_member, record_home().genesis.first_member);
  EXPECT_EQ(decoded->parameters.proof_policy, 0u);
  EXPECT_EQ(chain_id(*decoded), chain_id(record_home().genesis));
}

TEST(Genesis, TheChainIdIsTheHashWithoutTheSignature) {
  Genesis genesis = record_home().genesis;
  const ChainId id = chain_id(genesis);
  sign_genesis(genesis, record_home().root).value();  // Falcon signatures are never the same twice
  EXPECT_EQ(chain_id(genesis), id);
  const Bytes encoding = encode(genesis);
  const std::size_t signature = 4 + genesis.root_signature.falcon.size() + 64;
  EXPECT_EQ(id.bytes, crypto::sha256({as_bytes("i2/genesis/v1"),
                                      ByteView(encoding).first(encoding.size() - signature)}));
  genesis.created += 1;
  EXPECT_NE(chain_id(genesis), id);
  EXPECT_EQ(code(verify_genesis(genesis)), "fleet.genesis_invalid");
}

TEST(Genesis, RefusesOneSignedByAnotherRoot) {
  Genesis genesis = record_home().genesis;
  sign_genesis(genesis, record_home().operator_1).value();
  EXPECT_EQ(code(verify_genesis(genesis)), "fleet.genesis_invalid");
}

TEST(Genesis, RefusesWhatMakesNoSense) {
  const auto refused = [](auto change) {
    Genesis genesis = record_home().genesis;
    change(genesis);
    return code(decode_genesis(encode(genesis)));
  };
  const std::string invalid = "fleet.genesis_invalid";
  EXPECT_EQ(refused([](Genesis&) {}), "ok");
  EXPECT_EQ(refused([](Genesis& g) { g.fleet_name = "Home"; }), invalid);
  EXPECT_EQ(refused([](Genesis& g) { g.fleet_name = ""; }), invalid);
  EXPECT_EQ(refused([](Genesis& g) { g.operators_required = 0; }), invalid);
  EXPECT_EQ(refused([](Genesis& g) { g.operators_required = 3; }), invalid);
  EXPECT_EQ(refused([](Genesis& g) { g.operators.clear(); }), invalid);
  EXPECT_EQ(refused([](Genesis& g) { std::ranges::reverse(g.operators); }), invalid);
  EXPECT_EQ(refused([](Genesis& g) { g.operators[1] = g.operators[0]; }), invalid);
  EXPECT_EQ(refused([](Genesis& g) { g.first_member.sponsor.bytes.fill(1); }), invalid);
  EXPECT_EQ(refused([](Genesis& g) { g.first_member.node_id.bytes.fill(1); }), invalid);
  EXPECT_EQ(refused([](Genesis& g) { g.first_member.name = "a.b"; }), invalid);
  EXPECT_EQ(refused([](Genesis& g) { g.first_member.role = Role{9}; }), invalid);
  EXPECT_EQ(refused([](Genesis& g) { g.root_ecdsa = g.root.ed25519(); }), invalid);
}

TEST(Member, SurvivesItsEncoding) {
  const Node beta = record_home().make_node("beta");
  const Member member =
      record_home().admit(beta, {&record_home().operator_1, &record_home().operator_2});
  const Bytes encoding = encode(member);
  const auto decoded = decode_member(encoding);
  ASSERT_TRUE(decoded) << decoded.error().to_string();
  EXPECT_EQ(encode(*decoded), encoding);
  EXPECT_EQ(decoded->info, beta.info);
  EXPECT_EQ(decoded->signatures.size(), 2u);
  EXPECT_EQ(id(*decoded), id(member));
  EXPECT_EQ(id(record_home().admit(beta)), id(member));
}

TEST(Member, TheNodeIdMustBeTheHashOfTheKeys) {
  Node beta = record_home().make_node("beta");
  beta.info.node_id.bytes[0] ^= 1;
  EXPECT_EQ(code(decode_member(encode(record_home().admit(beta)))), "fleet.member_invalid");
}

TEST(Member, OperatorsAdmit) {
  const auto verdict = [](const Member& member) {
    return code(verify_member(member, chain_id(record_home().genesis),
                              record_home().genesis.operators,
                              record_home().genesis.operators_required));
  };
  const Node beta = record_home().make_node("beta");
  EXPECT_EQ(verdict(record_home().admit(beta)), "ok");
  EXPECT_EQ(verdict(record_home().admit(beta, {})), "fleet.member_signature");
  EXPECT_EQ(verdict(record_home().admit(beta, {&record_home().root})), "fleet.member_signature");
  // One good signature does not carry a bad one.
  EXPECT_EQ(verdict(record_home().admit(beta, {&record_home().operator_1, &record_home().root})),
            "fleet.member_signature");
  Member foreign = record_home().admit(beta);
  foreign.chain_id.bytes.fill(1);
  EXPECT_EQ(verdict(foreign), "fleet.member_foreign");
  Member renamed = record_home().admit(beta);
  renamed.info.name = "gamma";
  EXPECT_EQ(verdict(renamed), "fleet.member_signature");
}

TEST(Member, AValidatorNeedsAsManyOperatorsAsGenesisSays) {
  const auto verdict = [](const Member& member) {
    return code(
        verify_member(member, chain_id(record_home().genesis), record_home().genesis.operators, 2));
  };
  const Node beta = record_home().make_node("beta", Role::kValidator);
  EXPECT_EQ(verdict(record_home().admit(beta)), "fleet.member_signature");
  EXPECT_EQ(
      verdict(record_home().admit(beta, {&record_home().operator_2, &record_home().operator_1})),
      "ok");
  Member twice = record_home().admit(beta);
  twice.signatures.push_back(twice.signatures.front());
  EXPECT_EQ(verdict(twice), "fleet.member_signature");
  EXPECT_EQ(code(decode_member(encode(twice))), "fleet.member_invalid");
}

TEST(PeerHint, IsAnIpv6AddressOfAHost) {
  PeerHint hint{.node_id = {}, .address = {0x20, 0x01, 0x0d, 0xb8}, .port = 443};
  EXPECT_EQ(code(check_hint(hint)), "ok");
  hint.port = 0;
  EXPECT_EQ(code(check_hint(hint)), "fleet.hint_refused");
  const auto refused = [](std::array<std::uint8_t, 16> address) {
    return code(check_hint({.node_id = {}, .address = address, .port = 443}));
  };
  EXPECT_EQ(refused({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1}),
            "fleet.hint_refused");
  EXPECT_EQ(refused({}), "fleet.hint_refused");
  EXPECT_EQ(refused({0xff, 0x02}), "fleet.hint_refused");
  EXPECT_EQ(refused({0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}), "fleet.hint_refused");
  EXPECT_EQ(refused({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}), "ok");  // ::1, one host
}

TEST(PeerHint, ListsSurviveTheirEncodingAndAreBounded) {
  const PeerHint hint{.node_id = {}, .address = {0x20, 0x01, 0x0d, 0xb8}, .port = 443};
  std::vector<PeerHint> hints(kPeerHintsMax, hint);
  const auto decoded = decode_hints(encode(hints));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(*decoded, hints);
  hints.push_back(hint);
  EXPECT_EQ(code(decode_hints(encode(hints))), "fleet.hints_invalid");
  hints.assign(1, {});
  EXPECT_EQ(code(decode_hints(encode(hints))), "fleet.hints_invalid");
}

}  // namespace
}  // namespace i2::fleet
