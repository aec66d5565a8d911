// Vectors: RFC 7515 appendix A.2 and A.3, RFC 7638 §3.1, RFC 8037 appendix A.3 and A.4, RFC 9773
// §4.1.
#include <gtest/gtest.h>
#include <i2/trustchain/acme/certificate_id.h>
#include <i2/trustchain/acme/jwk.h>
#include <i2/trustchain/acme/jws.h>
#include <i2/trustchain/acme/validation.h>

#include <nlohmann/json.hpp>

#include "client.h"

namespace i2::trustchain::acme {
namespace {

using testing::b64;
using testing::ClientKey;
using testing::json;

const std::string kRfc7638Key =
    R"({"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7a)"
    R"(PFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4Qy)"
    R"(Q5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrd)"
    R"(kt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",)"
    R"("e":"AQAB","alg":"RS256","kid":"2011-04-29"})";

template <class T>
std::string code_of(const Result<T>& result) {
  return result ? "ok" : result.error().code();
}

TEST(JwkText, Rfc7638Thumbprint) {
  const auto key = parse_jwk(kRfc7638Key).value();
  EXPECT_EQ(thumbprint(key), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
  EXPECT_EQ(jwk_text(key), R"({"e":"AQAB","kty":"RSA","n":")" +
                               json::parse(kRfc7638Key)["n"].get<std::string>() + R"("})");
}

