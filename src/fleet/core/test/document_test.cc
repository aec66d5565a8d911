// Checks what docs/wire/trust.md and docs/wire/bundle.md say about the example records in corpus/.
#include <gtest/gtest.h>
#include <i2/trustchain/core/issuance.h>
#include <i2/wire/text.h>

#include "documents.h"
#include "fleet.h"

namespace i2::fleet {
namespace {

using testing::examples;
using testing::kNow;

Bytes read(const std::string& path) {
  return testing::read_file(path);
}

Genesis genesis() {
  return decode_genesis(read("corpus/fuzz_trust_genesis_member/genesis")).value();
}
trustchain::AnchorRecord anchor() {
  return trustchain::decode_anchor(read("corpus/fuzz_trust_genesis_member/anchor")).value();
}
Member member() {
  return decode_member(read("corpus/fuzz_trust_genesis_member/member")).value();
}
trustchain::Binding binding() {
  return trustchain::decode_binding(read("corpus/fuzz_trust_binding/binding")).value();
}

TEST(TrustDocument, NamesTheIdsOfTheExamples) {
  const auto text = examples("trust.md");
  ASSERT_EQ(text.size(), 10u);
  EXPECT_EQ(text.at("chain id of genesis"), chain_id(genesis()).hex());
  EXPECT_EQ(text.at("node id of alpha, the first member"), genesis().first_member.node_id.hex());
  EXPECT_EQ(text.at("node id of beta"), member().info.node_id.hex());
  EXPECT_EQ(text.at("operator id"), operator_id(genesis().operators.front()).hex());
  EXPECT_EQ(text.at("id of member"), to_hex(id(member())));
  EXPECT_EQ(text.at("id of anchor"), to_hex(trustchain::id(anchor())));
}

TEST(TrustDocument, TheExamplesAreOneValidFleet) {
  const auto record = anchor();
  const auto second = member();
  const auto set = MemberSet::create(genesis(), std::span(&record, 1), std::span(&second, 1));
  ASSERT_TRUE(set) << set.error().to_string();
  EXPECT_EQ(set->genesis().fleet_name, "home");
  ASSERT_NE(set->find("beta"), nullptr);
  EXPECT_EQ(record.holder, set->find("alpha")->node_id);
  EXPECT_EQ(record.constraints.dns_suffix, "home.i2.internal");
}

TEST(TrustDocument, ShowsTheSignedPartOfABinding) {
  const std::string hex = examples("trust.md").at("binding");
  EXPECT_EQ(hex, to_hex(signed_part(binding())));
  EXPECT_EQ(binding().not_after, 1763786100000u);
  const auto bundle = decode_bundle(read("corpus/fuzz_trust_bundle/bundle")).value();
  EXPECT_TRUE(trustchain::verify_binding(binding(), member().info.node_id, member().info.identity,
                                         bundle.leaf.public_key(), kNow));
}

TEST(TrustDocument, ShowsAnIntent) {
  const Bytes bytes = read("corpus/fuzz_trust_intent/intent");
  EXPECT_EQ(examples("trust.md").at("intent"), to_hex(bytes));
  const trustchain::Intent intent = trustchain::decode_intent(bytes).value();
  EXPECT_EQ(intent.profile, trustchain::Profile::kServer);
  EXPECT_TRUE(intent.logged);
  EXPECT_EQ(to_hex(intent.serial), "202122232425262728292a2b2c2d2e2f");
  EXPECT_EQ(intent.dns_names, std::vector<std::string>{"web.example"});
  EXPECT_EQ(intent.not_before, 1763699700000U);
  EXPECT_EQ(intent.not_after, 1763786100000U);
  EXPECT_EQ(intent.crl_url, "http://ca/7");
  EXPECT_EQ(intent.requester, "account 7");
  EXPECT_EQ(intent.decided_at, 1763700000000U);
  EXPECT_EQ(examples("trust.md").at("id of intent"), to_hex(trustchain::id(intent)));
}

TEST(TrustDocument, ShowsAListOfPeerHints) {
  const auto bytes = wire::from_hex(examples("trust.md").at("hints"));
  ASSERT_TRUE(bytes);
  PeerHint hint{
      .node_id = member().info.node_id, .address = {0x20, 0x01, 0x0d, 0xb8}, .port = 9292};
  hint.address.back() = 1;
  const std::vector<PeerHint> hints{hint};
  EXPECT_EQ(encode(hints), *bytes);
  EXPECT_EQ(decode_hints(*bytes).value(), hints);
}

TEST(BundleDocument, ShowsBothEndsOfABundle) {
  const auto text = examples("bundle.md");
  ASSERT_EQ(text.size(), 2u);
  const Bytes file = read("corpus/fuzz_trust_bundle/bundle");
  ASSERT_GT(file.size(), 78u);
  EXPECT_EQ(text.at("header"), to_hex(ByteView(file).first(46)));
  EXPECT_EQ(text.at("checksum"), to_hex(ByteView(file).last(32)));
  EXPECT_EQ(file.size(), 46u + 29808u + 32u);
}

TEST(BundleDocument, TheExampleMakesBetaAMember) {
  const auto bundle = decode_bundle(read("corpus/fuzz_trust_bundle/bundle"), chain_id(genesis()));
  ASSERT_TRUE(bundle) << bundle.error().to_string();
  EXPECT_EQ(bundle->node_id, member().info.node_id);
  EXPECT_EQ(bundle->leaf.subject_common_name(), "beta");
  EXPECT_EQ(bundle->binding, encode(binding()));
}

}  // namespace
}  // namespace i2::fleet
