#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "client.h"

namespace i2::trustchain::acme::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

class OrderTest : public ::testing::Test {
 protected:
  OrderTest() { client_.join(); }
  std::string status(const std::string& url) { return client_.fetch(url).body["status"]; }
  Issuance finalized(const std::vector<std::string>& names) {
    const Reply made = client_.order(names);
    client_.prove(made.body);
    client_.finalize(made.body, names, Client::leaf_key());
    return world_.server->poll_issuance().value();
  }
  World world_;
  Client client_{world_};
};

TEST_F(OrderTest, FromOrderToCertificateOverHttp01) {
  const Reply made = client_.order({"A.Example"});
  const std::string url = made.header("location");
  EXPECT_EQ(made.verdict(), "201");
  EXPECT_TRUE(url.starts_with(kBase + "/order/"));
  EXPECT_EQ(made.body["status"], "pending");
  EXPECT_EQ(made.body["expires"], "2025-11-22T04:40:00Z");
  EXPECT_EQ(made.body["identifiers"], json::parse(R"([{"type":"dns","value":"a.example"}])"));
  EXPECT_EQ(made.body["finalize"], url + "/finalize");
  EXPECT_FALSE(made.body.contains("certificate"));
  EXPECT_EQ(client_.fetch(url).body, made.body);
  EXPECT_EQ(client_.finalize(made.body, {"a.example"}, Client::leaf_key()).verdict(),
            "403 orderNotReady");

  const std::string authorization = made.body["authorizations"][0];
  const Reply pending = client_.fetch(authorization);
  EXPECT_EQ(pending.body["status"], "pending");
  EXPECT_EQ(pending.body["identifier"], json::parse(R"({"type":"dns","value":"a.example"})"));
  EXPECT_FALSE(pending.body.contains("wildcard"));
  ASSERT_THAT(pending.body["challenges"], SizeIs(3));
  const json& offered = pending.body["challenges"][0];
  EXPECT_EQ(offered["type"], "http-01");
  EXPECT_EQ(offered["status"], "pending");
  const std::string token = offered["token"];
  EXPECT_GE(wire::from_base32(token).value().size(), 16U);
  EXPECT_EQ(token.find('-'), std::string::npos);

  const Reply answered = client_.post(offered["url"], json::object());
  EXPECT_EQ(answered.verdict(), "200");
  EXPECT_EQ(answered.body["status"], "processing");
  EXPECT_EQ(answered.header("retry-after"), "1");
  EXPECT_TRUE(answered.has_link(authorization, "up"));
  EXPECT_EQ(client_.fetch(authorization).header("retry-after"), "1");

  const auto validation = world_.server->poll_validation().value();
  EXPECT_EQ(validation.name, "a.example");
  const auto& http = std::get<HttpCheck>(validation.check);
  EXPECT_EQ(http.url, "http://a.example/.well-known/acme-challenge/" + token);
  EXPECT_EQ(http.body, token + "." + client_.key.thumbprint());
  EXPECT_FALSE(world_.server->poll_validation());
  world_.now += 1000;
  world_.server->handle_validation(validation.authorization, {}, world_.now);

  const Reply valid = client_.fetch(authorization);
  EXPECT_EQ(valid.body["status"], "valid");
  EXPECT_EQ(valid.body["expires"], "2025-11-28T04:40:01Z");
  ASSERT_THAT(valid.body["challenges"], SizeIs(1));
  EXPECT_EQ(valid.body["challenges"][0]["status"], "valid");
  EXPECT_EQ(valid.body["challenges"][0]["validated"], "2025-11-21T04:40:01Z");
  EXPECT_EQ(status(url), "ready");

  const Reply processing = client_.finalize(made.body, {"a.example"}, Client::leaf_key());
  EXPECT_EQ(processing.verdict(), "200");
  EXPECT_EQ(processing.body["status"], "processing");
  EXPECT_EQ(processing.header("location"), url);
  EXPECT_EQ(processing.header("retry-after"), "1");
  EXPECT_EQ(client_.finalize(made.body, {"a.example"}, Client::leaf_key()).verdict(),
            "403 orderNotReady");

  const auto issuance = world_.server->poll_issuance().value();
  EXPECT_THAT(issuance.names, ElementsAre("a.example"));
  EXPECT_EQ(kBase + "/account/" + issuance.account, client_.account);
  const Issued issued = world_.authority.issue(issuance);
  EXPECT_TRUE(world_.server->handle_issued(issuance.order, issued, world_.now));
  EXPECT_FALSE(world_.server->handle_issued(issuance.order, issued, world_.now));
  EXPECT_FALSE(world_.server->handle_refused(issuance.order, Error("acme.bad_csr", "late")));

  const Reply done = client_.fetch(url);
  EXPECT_EQ(done.body["status"], "valid");
  const Reply certificate = client_.fetch(done.body["certificate"]);
  EXPECT_EQ(certificate.status(), 200);
  EXPECT_EQ(certificate.raw.content_type, "application/pem-certificate-chain");
  EXPECT_EQ(certificate.raw.body, issued.chain[0].pem() + issued.chain[1].pem());
  EXPECT_THAT(crypto::Certificate::from_pem(issued.chain[0].pem()).value().dns_names(),
              ElementsAre("a.example"));
}

