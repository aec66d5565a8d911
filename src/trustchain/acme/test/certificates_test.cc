// Revocation and renewal information.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "client.h"

namespace i2::trustchain::acme::testing {
namespace {

const std::string kRevoke = kBase + "/revoke-cert";

class RevocationTest : public ::testing::Test {
 protected:
  RevocationTest() {
    client_.join();
    const std::string url = client_.obtain({"a.example"}).body["certificate"];
    certificate_ = crypto::Certificate::from_pem(leaf_of(client_.fetch(url).raw.body)).value();
  }
  static std::string leaf_of(const std::string& chain) {
    constexpr std::string_view kEnd = "-----END CERTIFICATE-----\n";
    return chain.substr(0, chain.find(kEnd) + kEnd.size());
  }
  [[nodiscard]] json request(json more = json::object()) const {
    more["certificate"] = wire::to_base64url(certificate_.der());
    return more;
  }
  // What the client gets in the end; "" when the request was refused at once.
  std::string revoked(const Reply& reply, const Result<void>& outcome = {}) {
    if (reply.raw.waits_for == 0) {
      return "";
    }
    const auto revocation = world_.server->poll_revocation().value();
    EXPECT_EQ(revocation.ticket, reply.raw.waits_for);
    EXPECT_EQ(revocation.certificate.der(), certificate_.der());
    const Response out = world_.server->handle_revoked(revocation.ticket, outcome);
    Reply parsed{.raw = out, .body = {}};
    parsed.body = out.body.empty() ? json() : json::parse(out.body);
    EXPECT_FALSE(parsed.header("replay-nonce").empty());
    return parsed.verdict();
  }
  World world_;
  Client client_{world_};
  crypto::Certificate certificate_;
};

TEST_F(RevocationTest, ByTheAccountThatOrderedIt) {
  EXPECT_EQ(revoked(client_.post(kRevoke, request({{"reason", 4}}))), "200");
  EXPECT_EQ(revoked(client_.post(kRevoke, request()), fail("acme.already_revoked", "it is")),
            "400 alreadyRevoked");
}

TEST_F(RevocationTest, ByTheKeyOfTheCertificate) {
  Client holder(world_);
  EXPECT_EQ(holder.post(kRevoke, request()).verdict(), "403 unauthorized");
  json header = holder.header(kRevoke);
  const ClientKey leaf(Client::leaf_key());
  header["jwk"] = leaf.jwk;
  EXPECT_EQ(holder.send_text(kRevoke, jws(header, request().dump(), holder.key).dump()).verdict(),
            "400 malformed");  // names the key, but has not got it
  holder.key = leaf;
  EXPECT_EQ(revoked(holder.post(kRevoke, request({{"reason", 1}}))), "200");
}

TEST_F(RevocationTest, BySomebodyWhoControlsAllNames) {
  Client other(world_);
  other.join();
  EXPECT_EQ(other.post(kRevoke, request()).verdict(), "403 unauthorized");
  other.prove(other.order({"a.example"}).body);
  EXPECT_EQ(revoked(other.post(kRevoke, request())), "200");
}

TEST_F(RevocationTest, Refusals) {
  for (const json& reason : {json(2), json(6), json(7), json(8), json(10), json(11), json(-1),
                             json("1"), json(1.5), json(nullptr)}) {
    EXPECT_EQ(client_.post(kRevoke, request({{"reason", reason}})).verdict(),
              "400 badRevocationReason")
        << reason;
  }
  EXPECT_EQ(client_.post(kRevoke, json::object()).verdict(), "400 malformed");
  EXPECT_EQ(client_.post(kRevoke, {{"certificate", "AAAA"}}).verdict(), "400 malformed");
  EXPECT_EQ(client_.post(kRevoke, {{"certificate", "=="}}).verdict(), "400 malformed");
  EXPECT_EQ(client_.fetch(kRevoke).verdict(), "400 malformed");
  EXPECT_FALSE(world_.server->poll_revocation());
}

TEST(Revocations, AreBounded) {
  World world({.base_url = kBase, .revocations_max = 1});
  Client client(world);
  client.join();
  const std::string url = client.obtain({"a.example"}).body["certificate"];
  const std::string chain = client.fetch(url).raw.body;
  constexpr std::string_view kEnd = "-----END CERTIFICATE-----\n";
  const auto leaf =
      crypto::Certificate::from_pem(chain.substr(0, chain.find(kEnd) + kEnd.size())).value();
  const json request{{"certificate", wire::to_base64url(leaf.der())}};
  const Reply first = client.post(kRevoke, request);
  EXPECT_NE(first.raw.waits_for, 0U);
  const Reply second = client.post(kRevoke, request);
  EXPECT_EQ(second.verdict(), "503 serverInternal");
  EXPECT_EQ(second.header("retry-after"), "60");
  EXPECT_EQ(world.server->handle_revoked(first.raw.waits_for, {}).status, 200);
  EXPECT_NE(client.post(kRevoke, request).raw.waits_for, 0U);
}

TEST(RenewalInformation, SaysWhenToComeBack) {
  World world;
  Client client(world);
  const Reply info = client.get("/renewal-info/aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE");
  EXPECT_EQ(info.status(), 200);
  EXPECT_EQ(info.body, json::parse(R"({
    "suggestedWindow": {"start": "2025-11-21T04:40:00Z", "end": "2025-11-21T05:40:00Z"},
    "explanationURL": "https://ca.home.i2.internal/why"})"));
  EXPECT_EQ(info.header("retry-after"), "1800");
  EXPECT_EQ(client.get("/renewal-info/aYhba4dGQEHhs3uEe6CuLN4ByNQ.AQ").verdict(), "404 malformed");
  EXPECT_EQ(client.get("/renewal-info/aYhb").verdict(), "400 malformed");
  EXPECT_EQ(client.get("/renewal-info/").verdict(), "404 malformed");
}

class ReplacementTest : public ::testing::Test {
 protected:
  ReplacementTest() {
    client_.join();
    id_ = obtained({"a.example"});
  }
  // The CertificateId of a new certificate.
  std::string obtained(const std::vector<std::string>& names, json more = json::object()) {
    const std::string url = client_.obtain(names, std::move(more)).body["certificate"];
    const std::string order = url.substr(url.rfind('/') + 1);
    return decode_order(world_.records.at({RecordKind::kOrder, order})).value().certificate;
  }
  std::string replacing(Client& client, const json& id, const std::vector<std::string>& names) {
    const Reply reply = client.order(names, {{"replaces", id}});
    return reply.verdict() + " " + reply.body.value("replaces", "");
  }
  World world_;
  Client client_{world_};
  std::string id_;
};

TEST_F(ReplacementTest, OnceByTheSameAccountForOneOfTheNames) {
  EXPECT_EQ(replacing(client_, id_, {"a.example", "b.example"}), "201 " + id_);
  EXPECT_EQ(replacing(client_, id_, {"b.example"}), "400 malformed ");
  EXPECT_EQ(replacing(client_, "rubbish", {"a.example"}), "400 malformed ");
  EXPECT_EQ(replacing(client_, 1, {"a.example"}), "400 malformed ");
  Client other(world_);
  other.join();
  EXPECT_EQ(replacing(other, id_, {"a.example"}), "400 malformed ");
  obtained({"a.example"}, {{"replaces", id_}});
  EXPECT_EQ(replacing(client_, id_, {"a.example"}), "409 alreadyReplaced ");
  world_.restart();
  EXPECT_EQ(replacing(client_, id_, {"a.example"}), "409 alreadyReplaced ");
}

TEST_F(ReplacementTest, UnknownPredecessorsAreIgnored) {
  EXPECT_EQ(replacing(client_, "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE", {"a.example"}), "201 ");
}

}  // namespace
}  // namespace i2::trustchain::acme::testing