TEST(JwkText, Rfc8037Thumbprint) {
  const auto key = parse_jwk(R"({"kty":"OKP","crv":"Ed25519",)"
                             R"("x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})")
                       .value();
  EXPECT_EQ(thumbprint(key), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

TEST(JwkText, ReadsBackWhatItWrites) {
  for (const auto algorithm :
       {crypto::SignatureAlgorithm::kEcdsaP256, crypto::SignatureAlgorithm::kEd25519}) {
    const auto key = parse_jwk(ClientKey(algorithm).jwk.dump()).value();
    EXPECT_EQ(jwk_text(parse_jwk(jwk_text(key)).value()), jwk_text(key));
  }
}

TEST(JwkText, Refusals) {
  const json good = ClientKey().jwk;
  ASSERT_EQ(code_of(parse_jwk(good.dump())), "ok");
  const auto with = [&](const char* name, const json& value) {
    json other = good;
    other[name] = value;
    return code_of(parse_jwk(other.dump()));
  };
  EXPECT_EQ(with("kid", "anything"), "ok");
  EXPECT_EQ(with("d", "AAAA"), "acme.bad_public_key");
  EXPECT_EQ(with("k", "AAAA"), "acme.bad_public_key");
  EXPECT_EQ(with("crv", "P-521"), "acme.bad_public_key");
  EXPECT_EQ(with("kty", "oct"), "acme.bad_public_key");
  EXPECT_EQ(with("kty", 1), "acme.bad_public_key");
  EXPECT_EQ(with("x", good["x"].get<std::string>() + "="), "acme.bad_public_key");
  EXPECT_EQ(with("x", good["y"]), "acme.bad_public_key");
  EXPECT_EQ(with("y", 7), "acme.bad_public_key");
  EXPECT_EQ(code_of(parse_jwk("[]")), "acme.bad_public_key");
  EXPECT_EQ(code_of(parse_jwk("")), "acme.bad_public_key");
  std::string twice = good.dump();
  twice.insert(1, R"("kty":"EC",)");
  EXPECT_EQ(code_of(parse_jwk(twice)), "acme.bad_public_key");
}

// RFC 8555 §8.1, §8.4, RFC 8737 §3; the token is that of RFC 8555 §8.3.
TEST(KeyAuthorization, AndWhatChallengesMakeOfIt) {
  const std::string token = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0";
  const std::string print = "9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI";
  const std::string text = token + "." + print;
  EXPECT_EQ(key_authorization(token, print), text);

  const auto http = make_validation(ChallengeType::kHttp01, "id", "example.org", token, print);
  EXPECT_EQ(std::get<HttpCheck>(http.check).url,
            "http://example.org/.well-known/acme-challenge/" + token);
  EXPECT_EQ(std::get<HttpCheck>(http.check).body, text);
  const auto dns = make_validation(ChallengeType::kDns01, "id", "example.org", token, print);
  EXPECT_EQ(std::get<DnsCheck>(dns.check).name, "_acme-challenge.example.org");
  EXPECT_EQ(std::get<DnsCheck>(dns.check).value,
            wire::to_base64url(crypto::sha256(as_bytes(text))));
  const auto tls = make_validation(ChallengeType::kTlsAlpn01, "id", "example.org", token, print);
  EXPECT_EQ(std::get<TlsAlpnCheck>(tls.check).name, "example.org");
  EXPECT_EQ(std::get<TlsAlpnCheck>(tls.check).digest, crypto::sha256(as_bytes(text)));
}

TEST(CertificateIds, Rfc9773Example) {
  const CertificateId id{
      .authority_key_id = wire::from_hex("69885b6b87464041e1b37b847ba0ae2cde01c8d4").value(),
      .serial = {0x87, 0x65, 0x43, 0x21}};
  EXPECT_EQ(to_text(id), "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE");
  EXPECT_EQ(parse_certificate_id("aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"), id);
  const CertificateId positive{.authority_key_id = {1}, .serial = {0x7f, 0}};
  EXPECT_EQ(parse_certificate_id(to_text(positive)), positive);
}

TEST(CertificateIds, HaveOneForm) {
  for (const std::string_view bad :
       {"", ".", "aYhb", "aYhb.", ".AIdl", "aYhb.h2VDIQ", "aYhb.AABl", "aYhb.AIdlQyE.",
        "aYhb.AIdlQyE=", "aYhb..AIdl", "aYhb.AIdlQyF", "a/hb.AIdl"}) {
    EXPECT_FALSE(parse_certificate_id(bad)) << bad;
  }
  EXPECT_FALSE(parse_certificate_id(std::string(44, 'A') + ".AIdlQyE"));
}

// --- JWS -----------------------------------------------------------------------------------------

class JwsTest : public ::testing::Test {
 protected:
  [[nodiscard]] json header() const {
    return {{"alg", "ES256"}, {"nonce", "n"}, {"url", "https://a/b"}, {"jwk", key_.jwk}};
  }
  [[nodiscard]] std::string verdict(const json& header, JwsUse use = JwsUse::kRequest,
                                    std::string_view payload = "{}") const {
    return read(testing::jws(header, payload, key_).dump(), use);
  }
  [[nodiscard]] std::string read(std::string_view text, JwsUse use = JwsUse::kRequest) const {
    const auto jws = parse_jws(text, use);
    if (!jws || !jws->key) {
      return code_of(jws);
    }
    return code_of(verify_jws(*jws, *jws->key));
  }
  // The header with one member set to something else.
  [[nodiscard]] std::string with(const char* name, const json& value,
                                 JwsUse use = JwsUse::kRequest) const {
    json other = header();
    other[name] = value;
    return verdict(other, use);
  }
  [[nodiscard]] std::string without(const char* name, JwsUse use = JwsUse::kRequest) const {
    json other = header();
    other.erase(name);
    return verdict(other, use);
  }
  ClientKey key_;
};

TEST_F(JwsTest, GoodOnesAreRead) {
  const auto jws = parse_jws(testing::jws(header(), R"({"a":1})", key_).dump(), JwsUse::kRequest);
  ASSERT_TRUE(jws) << jws.error().to_string();
  EXPECT_EQ(jws->algorithm, "ES256");
  EXPECT_EQ(jws->url, "https://a/b");
  EXPECT_EQ(jws->nonce, "n");
  EXPECT_EQ(jws->kid, "");
  EXPECT_EQ(as_text(jws->payload), R"({"a":1})");
  EXPECT_EQ(verdict(header()), "ok");
  EXPECT_EQ(verdict(header(), JwsUse::kRequest, ""), "ok");
}

TEST_F(JwsTest, AlgorithmsThatAreNotAllowed) {
  for (const std::string name : {"none", "None", "HS256", "RS384", "PS256", "ES512", "", "es256"}) {
    EXPECT_EQ(with("alg", name), "acme.bad_signature_algorithm") << name;
  }
  EXPECT_EQ(with("alg", "RS256"), "acme.bad_signature_algorithm");  // not the key's
  EXPECT_EQ(with("alg", 1), "acme.malformed");
  EXPECT_EQ(without("alg"), "acme.malformed");
}

TEST_F(JwsTest, KeyAndKidExcludeEachOther) {
  EXPECT_EQ(with("kid", "https://a/account/1"), "acme.malformed");
  EXPECT_EQ(without("jwk"), "acme.malformed");
  EXPECT_EQ(with("jwk", "text"), "acme.malformed");
  EXPECT_EQ(with("jwk", json::object()), "acme.bad_public_key");
  json by_account = header();
  by_account.erase("jwk");
  by_account["kid"] = "https://a/account/1";
  EXPECT_EQ(verdict(by_account), "ok");
  by_account["kid"] = "";
  EXPECT_EQ(verdict(by_account), "acme.malformed");
  by_account["kid"] = 5;
  EXPECT_EQ(verdict(by_account), "acme.malformed");
}

TEST_F(JwsTest, HeaderFieldsThatAreRefused) {
  EXPECT_EQ(with("crit", json::array({"exp"})), "acme.malformed");
  EXPECT_EQ(with("crit", json::array()), "acme.malformed");
  EXPECT_EQ(with("b64", false), "acme.malformed");
  EXPECT_EQ(with("typ", "JOSE"), "ok");
  EXPECT_EQ(without("nonce"), "acme.bad_nonce");
  EXPECT_EQ(with("nonce", 1), "acme.bad_nonce");
  EXPECT_EQ(without("url"), "acme.malformed");
}

TEST_F(JwsTest, InnerOnesHaveNoNonce) {
  EXPECT_EQ(without("nonce", JwsUse::kKeyChange), "ok");
  EXPECT_EQ(verdict(header(), JwsUse::kKeyChange), "acme.malformed");
  json by_account = header();
  by_account.erase("jwk");
  by_account.erase("nonce");
  by_account["kid"] = "k";
  EXPECT_EQ(verdict(by_account, JwsUse::kKeyChange), "acme.malformed");
  EXPECT_EQ(verdict(by_account, JwsUse::kExternalAccount), "acme.bad_signature_algorithm");
  by_account["alg"] = "HS256";
  EXPECT_EQ(verdict(by_account, JwsUse::kExternalAccount), "ok");
  by_account["nonce"] = "n";
  EXPECT_EQ(verdict(by_account, JwsUse::kExternalAccount), "acme.malformed");
}

TEST_F(JwsTest, ShapesThatAreRefused) {
  const json good = testing::jws(header(), "{}", key_);
  ASSERT_EQ(read(good.dump()), "ok");
  for (const char* const name : {"protected", "payload", "signature"}) {
    json other = good;
    other.erase(name);
    EXPECT_EQ(read(other.dump()), "acme.malformed") << name;
    other[name] = 1;
    EXPECT_EQ(read(other.dump()), "acme.malformed") << name;
    other[name] = good[name].get<std::string>() + "=";
    EXPECT_EQ(read(other.dump()), "acme.malformed") << name;
    std::string twice = good.dump();
    twice.insert(1, json(name).dump() + ":\"\",");
    EXPECT_EQ(read(twice), "acme.malformed") << name;
  }
  json other = good;
  other["header"] = json::object();
  EXPECT_EQ(read(other.dump()), "acme.malformed");
  other = good;
  other["signatures"] = json::array();
  EXPECT_EQ(read(other.dump()), "acme.malformed");
  EXPECT_EQ(read(""), "acme.malformed");
  EXPECT_EQ(read("[" + good.dump() + "]"), "acme.malformed");
  EXPECT_EQ(read(good.dump() + "x"), "acme.malformed");
  EXPECT_EQ(read(std::string(100, '[')), "acme.malformed");
  EXPECT_EQ(read(std::string(kJwsSizeMax + 1, ' ')), "acme.too_large");
  EXPECT_EQ(read(good.dump() + std::string(kJwsSizeMax - good.dump().size(), ' ')), "ok");
}

// A header that says something twice was seen by the signer as one thing and by us as another.
TEST_F(JwsTest, HeadersThatSaySomethingTwice) {
  std::string text = header().dump();
  text.insert(1, R"("url":"https://a/c",)");
  const std::string head = b64(text);
  const std::string body = b64("{}");
  const json jws{{"protected", head},
                 {"payload", body},
                 {"signature", wire::to_base64url(key_.sign(head + "." + body))}};
  EXPECT_EQ(read(jws.dump()), "acme.malformed");
}

TEST_F(JwsTest, SignaturesAreOverExactlyTheText) {
  json jws = testing::jws(header(), "{}", key_);
  jws["payload"] = b64("{ }");
  EXPECT_EQ(read(jws.dump()), "acme.malformed");
  jws = testing::jws(header(), "{}", ClientKey());
  EXPECT_EQ(read(jws.dump()), "acme.malformed");
  jws["signature"] = "";
  EXPECT_EQ(read(jws.dump()), "acme.malformed");
}

TEST_F(JwsTest, Macs) {
  const std::string head = b64(R"({"alg":"HS256","kid":"k","url":"https://a/b"})");
  const std::string body = b64(kRfc7638Key);
  const Bytes secret(32, 7);
  json jws{
      {"protected", head},
      {"payload", body},
      {"signature", wire::to_base64url(crypto::hmac_sha256(secret, as_bytes(head + "." + body)))}};
  const auto good = parse_jws(jws.dump(), JwsUse::kExternalAccount).value();
  EXPECT_EQ(code_of(verify_jws_mac(good, secret)), "ok");
  EXPECT_EQ(code_of(verify_jws_mac(good, Bytes(32, 8))), "acme.unauthorized");
  jws["signature"] = "";
  const auto bad = parse_jws(jws.dump(), JwsUse::kExternalAccount).value();
  EXPECT_EQ(code_of(verify_jws_mac(bad, secret)), "acme.unauthorized");
}

}  // namespace
}  // namespace i2::trustchain::acme