TEST_F(OrderTest, WildcardsAreProvedByTheirZone) {
  const Reply made = client_.order({"*.a.example", "a.example"});
  ASSERT_THAT(made.body["authorizations"], SizeIs(2));
  const Reply wildcard = client_.fetch(made.body["authorizations"][0]);
  EXPECT_EQ(wildcard.body["identifier"]["value"], "a.example");
  EXPECT_EQ(wildcard.body["wildcard"], true);
  ASSERT_THAT(wildcard.body["challenges"], SizeIs(1));
  EXPECT_EQ(wildcard.body["challenges"][0]["type"], "dns-01");
  const std::string dns = wildcard.body["challenges"][0]["url"];
  EXPECT_EQ(client_.post(dns.substr(0, dns.rfind('/')) + "/http-01", json::object()).verdict(),
            "404 malformed");
  client_.prove(made.body);
  EXPECT_EQ(status(made.header("location")), "ready");
}

TEST_F(OrderTest, ChecksOfDnsAndTlsAlpn) {
  const Reply made = client_.order({"a.example", "b.example"});
  const std::string first = made.body["authorizations"][0];
  const std::string second = made.body["authorizations"][1];
  client_.post(client_.challenge(first, "dns-01"), json::object());
  client_.post(client_.challenge(second, "tls-alpn-01"), json::object());
  const auto authorization = [&](const std::string& token) {
    return crypto::sha256(as_bytes(token + "." + client_.key.thumbprint()));
  };
  const auto dns = world_.server->poll_validation().value();
  const std::string dns_token = client_.fetch(first).body["challenges"][0]["token"];
  EXPECT_EQ(std::get<DnsCheck>(dns.check).name, "_acme-challenge.a.example");
  EXPECT_EQ(std::get<DnsCheck>(dns.check).value, wire::to_base64url(authorization(dns_token)));
  const auto tls = world_.server->poll_validation().value();
  const std::string tls_token = client_.fetch(second).body["challenges"][0]["token"];
  EXPECT_EQ(std::get<TlsAlpnCheck>(tls.check).name, "b.example");
  EXPECT_EQ(std::get<TlsAlpnCheck>(tls.check).digest, authorization(tls_token));
  EXPECT_NE(dns_token, tls_token);
}

TEST_F(OrderTest, AFailedValidationEndsTheOrder) {
  const Reply made = client_.order({"a.example"});
  const std::string authorization = made.body["authorizations"][0];
  const std::string challenge = client_.challenge(authorization, "http-01");
  const std::string other = client_.challenge(authorization, "dns-01");
  client_.post(challenge, json::object());
  EXPECT_EQ(client_.post(challenge, json::object()).verdict(), "200");  // asked for once
  EXPECT_EQ(client_.post(other, json::object()).verdict(), "400 malformed");
  const auto validation = world_.server->poll_validation().value();
  world_.server->handle_validation(validation.authorization,
                                   fail("acme.connection", "a.example did not answer"), world_.now);
  world_.server->handle_validation(validation.authorization, {}, world_.now);  // too late
  const Reply failed = client_.fetch(authorization);
  EXPECT_EQ(failed.body["status"], "invalid");
  ASSERT_THAT(failed.body["challenges"], SizeIs(1));
  EXPECT_EQ(failed.body["challenges"][0]["status"], "invalid");
  EXPECT_EQ(failed.body["challenges"][0]["error"]["type"], "urn:ietf:params:acme:error:connection");
  EXPECT_EQ(failed.body["challenges"][0]["error"]["detail"], "a.example did not answer");
  EXPECT_EQ(status(made.header("location")), "invalid");
  EXPECT_EQ(client_.post(other, json::object()).verdict(), "400 malformed");
  EXPECT_EQ(client_.finalize(made.body, {"a.example"}, Client::leaf_key()).verdict(),
            "403 orderNotReady");
}

