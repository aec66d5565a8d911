// The transparency log over HTTP: exact answers, and requests that are none.
//
// I2_MALFORMED: how many malformed requests each endpoint gets (default 300).
#include "../src/log_resources.h"

#include <i2/crypto/hash.h>
#include <i2/gateway/gateway.h>
#include <i2/trustchain/core/issuance.h>
#include <i2/trustchain/core/ordinary.h>
#include <i2/wire/text.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <random>

#include "../src/log_json.h"
#include "log_harness.h"

namespace i2::node {
namespace {

namespace ct = trustchain::ct;
using nlohmann::json;
using trustchain::testing::kDay;

const trustchain::OrdinaryAuthority& log_authority() {
  static const auto made =
      trustchain::make_ordinary_authority(
          crypto::PrivateKey::generate(crypto::SignatureAlgorithm::kEcdsaP256).value(), "home",
          ct::testing::kNow, [] { return Bytes(16, 0x77); })
          .value();
  return made;
}

crypto::Certificate issue(std::uint8_t number, bool precertificate, std::vector<Bytes> scts = {}) {
  crypto::CertificateFields fields{.subject_key = log_authority().key.public_key(),
                                   .common_name = "web.example",
                                   .dns_names = {"web.example"},
                                   .not_before = ct::testing::kNow,
                                   .not_after = ct::testing::kNow + kDay,
                                   .serial = Bytes(16, number)};
  fields.precertificate = precertificate;
  fields.scts = std::move(scts);
  return crypto::build_certificate(fields, &log_authority().certificate, log_authority().key)
      .value();
}

class LogOverHttp : public ::testing::Test {
 public:
  LogOverHttp() : runtime_({.workers = 1}) {
    home.roots = {log_authority().root};
    EXPECT_TRUE(home.open());
    own_.set(home.log());
    resources_.emplace(LogResources::Parts{.log = own_, .runtime = runtime_});
    resources_->attach(router_);
  }
  // A round that has answered may still be on its way out of the runtime.
  ~LogOverHttp() override { home.close(); }
  LogOverHttp(const LogOverHttp&) = delete;
  LogOverHttp& operator=(const LogOverHttp&) = delete;

 protected:
  gateway::Response ask(gateway::Method method, const std::string& target, std::string body = {}) {
    gateway::Request request;
    request.method = method;
    request.body = std::move(body);
    const auto parsed = gateway::parse_target(target);
    if (!parsed) {
      return {.status = 400};
    }
    request.path = parsed->path();
    request.query = parsed->query;
    auto match = router_.find(method, *parsed);
    if (!match) {
      return {.status = 404};
    }
    request.captured = std::move(match->captured);
    return boost::asio::co_spawn(runtime_.control(), match->route->handler(std::move(request)),
                                 boost::asio::use_future)
        .get();
  }
  gateway::Response get(const std::string& target) { return ask(gateway::Method::kGet, target); }
  json get_json(const std::string& target) {
    const auto response = get(target);
    EXPECT_EQ(response.status, 200) << target << ": " << response.body;
    return json::parse(response.body, nullptr, false);
  }
  json add(std::string_view what, const std::vector<crypto::Certificate>& chain) {
    json list = json::array();
    for (const auto& one : chain) {
      list.push_back(wire::to_base64(one.der()));
    }
    const auto response =
        ask(gateway::Method::kPost, "/ct/v1/" + std::string(what), json{{"chain", list}}.dump());
    EXPECT_EQ(response.status, 200) << response.body;
    return json::parse(response.body, nullptr, false);
  }
  static Bytes bytes(const json& text) {
    return wire::from_base64(text.get<std::string>()).value();
  }
  static Hash256 hash(const json& text) {
    return wire::hash_from_base64(text.get<std::string>()).value();
  }
  static ct::Proof proof(const json& list) {
    ct::Proof out;
    for (const json& one : list) {
      out.push_back(hash(one));
    }
    return out;
  }

  [[nodiscard]] const OwnLog& own() const { return own_; }

  trustchain::testing::TempDir temp;
  trustchain::testing::Home home{temp / "ct"};

