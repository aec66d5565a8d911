#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "client.h"

namespace i2::trustchain::acme::testing {
namespace {

Options with_terms() {
  return {.base_url = kBase, .terms_url = "https://ca.home.i2.internal/terms"};
}

TEST(Directory, NamesEveryResource) {
  World world({.base_url = kBase,
               .website = "https://home.example",
               .terms_url = "https://home.example/terms",
               .caa_identities = {"home.example"},
               .profiles = {{"day", "24 hours"}}});
  Client client(world);
  const Reply reply = client.get("/directory");
  EXPECT_EQ(reply.status(), 200);
  EXPECT_EQ(reply.raw.content_type, "application/json");
  EXPECT_EQ(reply.body, json::parse(R"({
    "newNonce": "https://ca.home.i2.internal:9292/acme/new-nonce",
    "newAccount": "https://ca.home.i2.internal:9292/acme/new-account",
    "newOrder": "https://ca.home.i2.internal:9292/acme/new-order",
    "revokeCert": "https://ca.home.i2.internal:9292/acme/revoke-cert",
    "keyChange": "https://ca.home.i2.internal:9292/acme/key-change",
    "renewalInfo": "https://ca.home.i2.internal:9292/acme/renewal-info",
    "meta": {"externalAccountRequired": false, "website": "https://home.example",
             "termsOfService": "https://home.example/terms", "caaIdentities": ["home.example"],
             "profiles": {"day": "24 hours"}}})"));
  EXPECT_FALSE(reply.has_link(kBase + "/directory", "index"));
  EXPECT_TRUE(client.get("/nothing").has_link(kBase + "/directory", "index"));
  client.join({{"termsOfServiceAgreed", true}});
  EXPECT_EQ(client.fetch(kBase + "/directory").body, reply.body);
  EXPECT_EQ(client.fetch(kBase + "/new-nonce").status(), 204);
  EXPECT_EQ(client.post(kBase + "/directory", json::object()).verdict(), "400 malformed");
}

TEST(Directory, ItsUrlsHaveAHostName) {
  const auto code = [](std::string url) {
    const auto result = check(Options{.base_url = std::move(url)});
    return result ? "ok" : result.error().code();
  };
  EXPECT_EQ(code(kBase), "ok");
  EXPECT_EQ(code("https://localhost"), "ok");
  for (const char* const bad :
       {"", "http://ca.example/acme", "https://[::1]:9292/acme", "https://192.0.2.1/acme",
        "https://ca.example/acme/", "https:///acme", "https://"}) {
    EXPECT_EQ(code(bad), "acme.options_invalid") << bad;
  }
}

TEST(Nonces, AreOnEveryAnswerAndNeverTheSame) {
  World world;
  Client client(world);
  std::set<std::string> seen;
  for (const Reply& reply :
       {client.get("/directory"), client.get("/new-nonce"), client.get("/new-nonce", "HEAD"),
        client.get("/nothing"), client.get("/new-order"), client.send_text(kNewAccount, "rubbish"),
        client.post(kNewAccount, json::object())}) {
    const std::string nonce = reply.header("replay-nonce");
    EXPECT_GE(wire::from_base64url(nonce).value_or(Bytes{}).size(), 16U);
    EXPECT_TRUE(seen.insert(nonce).second);
    EXPECT_EQ(reply.header("cache-control"), "no-store");
  }
  EXPECT_EQ(client.get("/new-nonce").status(), 204);
  EXPECT_EQ(client.get("/new-nonce", "HEAD").status(), 200);
  EXPECT_EQ(client.get("/new-nonce").raw.body, "");
}

TEST(Accounts, AreMadeOnceForAKey) {
  World world;
  Client client(world);
  const Reply made = client.post(
      kNewAccount, {{"contact", {"mailto:a@b.example"}}, {"termsOfServiceAgreed", true}});
  EXPECT_EQ(made.verdict(), "201");
  const std::string url = made.header("location");
  EXPECT_TRUE(url.starts_with(kBase + "/account/"));
  EXPECT_EQ(made.body, (json{{"status", "valid"},
                             {"contact", {"mailto:a@b.example"}},
                             {"termsOfServiceAgreed", true},
                             {"orders", url + "/orders"}}));
  EXPECT_TRUE(made.has_link(kBase + "/directory", "index"));

  const Reply again = client.post(kNewAccount, {{"contact", {"mailto:other@b.example"}}});
  EXPECT_EQ(again.verdict(), "200");
  EXPECT_EQ(again.header("location"), url);
  EXPECT_EQ(again.body, made.body);
  const Reply existing = client.post(kNewAccount, {{"onlyReturnExisting", true}});
  EXPECT_EQ(existing.verdict(), "200");
  EXPECT_EQ(existing.header("location"), url);
  EXPECT_EQ(Client(world).post(kNewAccount, {{"onlyReturnExisting", true}}).verdict(),
            "400 accountDoesNotExist");
}

TEST(Accounts, KeysOfEitherCurve) {
  World world;
  Client client(world, crypto::SignatureAlgorithm::kEd25519);
  EXPECT_EQ(client.post(kNewAccount, json::object()).verdict(), "201");
}

TEST(Accounts, TermsHaveToBeAgreedTo) {
  World world(with_terms());
  Client client(world);
  const Reply refused = client.post(kNewAccount, json::object());
  EXPECT_EQ(refused.verdict(), "403 userActionRequired");
  EXPECT_TRUE(refused.has_link("https://ca.home.i2.internal/terms", "terms-of-service"));
  EXPECT_EQ(client.post(kNewAccount, {{"termsOfServiceAgreed", "true"}}).verdict(),
            "403 userActionRequired");
  EXPECT_EQ(client.post(kNewAccount, {{"termsOfServiceAgreed", true}}).verdict(), "201");
}

TEST(Accounts, Contacts) {
  World world;
  const auto verdict = [&](const json& contact) {
    return Client(world).post(kNewAccount, {{"contact", contact}}).verdict();
  };
  EXPECT_EQ(verdict(json::array()), "201");
  EXPECT_EQ(verdict(nullptr), "201");
  EXPECT_EQ(verdict({"mailto:a@b.example", "mailto:c@d.example"}), "201");
  EXPECT_EQ(verdict({"tel:+1"}), "400 unsupportedContact");
  EXPECT_EQ(verdict("mailto:a@b.example"), "400 invalidContact");
  EXPECT_EQ(verdict({1}), "400 invalidContact");
  for (const std::string bad : {"mailto:", "mailto:a", "mailto:@b", "mailto:a@", "mailto:a@b,c@d",
                                "mailto:a@b?subject=x", "mailto:a b@c", "mailto:a@b@c"}) {
    EXPECT_EQ(verdict(json::array({bad})), "400 invalidContact") << bad;
  }
  EXPECT_EQ(verdict(json(std::vector<std::string>(11, "mailto:a@b.example"))),
            "400 invalidContact");
  EXPECT_EQ(verdict({"mailto:" + std::string(300, 'a') + "@b.example"}), "400 invalidContact");
}

TEST(Accounts, AreReadAndUpdated) {
  World world;
  Client client(world);
  client.join({{"contact", {"mailto:a@b.example"}}});
  EXPECT_EQ(client.fetch(client.account).body["contact"], json({"mailto:a@b.example"}));
  EXPECT_EQ(client.post(client.account, {{"contact", {"mailto:c@d.example"}}}).body["contact"],
            json({"mailto:c@d.example"}));
  EXPECT_EQ(client.post(client.account, json::object()).body["contact"],
            json({"mailto:c@d.example"}));
  EXPECT_EQ(client.post(client.account, {{"status", "revoked"}}).verdict(), "400 malformed");
  EXPECT_EQ(
      client.post(client.account, {{"contact", {"tel:1"}}, {"status", "deactivated"}}).verdict(),
      "400 unsupportedContact");
  EXPECT_EQ(client.fetch(client.account).body["status"], "valid");

  Client other(world);
  other.join();
  EXPECT_EQ(other.fetch(client.account).verdict(), "403 unauthorized");
  EXPECT_EQ(other.fetch(client.account + "/orders").verdict(), "403 unauthorized");
  EXPECT_EQ(other.post(client.account, {{"status", "deactivated"}}).verdict(), "403 unauthorized");
}

TEST(Accounts, DeactivatedOnesDoNothingMore) {
  World world;
  Client client(world);
  client.join();
  const Reply order = client.order({"a.example"});
  const std::string authorization = order.body["authorizations"][0];
  client.post(client.challenge(authorization, "dns-01"), json::object());
  const Reply gone = client.post(client.account, {{"status", "deactivated"}});
  EXPECT_EQ(gone.verdict(), "200");
  EXPECT_EQ(gone.body["status"], "deactivated");
  EXPECT_FALSE(world.server->poll_validation());
  EXPECT_EQ(client.fetch(client.account).verdict(), "401 unauthorized");
  EXPECT_EQ(client.order({"a.example"}).verdict(), "401 unauthorized");
  EXPECT_EQ(client.post(client.account, {{"status", "valid"}}).verdict(), "401 unauthorized");
  client.account.clear();
  EXPECT_EQ(client.post(kNewAccount, json::object()).verdict(), "401 unauthorized");
  world.restart();
  EXPECT_EQ(client.post(kNewAccount, json::object()).verdict(), "401 unauthorized");
}

// --- key change ----------------------------------------------------------------------------------

struct KeyChange {
  json header, statement;
  const ClientKey* signer;
};

class KeyChangeTest : public ::testing::Test {
 protected:
  KeyChangeTest() { client_.join(); }
  Reply change(const std::function<void(KeyChange&)>& spoil = [](KeyChange&) {}) {
    KeyChange inner{.header = {{"alg", next_.name}, {"jwk", next_.jwk}, {"url", url_}},
                    .statement = {{"account", client_.account}, {"oldKey", client_.key.jwk}},
                    .signer = &next_};
    spoil(inner);
    return client_.send(url_, jws(inner.header, inner.statement.dump(), *inner.signer).dump());
  }
  std::string url_ = kBase + "/key-change";
  World world_;
  Client client_{world_};
  ClientKey next_;
};

TEST_F(KeyChangeTest, TheNewKeyReplacesTheOld) {
  const ClientKey old = client_.key;
  const Reply changed = change();
  EXPECT_EQ(changed.verdict(), "200");
  EXPECT_EQ(changed.header("location"), client_.account);
  EXPECT_EQ(client_.fetch(client_.account).verdict(), "400 malformed");
  client_.key = next_;
  EXPECT_EQ(client_.fetch(client_.account).verdict(), "200");
  world_.restart();
  EXPECT_EQ(client_.fetch(client_.account).verdict(), "200");
  // The old key is free for another account.
  Client other(world_);
  other.key = old;
  const Reply made = other.post(kNewAccount, json::object());
  EXPECT_EQ(made.verdict(), "201");
  EXPECT_NE(made.header("location"), client_.account);
}

TEST_F(KeyChangeTest, Refusals) {
  const ClientKey third;
  EXPECT_EQ(change([](KeyChange& i) { i.header["nonce"] = "n"; }).verdict(), "400 malformed");
  EXPECT_EQ(change([](KeyChange& i) { i.header["url"] = kBase; }).verdict(), "400 malformed");
  EXPECT_EQ(change([&](KeyChange& i) { i.signer = &third; }).verdict(), "400 malformed");
  EXPECT_EQ(change([](KeyChange& i) { i.statement["account"] = kBase + "/account/x"; }).verdict(),
            "400 malformed");
  EXPECT_EQ(change([&](KeyChange& i) { i.statement["oldKey"] = third.jwk; }).verdict(),
            "400 malformed");
  EXPECT_EQ(change([](KeyChange& i) { i.statement.erase("oldKey"); }).verdict(), "400 malformed");
  EXPECT_EQ(change([](KeyChange& i) { i.header["alg"] = "none"; }).verdict(),
            "400 badSignatureAlgorithm");
  EXPECT_EQ(client_.fetch(url_).verdict(), "400 malformed");
  EXPECT_EQ(client_.fetch(client_.account).verdict(), "200");
}

TEST_F(KeyChangeTest, NotToAKeyThatIsInUse) {
  Client other(world_);
  other.join();
  next_ = other.key;
  const Reply refused = change();
  EXPECT_EQ(refused.verdict(), "409 malformed");
  EXPECT_EQ(refused.header("location"), other.account);
  next_ = client_.key;
  EXPECT_EQ(change().header("location"), client_.account);
}

// --- external accounts ---------------------------------------------------------------------------

class ExternalAccountTest : public ::testing::Test {
 protected:
  // `header` and `key` as the client sends them, signed with `secret`.
  json binding(const json& header, const json& key, ByteView secret) {
    const std::string head = b64(header.dump());
    const std::string body = b64(key.dump());
    return {{"protected", head},
            {"payload", body},
            {"signature",
             wire::to_base64url(crypto::hmac_sha256(secret, as_bytes(head + "." + body)))}};
  }
  std::string verdict(const json& bound) {
    return client_.post(kNewAccount, {{"externalAccountBinding", bound}}).verdict();
  }
  World world_{{.base_url = kBase, .external_account_required = true}};
  Client client_{world_};
  json header_{{"alg", "HS256"}, {"kid", "external-1"}, {"url", kNewAccount}};
};

TEST_F(ExternalAccountTest, IsRequired) {
  EXPECT_EQ(client_.post(kNewAccount, json::object()).verdict(), "403 externalAccountRequired");
  EXPECT_EQ(verdict(binding(header_, client_.key.jwk, world_.authority.mac())), "201");
  EXPECT_EQ(decode_account(world_.records.begin()->second).value().external_kid, "external-1");
}

TEST_F(ExternalAccountTest, Refusals) {
  const ByteView mac = world_.authority.mac();
  EXPECT_EQ(verdict(binding(header_, client_.key.jwk, Bytes(32))), "403 unauthorized");
  EXPECT_EQ(verdict(binding(header_, ClientKey().jwk, mac)), "400 malformed");
  json other = header_;
  other["kid"] = "external-2";
  EXPECT_EQ(verdict(binding(other, client_.key.jwk, mac)), "403 unauthorized");
  other = header_;
  other["url"] = kBase + "/new-order";
  EXPECT_EQ(verdict(binding(other, client_.key.jwk, mac)), "400 malformed");
  other = header_;
  other["alg"] = "ES256";
  EXPECT_EQ(verdict(binding(other, client_.key.jwk, mac)), "400 badSignatureAlgorithm");
  other = header_;
  other["nonce"] = "n";
  EXPECT_EQ(verdict(binding(other, client_.key.jwk, mac)), "400 malformed");
  EXPECT_EQ(verdict("text"), "400 malformed");
  EXPECT_EQ(verdict(nullptr), "400 malformed");
  EXPECT_TRUE(world_.records.empty());
}

TEST(ExternalAccounts, AreCheckedEvenWhereTheyAreNotRequired) {
  World world;
  EXPECT_EQ(Client(world).post(kNewAccount, {{"externalAccountBinding", {{"a", 1}}}}).verdict(),
            "400 malformed");
}

}  // namespace
}  // namespace i2::trustchain::acme::testing