TEST_F(OrderTest, ValidAuthorizationsAreUsedAgain) {
  EXPECT_EQ(client_.obtain({"a.example"}).body["status"], "valid");
  const Reply again = client_.order({"a.example"});
  EXPECT_EQ(again.body["status"], "ready");
  const Reply more = client_.order({"a.example", "b.example"});
  EXPECT_EQ(more.body["status"], "pending");
  EXPECT_EQ(more.body["authorizations"][0], again.body["authorizations"][0]);
  EXPECT_EQ(client_.order({"*.a.example"}).body["status"], "pending");
  Client other(world_);
  EXPECT_EQ(other.join().order({"a.example"}).body["status"], "pending");
  world_.now = kNow + 7 * 24 * kHour - kHour - 1;
  EXPECT_EQ(client_.order({"a.example"}).body["status"], "ready");
  world_.now += 1;
  EXPECT_EQ(client_.order({"a.example"}).body["status"], "pending");
}

TEST_F(OrderTest, DeactivatedAuthorizationsEndOrders) {
  client_.obtain({"a.example"});
  const Reply again = client_.order({"a.example"});
  const std::string authorization = again.body["authorizations"][0];
  EXPECT_EQ(client_.post(authorization, {{"status", "valid"}}).verdict(), "400 malformed");
  EXPECT_EQ(client_.post(authorization, {{"status", "deactivated"}}).body["status"], "deactivated");
  EXPECT_EQ(status(again.header("location")), "invalid");
  EXPECT_EQ(client_.order({"a.example"}).body["status"], "pending");
}

TEST_F(OrderTest, EverythingExpires) {
  const Reply made = client_.order({"a.example"});
  const std::string authorization = made.body["authorizations"][0];
  const std::string challenge = client_.challenge(authorization, "dns-01");
  world_.now += 24 * kHour;
  EXPECT_EQ(status(made.header("location")), "invalid");
  EXPECT_EQ(status(authorization), "invalid");
  EXPECT_EQ(client_.post(challenge, json::object()).verdict(), "400 malformed");
  world_.server->handle_time(world_.now);
  world_.save();
  EXPECT_EQ(client_.fetch(made.header("location")).verdict(), "404 malformed");
  EXPECT_EQ(client_.fetch(authorization).verdict(), "404 malformed");
  EXPECT_EQ(client_.fetch(client_.account + "/orders").body["orders"], json::array());
  EXPECT_THAT(world_.records, SizeIs(1));  // the account
}

TEST_F(OrderTest, CertificatesCanBeFetchedUntilTheyEnd) {
  const std::string url = client_.obtain({"a.example"}).body["certificate"];
  world_.now = kNow + 24 * kHour - 1;
  world_.server->handle_time(world_.now);
  EXPECT_EQ(client_.fetch(url).status(), 200);
  world_.now = kNow + 24 * kHour;
  world_.server->handle_time(world_.now);
  EXPECT_EQ(client_.fetch(url).verdict(), "404 malformed");
}

// --- what cannot be ordered ----------------------------------------------------------------------

TEST_F(OrderTest, NamesThatAreNone) {
  for (const std::string bad :
       {"", ".", "a..b", "-a.example", "a-.example", "a_b.example", "a.example.", "*", "*.",
        "*.*.a.example", "a.*.example", "::1", "192.0.2.1", "[::1]", "a b.example", "a.example/",
        "\xc3\xa4.example"}) {
    EXPECT_EQ(client_.order({bad}).verdict(), "403 rejectedIdentifier") << bad;
  }
  EXPECT_EQ(client_.order({std::string(64, 'a') + ".example"}).verdict(), "403 rejectedIdentifier");
  EXPECT_EQ(client_.order({std::string(300, 'a')}).verdict(), "400 malformed");
  EXPECT_EQ(client_.order({}).verdict(), "400 malformed");
  EXPECT_EQ(client_.order(std::vector<std::string>(33, "a.example")).verdict(), "400 malformed");
  EXPECT_EQ(client_.order(std::vector<std::string>(32, "a.example")).body["identifiers"].size(),
            1U);
}

