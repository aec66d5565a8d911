// Requests that must not get through.
#include <gtest/gtest.h>
#include <i2/crypto/testing/seeded_random.h>

#include <nlohmann/json.hpp>

#include "client.h"

namespace i2::trustchain::acme::testing {
namespace {

const json kOrder{{"identifiers", {{{"type", "dns"}, {"value", "a.example"}}}}};

class HostileTest : public ::testing::Test {
 protected:
  HostileTest() { client_.join(); }
  std::string verdict(const json& header, const std::string& payload = kOrder.dump()) {
    return client_.send_text(kNewOrder, jws(header, payload, client_.key).dump()).verdict();
  }
  // An ordinary newOrder whose header has one member set to something else.
  std::string with(const char* name, const json& value) {
    json header = client_.header(kNewOrder);
    header[name] = value;
    return verdict(header);
  }
  [[nodiscard]] std::size_t orders() {
    return client_.fetch(client_.account + "/orders").body["orders"].size();
  }
  World world_;
  Client client_{world_};
};

TEST_F(HostileTest, NoncesAreGoodOnce) {
  const std::string body = jws(client_.header(kNewOrder), kOrder.dump(), client_.key).dump();
  EXPECT_EQ(client_.send_text(kNewOrder, body).verdict(), "201");
  const Reply replayed = client_.send_text(kNewOrder, body);
  EXPECT_EQ(replayed.verdict(), "400 badNonce");
  // What comes with the refusal is good.
  json header = client_.header(kNewOrder);
  header["nonce"] = replayed.header("replay-nonce");
  EXPECT_EQ(verdict(header), "201");
  EXPECT_EQ(verdict(header), "400 badNonce");
  EXPECT_EQ(orders(), 2U);
}

TEST_F(HostileTest, NoncesOfOthersMaking) {
  const std::string good = client_.nonce();
  Bytes bytes = wire::from_base64url(good).value();
  bytes[7] ^= 1;  // the number
  EXPECT_EQ(with("nonce", wire::to_base64url(bytes)), "400 badNonce");
  bytes[7] ^= 1;
  bytes.back() ^= 1;  // the MAC
  EXPECT_EQ(with("nonce", wire::to_base64url(bytes)), "400 badNonce");
  EXPECT_EQ(with("nonce", ""), "400 badNonce");
  EXPECT_EQ(with("nonce", good + "A"), "400 badNonce");
  EXPECT_EQ(with("nonce", std::string(32, '/')), "400 badNonce");
  EXPECT_EQ(with("nonce", wire::to_base64url(Bytes(24, 0xff))), "400 badNonce");
  EXPECT_EQ(with("nonce", good), "201");
}

TEST_F(HostileTest, RequestsForAnotherUrl) {
  for (const std::string& url :
       {kBase + "/new-account", kBase + "/new-order/", kBase + "/new-order?", std::string(),
        std::string("/new-order"), std::string("https://other.example/acme/new-order")}) {
    EXPECT_EQ(with("url", url), "403 unauthorized") << url;
  }
  EXPECT_EQ(orders(), 0U);
}

TEST_F(HostileTest, AccountsOfOthers) {
  Client other(world_);
  other.join();
  EXPECT_EQ(with("kid", other.account), "400 malformed");
  EXPECT_EQ(with("kid", kBase + "/account/nobody"), "400 accountDoesNotExist");
  EXPECT_EQ(with("kid", "https://other.example/account/1"), "400 accountDoesNotExist");
  EXPECT_EQ(with("kid", client_.account + "/"), "400 accountDoesNotExist");
  EXPECT_EQ(with("kid", client_.account.substr(kBase.size())), "400 accountDoesNotExist");
  EXPECT_EQ(other.fetch(other.account + "/orders").body["orders"].size(), 0U);
}

TEST_F(HostileTest, AlgorithmsThatAreNone) {
  const Reply none = [&] {
    json header = client_.header(kNewOrder);
    header["alg"] = "none";
    json request = jws(header, kOrder.dump(), client_.key);
    request["signature"] = "";
    return client_.send_text(kNewOrder, request.dump());
  }();
  EXPECT_EQ(none.verdict(), "400 badSignatureAlgorithm");
  EXPECT_EQ(none.body["algorithms"], json({"RS256", "ES256", "ES384", "EdDSA"}));
  // A MAC made with the public key, which everybody knows.
  json header = client_.header(kNewOrder);
  header["alg"] = "HS256";
  const std::string head = b64(header.dump());
  const std::string body = b64(kOrder.dump());
  const Hash256 mac =
      crypto::hmac_sha256(as_bytes(client_.key.jwk.dump()), as_bytes(head + "." + body));
  const json request{
      {"protected", head}, {"payload", body}, {"signature", wire::to_base64url(mac)}};
  EXPECT_EQ(client_.send_text(kNewOrder, request.dump()).verdict(), "400 badSignatureAlgorithm");
  EXPECT_EQ(with("alg", "EdDSA"), "400 badSignatureAlgorithm");
  EXPECT_EQ(orders(), 0U);
}

TEST_F(HostileTest, KeysWhereAccountsAreAskedForAndTheReverse) {
  json header = client_.header(kNewOrder);
  header.erase("kid");
  header["jwk"] = client_.key.jwk;
  EXPECT_EQ(verdict(header), "400 malformed");
  EXPECT_EQ(with("jwk", client_.key.jwk), "400 malformed");
  EXPECT_EQ(client_.post(kBase + "/new-account", json::object()).verdict(), "400 malformed");
}

TEST_F(HostileTest, ContentTypesMethodsAndSizes) {
  const auto status = [&](std::string_view method, std::string_view target, std::string_view type,
                          const std::string& body) {
    return client_.reply({.method = method, .target = target, .content_type = type, .body = body})
        .verdict();
  };
  const auto fresh = [&] {
    return jws(client_.header(kNewOrder), kOrder.dump(), client_.key).dump();
  };
  EXPECT_EQ(status("POST", "/new-order", "application/json", fresh()), "415 malformed");
  EXPECT_EQ(status("POST", "/new-order", "", fresh()), "415 malformed");
  EXPECT_EQ(status("POST", "/new-order", "application/jose+jsonx", fresh()), "415 malformed");
  EXPECT_EQ(status("POST", "/new-order", "Application/Jose+JSON; charset=utf-8", fresh()), "201");
  EXPECT_EQ(status("PUT", "/new-order", "application/jose+json", fresh()), "405 malformed");
  EXPECT_EQ(status("GET", "/new-order", "", ""), "405 malformed");
  EXPECT_EQ(client_.get("/new-order").header("allow"), "POST");
  EXPECT_EQ(client_.get("/directory", "DELETE").header("allow"), "GET, HEAD, POST");
  EXPECT_EQ(status("POST", "/new-order", "application/jose+json", std::string(70'000, ' ')),
            "413 malformed");
  for (const std::string_view target :
       {"", "/", "new-order", "//new-order", "/new-order/", "/new-order/x", "/order", "/order/",
        "/order/x/y", "/order/x/finalize/", "/account/x/orders/y", "/Directory", "/challenge/x"}) {
    EXPECT_EQ(status("POST", target, "application/jose+json", fresh()), "404 malformed") << target;
  }
}

// --- mutations -----------------------------------------------------------------------------------

// Everything that a client sends on its way to a certificate, with one to three changes somewhere.
// A response of 2xx has to be earned: by a request whose signed parts are as the client made them.
TEST(Mutations, EarnNothing) {
  constexpr std::uint64_t kSeed = 20251121;
  crypto::testing::SeededRng rng(kSeed);
  World world({.base_url = kBase, .new_orders = {}});
  Client client(world);
  client.join();
  const Reply order = client.order({"a.example"});
  const std::string authorization = order.body["authorizations"][0];
  const std::string csr = wire::to_base64url(
      crypto::CertificateRequest::create(Client::leaf_key(), "a.example").value().der());
  const std::vector<std::pair<std::string, std::string>> requests{
      {kNewOrder, kOrder.dump()},
      {client.account, R"({"contact":["mailto:a@b.example"]})"},
      {client.account, ""},
      {order.header("location"), ""},
      {authorization, ""},
      {authorization, R"({"status":"deactivated"})"},
      {client.challenge(authorization, "dns-01"), "{}"},
      {order.body["finalize"], json{{"csr", csr}}.dump()},
      {kBase + "/revoke-cert", R"({"certificate":"AAAA"})"},
      {kBase + "/key-change", R"({"protected":"e30","payload":"e30","signature":"AA"})"},
  };
  const auto pick = [&](std::size_t below) { return rng.next_u64() % below; };
  constexpr std::string_view kAlphabet = R"({}[]",:\AZaz09-_=+/. e)";
  std::size_t passed = 0;
  for (int i = 0; i < 10'000; ++i) {
    const auto& [url, payload] = requests[pick(requests.size())];
    const json original = jws(client.header(url), payload, client.key);
    std::string text = original.dump();
    for (std::size_t changes = 1 + pick(3); changes > 0; --changes) {
      const std::size_t at = pick(text.size());
      const char replacement =
          pick(4) == 0 ? static_cast<char>(pick(256)) : kAlphabet[pick(kAlphabet.size())];
      switch (pick(4)) {
        case 0:
          text.erase(at, 1 + pick(8));
          break;
        case 1:
          text.insert(at, 1, replacement);
          break;
        case 2:
          text.insert(at, text.substr(pick(text.size()), pick(40)));
          break;
        default:
          text[at] = replacement;
      }
    }
    const Reply reply = client.send_text(url, text);
    ASSERT_FALSE(reply.header("replay-nonce").empty());
    if (reply.status() / 100 == 2) {
      const json sent = json::parse(text, nullptr, false);
      ASSERT_TRUE(sent.is_object()) << text;
      for (const char* const name : {"protected", "payload", "signature"}) {
        ASSERT_EQ(sent[name], original[name]) << "seed " << kSeed << ", request " << i << "\n"
                                              << text;
      }
      ++passed;
    } else {
      ASSERT_TRUE(reply.status() / 100 == 4) << reply.verdict();
    }
  }
  EXPECT_GT(passed, 0U);
  EXPECT_LT(passed, 200U);  // undone by luck, or outside what is signed
}

}  // namespace
}  // namespace i2::trustchain::acme::testing
