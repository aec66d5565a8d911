#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "client.h"

namespace i2::trustchain::acme::testing {
namespace {

template <class T>
std::string code_of(const Result<T>& result) {
  return result ? "ok" : result.error().code();
}

// What decodes is the encoding of what was decoded, and nothing shorter or longer decodes.
template <class Decode>
void expect_one_form(const Bytes& record, Decode decode) {
  const auto value = decode(record);
  ASSERT_TRUE(value) << value.error().to_string();
  EXPECT_EQ(encode(*value), record);
  for (std::size_t size = 0; size < record.size(); ++size) {
    EXPECT_FALSE(decode(ByteView(record).first(size))) << size;
  }
  Bytes longer = record;
  longer.push_back(0);
  EXPECT_EQ(code_of(decode(longer)), "wire.malformed");
}

Account account() {
  return {.id = "a1",
          .key = parse_jwk(ClientKey().jwk.dump()).value(),
          .thumbprint = {},
          .deactivated = false,
          .terms_agreed = true,
          .proven = true,
          .contacts = {"mailto:a@b.example"},
          .external_kid = "external-1",
          .created = kNow};
}

Authorization authorization() {
  return {.id = "z1",
          .account = "a1",
          .name = "a.example",
          .wildcard = true,
          .token = "token",
          .state = AuthorizationState::kInvalid,
          .answered = ChallengeType::kDns01,
          .error = Error("acme.dns", "no such name"),
          .created = kNow,
          .expires = kNow + kHour,
          .validated = 0};
}

Order order() {
  Order out;
  out.id = "o1";
  out.account = "a1";
  out.names = {"*.a.example", "b.example"};
  out.authorizations = {"z1", "z2"};
  out.profile = "day";
  out.replaces = "AQ.AQ";
  out.created = kNow;
  out.expires = kNow + kHour;
  out.request = {1, 2, 3};
  out.chain = "-----BEGIN CERTIFICATE-----";
  out.leaf.fill(7);
  out.certificate = "AQ.Ag";
  out.not_after = kNow + 2 * kHour;
  out.replaced = true;
  return out;
}

TEST(Records, HaveOneForm) {
  expect_one_form(encode(account()), decode_account);
  expect_one_form(encode(authorization()), decode_authorization);
  expect_one_form(encode(order()), decode_order);
  EXPECT_EQ(kind_of(encode(account())), RecordKind::kAccount);
  EXPECT_EQ(kind_of(encode(authorization())), RecordKind::kAuthorization);
  EXPECT_EQ(kind_of(encode(order())), RecordKind::kOrder);
  EXPECT_FALSE(kind_of(Bytes{1}));
}

TEST(Records, KeepEverything) {
  const Account a = decode_account(encode(account())).value();
  EXPECT_EQ(a.thumbprint, thumbprint(a.key));
  EXPECT_EQ(a.contacts, account().contacts);
  EXPECT_EQ(a.external_kid, "external-1");
  EXPECT_TRUE(a.proven && a.terms_agreed && !a.deactivated);
  const Authorization z = decode_authorization(encode(authorization())).value();
  EXPECT_EQ(z.state, AuthorizationState::kInvalid);
  EXPECT_EQ(z.answered, ChallengeType::kDns01);
  EXPECT_EQ(z.error.value().to_string(), "no such name [acme.dns]");
  const Order o = decode_order(encode(order())).value();
  EXPECT_EQ(o.names, order().names);
  EXPECT_EQ(o.request, order().request);
  EXPECT_EQ(o.leaf, order().leaf);
  EXPECT_FALSE(o.error);
}

Bytes example(const std::string& name) {
  std::ifstream in(std::string(I2_SOURCE_DIR) + "/corpus/fuzz_acme_jws/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Made by another program after docs/wire/acme.md.
TEST(Records, ExamplesOfTheDocument) {
  const Account a = decode_account(example("record_account")).value();
  EXPECT_EQ(a.id, "a1");
  EXPECT_EQ(a.key.algorithm(), crypto::JwsAlgorithm::kEdDsa);
  EXPECT_TRUE(!a.deactivated && a.terms_agreed && a.proven);
  EXPECT_EQ(a.created, kNow);
  const Authorization z = decode_authorization(example("record_authorization")).value();
  EXPECT_EQ(z.name, "a.example");
  EXPECT_EQ(z.state, AuthorizationState::kInvalid);
  EXPECT_EQ(z.answered, ChallengeType::kDns01);
  EXPECT_EQ(z.error.value().code(), "acme.dns");
  EXPECT_EQ(z.expires, kNow + kHour);
  const Order o = decode_order(example("record_order")).value();
  EXPECT_EQ(o.names, std::vector<std::string>{"a.example"});
  EXPECT_EQ(o.request, (Bytes{1, 2, 3}));
  EXPECT_EQ(o.leaf[31], 7);
  EXPECT_EQ(o.not_after, kNow + 2 * kHour);
  EXPECT_TRUE(o.replaced);
}

TEST(Records, FieldsThatAreOutOfRange) {
  Authorization bad = authorization();
  bad.state = static_cast<AuthorizationState>(4);
  EXPECT_EQ(code_of(decode_authorization(encode(bad))), "wire.malformed");
  bad = authorization();
  bad.answered = static_cast<ChallengeType>(4);
  EXPECT_EQ(code_of(decode_authorization(encode(bad))), "wire.malformed");
  Order many = order();
  many.names.assign(kNamesMax + 1, "a");
  EXPECT_EQ(code_of(decode_order(encode(many))), "wire.malformed");
  EXPECT_EQ(code_of(decode_account(encode(order()))), "wire.malformed");
}

TEST(Records, AServerTakesNoRubbish) {
  World world({.base_url = kBase, .accounts_max = 1});
  EXPECT_EQ(code_of(world.server->restore(Bytes{})), "wire.malformed");
  EXPECT_EQ(code_of(world.server->restore(Bytes(100, 1))), "wire.malformed");
  EXPECT_EQ(code_of(world.server->restore(encode(account()))), "ok");
  EXPECT_EQ(code_of(world.server->restore(encode(account()))), "acme.busy");
}

}  // namespace
}  // namespace i2::trustchain::acme::testing