TEST_F(OrderTest, SubproblemsNameWhatIsRefused) {
  const Reply refused = client_.order({"a.example", "x.evil.example", "192.0.2.1"});
  EXPECT_EQ(refused.verdict(), "403 rejectedIdentifier");
  EXPECT_EQ(refused.raw.content_type, "application/problem+json");
  EXPECT_EQ(refused.body["status"], 403);
  ASSERT_THAT(refused.body["subproblems"], SizeIs(2));
  EXPECT_EQ(refused.body["subproblems"][0]["identifier"]["value"], "192.0.2.1");
  EXPECT_EQ(refused.body["subproblems"][1], json::parse(R"({
    "type": "urn:ietf:params:acme:error:rejectedIdentifier",
    "detail": "nobody may have 'x.evil.example'",
    "identifier": {"type": "dns", "value": "x.evil.example"}})"));
  const Reply kind =
      client_.post(kNewOrder, {{"identifiers", {{{"type", "ip"}, {"value", "2001:db8::1"}}}}});
  EXPECT_EQ(kind.verdict(), "400 unsupportedIdentifier");
  EXPECT_EQ(client_.fetch(client_.account + "/orders").body["orders"], json::array());
}

TEST_F(OrderTest, ShapesThatAreRefused) {
  EXPECT_EQ(client_.fetch(kNewOrder).verdict(), "400 malformed");
  for (const char* const bad : {"{}", R"({"identifiers":{}})", R"({"identifiers":["a.example"]})",
                                R"({"identifiers":[{"type":"dns"}]})",
                                R"({"identifiers":[{"type":1,"value":"a"}]})", "[]", "1", "{"}) {
    EXPECT_EQ(client_.send(kNewOrder, bad).verdict(), "400 malformed") << bad;
  }
  EXPECT_EQ(client_.order({"a.example"}, {{"notAfter", "2030-01-01T00:00:00Z"}}).verdict(),
            "400 malformed");
  EXPECT_EQ(client_.order({"a.example"}, {{"notBefore", "2030-01-01T00:00:00Z"}}).verdict(),
            "400 malformed");
  EXPECT_EQ(client_.order({"a.example"}, {{"profile", "day"}}).verdict(), "400 invalidProfile");
}

TEST(Profiles, AreThoseOfTheDirectory) {
  World world({.base_url = kBase, .profiles = {{"day", "24 hours"}}});
  Client client(world);
  client.join();
  EXPECT_EQ(client.order({"a.example"}, {{"profile", "week"}}).verdict(), "400 invalidProfile");
  EXPECT_EQ(client.order({"a.example"}, {{"profile", 1}}).verdict(), "400 invalidProfile");
  const Reply made = client.order({"a.example"}, {{"profile", "day"}});
  EXPECT_EQ(made.body["profile"], "day");
  client.prove(made.body);
  client.finalize(made.body, {"a.example"}, Client::leaf_key());
  EXPECT_EQ(world.server->poll_issuance().value().profile, "day");
}

// --- finalizing ----------------------------------------------------------------------------------

TEST_F(OrderTest, RequestsThatDoNotFitTheOrder) {
  const Reply made = client_.order({"a.example", "b.example"});
  client_.prove(made.body);
  const auto& key = Client::leaf_key();
  EXPECT_EQ(client_.finalize(made.body, {"a.example"}, key).verdict(), "400 badCSR");
  EXPECT_EQ(client_.finalize(made.body, {"a.example", "b.example", "c.example"}, key).verdict(),
            "400 badCSR");
  EXPECT_EQ(client_.finalize(made.body, {"a.example", "*.b.example"}, key).verdict(), "400 badCSR");
  EXPECT_EQ(client_.finalize(made.body, {"a.example", "b.example"}, client_.key.key()).verdict(),
            "400 badCSR");
  const auto with_address =
      crypto::CertificateRequest::create(key, "", {"a.example", "b.example"}, {{0xfd}}).value();
  EXPECT_EQ(
      client_.post(made.body["finalize"], json{{"csr", wire::to_base64url(with_address.der())}})
          .verdict(),
      "400 badCSR");
  Bytes der = crypto::CertificateRequest::create(key, "a.example", {"a.example", "b.example"})
                  .value()
                  .der();
  der.back() ^= 1;  // of its signature
  const std::string finalize = made.body["finalize"];
  EXPECT_EQ(client_.post(finalize, {{"csr", wire::to_base64url(der)}}).verdict(), "400 badCSR");
  EXPECT_EQ(client_.post(finalize, {{"csr", "AAAA"}}).verdict(), "400 badCSR");
  EXPECT_EQ(client_.post(finalize, {{"csr", "=="}}).verdict(), "400 badCSR");
  EXPECT_EQ(client_.post(finalize, json::object()).verdict(), "400 malformed");
  EXPECT_EQ(client_.fetch(finalize).verdict(), "400 malformed");
  EXPECT_FALSE(world_.server->poll_issuance());
  EXPECT_EQ(client_.finalize(made.body, {"b.example", "A.EXAMPLE"}, key).verdict(), "200");
}