 private:
  rt::Runtime runtime_;
  OwnLog own_;
  std::optional<LogResources> resources_;
  gateway::Router router_;
};

// RFC 6962 §4, and that everything fits together.
TEST_F(LogOverHttp, AnswersAsRfc6962) {
  const auto precertificate = issue(1, true);
  const json sct = add("add-pre-chain", {precertificate, log_authority().certificate});
  ASSERT_EQ(sct.size(), 5U);
  EXPECT_EQ(sct["sct_version"], 0);
  EXPECT_EQ(bytes(sct["id"]), to_bytes(home.key.public_key().spki_sha256()));
  EXPECT_EQ(sct["timestamp"], ct::testing::kNow + 1);
  EXPECT_EQ(bytes(sct["extensions"]), ct::leaf_index_extension(0));
  add("add-chain", {issue(2, false), log_authority().certificate, log_authority().root});

  const json sth = get_json("/ct/v1/get-sth");
  ASSERT_EQ(sth.size(), 4U);
  EXPECT_EQ(sth["tree_size"], 2);
  const ct::TreeHead head{.size = 2, .root = hash(sth["sha256_root_hash"])};
  const Bytes signature = bytes(sth["tree_head_signature"]);
  wire::Reader r(signature);
  EXPECT_TRUE(home.key.public_key().verify(
      ct::tree_head_signed_part(head, sth["timestamp"].get<std::uint64_t>()),
      ct::read_digitally_signed(r)));
  EXPECT_TRUE(r.done());

  const json entries = get_json("/ct/v1/get-entries?start=0&end=99")["entries"];
  ASSERT_EQ(entries.size(), 2U);
  const Bytes leaf = bytes(entries[0]["leaf_input"]);
  const Bytes extra = bytes(entries[0]["extra_data"]);
  EXPECT_EQ(extra.size(), 3 + precertificate.der().size() + 3 + 3 +
                              log_authority().certificate.der().size() + 3 +
                              log_authority().root.der().size());
  std::string encoded = wire::to_base64(ct::leaf_hash(ByteView(leaf)));
  for (auto at = encoded.find('+'); at != encoded.npos; at = encoded.find('+')) {
    encoded.replace(at, 1, "%2B");
  }
  const json by_hash = get_json("/ct/v1/get-proof-by-hash?tree_size=2&hash=" + encoded);
  EXPECT_EQ(by_hash["leaf_index"], 0);
  EXPECT_TRUE(
      ct::verify_inclusion(ct::leaf_hash(ByteView(leaf)), 0, head, proof(by_hash["audit_path"])));
  const json both = get_json("/ct/v1/get-entry-and-proof?leaf_index=0&tree_size=2");
  EXPECT_EQ(both["leaf_input"], entries[0]["leaf_input"]);
  EXPECT_EQ(both["extra_data"], entries[0]["extra_data"]);
  EXPECT_EQ(both["audit_path"], by_hash["audit_path"]);
  const json consistency = get_json("/ct/v1/get-sth-consistency?first=1&second=2");
  EXPECT_TRUE(ct::verify_consistency({.size = 1, .root = home.log().view()->root(1).value()}, head,
                                     proof(consistency["consistency"])));
  EXPECT_EQ(get_json("/ct/v1/get-roots")["certificates"],
            json::array({wire::to_base64(log_authority().root.der())}));
}

TEST_F(LogOverHttp, ServesStaticFiles) {
  EXPECT_EQ(home.fill(0, 300), 300U);
  const auto checkpoint = get("/ct/checkpoint");
  EXPECT_EQ(checkpoint.body, home.log().view()->note());
  EXPECT_EQ(checkpoint.headers.find("cache-control"), "no-store");
  EXPECT_EQ(checkpoint.headers.find("content-type"), "text/plain; charset=utf-8");
  const auto tile = get("/ct/tile/0/000");
  EXPECT_EQ(tile.body.size(), 8192U);
  EXPECT_EQ(tile.headers.find("cache-control"), "public, max-age=604800, immutable");
  EXPECT_EQ(get("/ct/tile/data/001.p/44").body.size(),
            home.log().view()->log().last_entries.size());
  EXPECT_EQ(get("/ct/tile/0/001.p/44").status, 200);
  EXPECT_EQ(get("/ct/tile/0/001.p/45").status, 404);
  EXPECT_EQ(get("/ct/tile/0/x000/000").status, 404);
  const std::string issuer = to_hex(crypto::sha256(ct::testing::issuer()));
  EXPECT_EQ(get("/ct/issuer/" + issuer).body, as_text(ct::testing::issuer()));
  EXPECT_EQ(get("/ct/issuer/" + std::string(64, 'a')).status, 404);
}

TEST_F(LogOverHttp, ProvesACertificate) {
  const json sct = add("add-pre-chain", {issue(1, true), log_authority().certificate});
  const auto final = issue(1, false, {Bytes(100, 1)});
  const std::string fingerprint = to_hex(crypto::sha256(final.der()));
  EXPECT_EQ(get("/ct/proof/" + fingerprint).status, 404);
  EXPECT_EQ(get("/ct/proof/other").status, 404);
  ASSERT_TRUE(home.log().add_name(final, log_authority().certificate));
  const json answer = get_json("/ct/proof/" + fingerprint);
  EXPECT_EQ(answer["fingerprint"], fingerprint);
  EXPECT_EQ(answer["log_id"], sct["id"]);
  EXPECT_EQ(answer["sequence_number"], 0);
  EXPECT_EQ(answer["tree_size"], 1);
  EXPECT_EQ(answer["inclusion_proof"], json::array());
  EXPECT_EQ(answer["root_hash"], answer["sth"]["sha256_root_hash"]);
  const auto offline = ct::parse_tlog_proof(answer["tlog_proof"].get<std::string>()).value();
  EXPECT_TRUE(ct::verify_tlog_proof(offline, ct::leaf_hash(ByteView(offline.extra)),
                                    {.origin = std::string(ct::testing::kOrigin),
                                     .log_keys = home.log().keys(),
                                     .witnesses = {},
                                     .witnesses_required = 0}));
}

// Under the checkpoint that witnesses signed, once that has the certificate.
TEST_F(LogOverHttp, ProvesWithWhatWitnessesSigned) {
  const auto log_certificate = [&](std::uint8_t number) {
    add("add-pre-chain", {issue(number, true), log_authority().certificate});
    const auto final = issue(number, false, {Bytes(100, 1)});
    EXPECT_TRUE(home.log().add_name(final, log_authority().certificate));
    return to_hex(crypto::sha256(final.der()));
  };
  const std::string first = log_certificate(1);
  auto cosigned = ct::parse_signed_checkpoint(home.log().view()->note()).value();
  const auto witness =
      ct::NoteSigner::make(
          "witness", ct::NoteKeyType::kEd25519Cosignature,
          crypto::PrivateKey::generate(crypto::SignatureAlgorithm::kEd25519).value())
          .value();
  cosigned.note.signatures.push_back(witness.sign(cosigned.note.text, ct::testing::kNow).value());
  const std::string second = log_certificate(2);
  const auto verdict = [&](const json& answer) {
    const auto proof = ct::parse_tlog_proof(answer["tlog_proof"].get<std::string>()).value();
    return trustchain::testing::code(
        ct::verify_tlog_proof(proof, ct::leaf_hash(ByteView(proof.extra)),
                              {.origin = std::string(ct::testing::kOrigin),
                               .log_keys = home.log().keys(),
                               .witnesses = {witness.key()},
                               .witnesses_required = 1}));
  };
  const json old = proof_json(own(), first, cosigned).value();
  EXPECT_EQ(old["tree_size"], 1);
  EXPECT_EQ(old["sth"]["tree_size"], 1);
  EXPECT_EQ(verdict(old), "ok");
  const json present = proof_json(own(), second, cosigned).value();
  EXPECT_EQ(present["tree_size"], 2);
  EXPECT_EQ(verdict(present), "trust.note_unsigned");
}

TEST_F(LogOverHttp, RefusesWhatIsMalformed) {
  const char* const wanted = std::getenv("I2_MALFORMED");  // NOLINT(concurrency-mt-unsafe)
  const auto count = wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : 300;
  add("add-pre-chain", {issue(1, true), log_authority().certificate});
  const std::string good = json{{"chain", {wire::to_base64(issue(2, true).der())}}}.dump();
  std::mt19937_64 random(7);
  const auto number = [&] {
    const std::vector<std::string> some{"0",
                                        "1",
                                        "2",
                                        "-1",
                                        "",
                                        "x",
                                        "01",
                                        "18446744073709551615",
                                        "18446744073709551616",
                                        "1099511627776",
                                        "1e3"};
    return some[random() % some.size()];
  };
  for (std::uint64_t i = 0; i < count; ++i) {
    for (const char* what : {"add-chain", "add-pre-chain"}) {
      std::string body = good;
      body[random() % body.size()] = static_cast<char>(random());
      body.resize(random() % 4 == 0 ? random() % body.size() : body.size());
      const auto status = ask(gateway::Method::kPost, "/ct/v1/" + std::string(what), body).status;
      // A bit of the JSON around the chain may be changed without harm.
      EXPECT_TRUE(status == 400 || (status == 200 && what == std::string("add-pre-chain")))
          << status << ": " << body;
    }
    for (const std::string& target :
         {"/ct/v1/get-sth-consistency?first=" + number() + "&second=" + number(),
          "/ct/v1/get-proof-by-hash?hash=" + number() + "&tree_size=" + number(),
          "/ct/v1/get-entries?start=" + number() + "&end=" + number(),
          "/ct/v1/get-entry-and-proof?leaf_index=" + number() + "&tree_size=" + number(),
          "/ct/tile/" + number() + "/" + number(), "/ct/tile/data/00" + number() + ".p/" + number(),
          "/ct/issuer/" + number(), "/ct/proof/" + number()}) {
      const int status = get(target).status;
      EXPECT_TRUE(status == 200 || status == 400 || status == 404) << target << ": " << status;
    }
  }
  EXPECT_LE(home.log().view()->size(), 2U);
  EXPECT_EQ(home.audit_code(), "ok");
}

}  // namespace
}  // namespace i2::node