TEST_F(OrderTest, ARefusalOfTheAuthorityIsShown) {
  const Issuance issuance = finalized({"a.example"});
  EXPECT_TRUE(world_.server->handle_refused(issuance.order,
                                            Error("acme.bad_csr", "the key is a known weak one")));
  const Reply refused = client_.fetch(kBase + "/order/" + issuance.order);
  EXPECT_EQ(refused.body["status"], "invalid");
  EXPECT_EQ(refused.body["error"]["type"], "urn:ietf:params:acme:error:badCSR");
  EXPECT_EQ(refused.body["error"]["detail"], "the key is a known weak one");
  EXPECT_EQ(client_.fetch(kBase + "/certificate/" + issuance.order).verdict(), "404 malformed");
  EXPECT_FALSE(
      world_.server->handle_issued(issuance.order, world_.authority.issue(issuance), world_.now));
}

TEST_F(OrderTest, OthersSeeNothing) {
  const std::string certificate = client_.obtain({"a.example"}).body["certificate"];
  const Reply made = client_.order({"b.example"});
  const std::string authorization = made.body["authorizations"][0];
  const std::string challenge = client_.challenge(authorization, "dns-01");
  Client other(world_);
  other.join();
  for (const std::string& url : {certificate, made.header("location"), authorization, challenge,
                                 std::string(made.body["finalize"])}) {
    EXPECT_EQ(other.fetch(url).verdict(), "403 unauthorized") << url;
    EXPECT_EQ(other.post(url, {{"status", "deactivated"}}).verdict(), "403 unauthorized") << url;
  }
  EXPECT_EQ(status(authorization), "pending");
}

TEST_F(OrderTest, ListsComeInPages) {
  std::vector<std::string> made;
  for (int i = 0; i < 120; ++i) {
    made.push_back(client_.order({"n" + std::to_string(i) + ".example"}).header("location"));
  }
  std::vector<std::string> listed;
  std::string url = client_.account + "/orders";
  int pages = 0;
  while (!url.empty()) {
    const Reply page = client_.fetch(url);
    ASSERT_EQ(page.verdict(), "200");
    listed.insert(listed.end(), page.body["orders"].begin(), page.body["orders"].end());
    ++pages;
    url.clear();
    for (const auto& [name, value] : page.raw.headers) {
      if (value.ends_with("rel=\"next\"")) {
        url = value.substr(1, value.find('>') - 1);
      }
    }
  }
  EXPECT_EQ(listed, made);
  EXPECT_EQ(pages, 3);
  EXPECT_EQ(client_.fetch(client_.account + "/orders?cursor=nothing").body["orders"],
            json::array());
}

// --- limits --------------------------------------------------------------------------------------

TEST(RateMeters, GiveBackEvenly) {
  constexpr RateLimit kLimit{.count = 3, .window_ms = 3000};
  RateMeter meter;
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(meter.wait(kLimit, 10'000), 0U);
    meter.take(kLimit, 10'000);
  }
  EXPECT_EQ(meter.wait(kLimit, 10'000), 1000U);
  EXPECT_EQ(meter.wait(kLimit, 10'999), 1U);
  EXPECT_EQ(meter.wait(kLimit, 11'000), 0U);
  meter.take(kLimit, 11'000);
  EXPECT_EQ(meter.wait(kLimit, 11'000), 1000U);
  EXPECT_EQ(meter.wait({}, 11'000), 0U);
}

TEST(Limits, NewOrdersPerAccount) {
  World world({.base_url = kBase, .new_orders = {.count = 2, .window_ms = 2 * kHour}});
  Client client(world);
  Client other(world);
  client.join();
  EXPECT_EQ(client.order({"a.example"}).verdict(), "201");
  EXPECT_EQ(client.order({"a.example"}).verdict(), "201");
  const Reply refused = client.order({"a.example"});
  EXPECT_EQ(refused.verdict(), "429 rateLimited");
  EXPECT_EQ(refused.header("retry-after"), "3600");
  EXPECT_FALSE(refused.header("replay-nonce").empty());
  EXPECT_EQ(other.join().order({"a.example"}).verdict(), "201");
  world.now += kHour;
  EXPECT_EQ(client.order({"a.example"}).verdict(), "201");
}

TEST(Limits, FailedValidationsPerAccount) {
  World world({.base_url = kBase, .failed_validations = {.count = 1, .window_ms = kHour}});
  Client client(world);
  client.join();
  const Reply made = client.order({"a.example"});
  client.post(client.challenge(made.body["authorizations"][0], "dns-01"), json::object());
  const auto validation = world.server->poll_validation().value();
  world.server->handle_validation(validation.authorization, fail("acme.dns", "no record"),
                                  world.now);
  EXPECT_EQ(client.order({"a.example"}).verdict(), "429 rateLimited");
  world.now += kHour;
  EXPECT_EQ(client.order({"a.example"}).verdict(), "201");
}

TEST(Limits, TheOldestThatNothingWasProvedForGoes) {
  World world({.base_url = kBase,
               .names_max = 2,
               .accounts_max = 2,
               .authorizations_max = 2,
               .orders_max = 2});
  Client proven(world);
  EXPECT_EQ(proven.join().obtain({"a.example"}).body["status"], "valid");
  Client idle(world);
  idle.join();
  ++world.now;
  const Reply first = idle.order({"b.example"});
  EXPECT_EQ(first.verdict(), "201");
  ++world.now;
  EXPECT_EQ(idle.order({"c.example"}).verdict(), "201");
  EXPECT_EQ(idle.fetch(first.header("location")).verdict(), "404 malformed");
  EXPECT_EQ(idle.order({"d.example", "e.example"}).verdict(), "503 serverInternal");
  Client late(world);
  EXPECT_EQ(late.post(kBase + "/new-account", json::object()).verdict(), "201");
  EXPECT_EQ(idle.fetch(idle.account).verdict(), "400 accountDoesNotExist");
  EXPECT_EQ(proven.fetch(proven.account).verdict(), "200");
  EXPECT_EQ(proven.order({"a.example"}).body["status"], "ready");
  EXPECT_LE(world.records.size(), 6U);
}

// --- restarts ------------------------------------------------------------------------------------

TEST_F(OrderTest, RestartsContinueWhatWasUnderWay) {
  const Reply made = client_.order({"a.example"});
  const std::string url = made.header("location");
  world_.restart();
  EXPECT_EQ(status(url), "pending");
  const std::string authorization = made.body["authorizations"][0];
  client_.post(client_.challenge(authorization, "dns-01"), json::object());
  const auto before = world_.server->poll_validation().value();
  world_.restart();
  const auto after = world_.server->poll_validation().value();
  EXPECT_EQ(after.authorization, before.authorization);
  EXPECT_EQ(std::get<DnsCheck>(after.check).value, std::get<DnsCheck>(before.check).value);
  EXPECT_FALSE(world_.server->poll_validation());
  world_.server->handle_validation(after.authorization, {}, world_.now);
  world_.restart();
  EXPECT_EQ(status(url), "ready");
  client_.finalize(made.body, {"a.example"}, Client::leaf_key());
  world_.server->poll_issuance().value();
  world_.restart();
  const Issuance issuance = world_.server->poll_issuance().value();
  EXPECT_EQ(kBase + "/order/" + issuance.order, url);
  EXPECT_TRUE(
      world_.server->handle_issued(issuance.order, world_.authority.issue(issuance), world_.now));
  const std::string chain = client_.fetch(kBase + "/certificate/" + issuance.order).raw.body;
  world_.restart();
  EXPECT_FALSE(world_.server->poll_issuance());
  EXPECT_FALSE(world_.server->poll_validation());
  EXPECT_EQ(client_.fetch(kBase + "/certificate/" + issuance.order).raw.body, chain);
  EXPECT_EQ(client_.order({"a.example"}).body["status"], "ready");
  EXPECT_EQ(client_.fetch(client_.account + "/orders").body["orders"].size(), 2U);
}

TEST_F(OrderTest, NoncesDoNotSurviveARestart) {
  const std::string body = jws(client_.header(kNewOrder), "{}", client_.key).dump();
  world_.restart();
  EXPECT_EQ(client_.send_text(kNewOrder, body).verdict(), "400 badNonce");
}

}  // namespace
}  // namespace i2::trustchain::acme::testing
