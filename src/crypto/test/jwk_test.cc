// Vectors: RFC 7515 appendices A.2 (RS256) and A.3 (ES256), RFC 8037 appendix A.4 (EdDSA), with
// base64url written as hexadecimal.
#include <gtest/gtest.h>
#include <i2/crypto/jwk.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "native.h"
#include "vectors.h"

namespace i2::crypto {
namespace {

const std::string kJwtPayload =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9l"
    "eGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

Bytes rfc7515_modulus() {
  return from_hex(
      "a1f8160ae2e3c9b465ce8d2d656263362b927dbe29e1f02477fc1625cc90a136e38bd93497c5b6ea63dd7711"
      "e67c7429f956b0fb8a8f089adc4b69893cc1333f53edd019b87784252fec914fe4857769594bea4280d32c0f"
      "55bf62944f130396bc6e9bdf6ebdd2bda3678eeca0c668f701b38dbffb38c8342ce2fe6d27fade4a5a487497"
      "9dd4b9cf9adec4c75b05852c2c0f5ef8a5c1750392f944e8ed64c110c6b647609aa4783aeb9c6c9ad7553130"
      "50638b83665c6f6f7a82a396702a1f641b82d3ebf2392219491fb686872c5716f50af8358d9a8b9d17c34072"
      "8f7f87d89a18d8fcab67ad84590c2ecf759339363c07034d6f606f9e21e05456cae5e9a1");
}

Jwk rsa_key() {
  return Jwk::from_members({"RSA", "", rfc7515_modulus(), {1, 0, 1}, {}, {}}).value();
}
const Bytes kRsaSignature = from_hex(
    "702e218943e88fd11eb5d82dbf7845f34106ae1b81fff7731116add1717d83656d420afd3c96eedd73a2663e"
    "5166687b000b87226e0187ed1073f945e582adfcef16d85a798ee8c66ddb3db8975b17d09402beedd5d9d970"
    "07108db28160d5f8040ca7445762b81fbe7ff9d92e0ae76f24f25b33bbe6f44ae61eb1040acb20044d3ef912"
    "8ed40130795bd4bd3b41eecad066ab651981fde48df77f372dc38b9fafdd3befb18b5da3cc3c2eb02f9e3a41"
    "d612caad15911273a05f23b9e838faaf849d698429ef5a1e88798236c3d40e604522a544c8f27a7a2db80663"
    "d16cf7caea56de405cb2215a45b2c25566b55ac1a748a070dfc8a32a469543d019eefb47");

JwkMembers p256_members() {
  return {"EC",
          "P-256",
          {},
          {},
          from_hex("7fcdce2770f6c45d4183cbee6fdb4b7b580733357be9ef13bacf6e3c7bd15445"),
          from_hex("c7f144cd1bbd9b7e872cdfedb9eeb9f4b3695d6ea90b24ad8a4623288588e5ad")};
}
const Bytes kP256Signature = from_hex(
    "0ed1215379636c483c2f7f155807d402a3b228033af97c7e17819ac3169ea665c50a07d38c3c70e5d8f12daf"
    "084a5480a66590c5f293509a8f3f7f8a83a354d5");

JwkMembers ed25519_members() {
  return {"OKP",
          "Ed25519",
          {},
          {},
          from_hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"),
          {}};
}
const Bytes kEd25519Signature = from_hex(
    "860c98d2297f3060a33f42739672d61b53cf3adefed3d3c672f320dc021b411e9d59b8628dc351e248b88b29"
    "468e0e41855b0fb7d83bb15be902bfccb8cd0a02");

std::string code_of(JwkMembers members) {
  const auto key = Jwk::from_members(std::move(members));
  return key ? "ok" : key.error().code();
}

// The signature holds for exactly this text: no bit of it may change, nor its length.
void expect_only(const Jwk& key, const std::string& text, const Bytes& signature) {
  EXPECT_TRUE(key.verify(as_bytes(text), signature));
  EXPECT_FALSE(key.verify(as_bytes(text + " "), signature));
  for (std::size_t i = 0; i < signature.size(); i += 7) {
    Bytes other = signature;
    other[i] ^= 1;
    EXPECT_FALSE(key.verify(as_bytes(text), other)) << i;
  }
  Bytes longer = signature;
  longer.push_back(0);
  EXPECT_FALSE(key.verify(as_bytes(text), longer));
  EXPECT_FALSE(key.verify(as_bytes(text), ByteView(signature).first(signature.size() - 1)));
  EXPECT_FALSE(key.verify(as_bytes(text), Bytes(signature.size())));
  EXPECT_FALSE(key.verify(as_bytes(text), {}));
}

TEST(Jwk, Rfc7515Rs256) {
  EXPECT_EQ(rsa_key().algorithm(), JwsAlgorithm::kRs256);
  expect_only(rsa_key(), "eyJhbGciOiJSUzI1NiJ9." + kJwtPayload, kRsaSignature);
}

TEST(Jwk, Rfc7515Es256) {
  const Jwk key = Jwk::from_members(p256_members()).value();
  EXPECT_EQ(key.algorithm(), JwsAlgorithm::kEs256);
  expect_only(key, "eyJhbGciOiJFUzI1NiJ9." + kJwtPayload, kP256Signature);
}

TEST(Jwk, Rfc8037EdDsa) {
  const Jwk key = Jwk::from_members(ed25519_members()).value();
  EXPECT_EQ(key.algorithm(), JwsAlgorithm::kEdDsa);
  expect_only(key, "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc", kEd25519Signature);
}

// No RFC has an ES384 example: OpenSSL signs, and its DER is taken apart here.
TEST(Jwk, Es384) {
  const auto pair = own(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-384"));
  std::array<std::uint8_t, 97> point{};
  std::size_t size = 0;
  ASSERT_EQ(EVP_PKEY_get_octet_string_param(pair.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                            point.size(), &size),
            1);
  ASSERT_EQ(size, point.size());
  const Jwk key = Jwk::from_members({"EC",
                                     "P-384",
                                     {},
                                     {},
                                     to_bytes(ByteView(point).subspan(1, 48)),
                                     to_bytes(ByteView(point).last(48))})
                      .value();
  EXPECT_EQ(key.algorithm(), JwsAlgorithm::kEs384);

  const std::string text = "signed";
  std::array<std::uint8_t, 128> der{};
  size = der.size();
  const DigestContextPointer context(EVP_MD_CTX_new());
  ASSERT_EQ(EVP_DigestSignInit(context.get(), nullptr, EVP_sha384(), nullptr, pair.get()), 1);
  ASSERT_EQ(EVP_DigestSign(context.get(), der.data(), &size, as_bytes(text).data(), text.size()),
            1);
  EXPECT_FALSE(key.verify(as_bytes(text), ByteView(der).first(size)));
  const unsigned char* cursor = der.data();
  const NativePointer<ECDSA_SIG, ECDSA_SIG_free> halves(
      d2i_ECDSA_SIG(nullptr, &cursor, static_cast<long>(size)));
  Bytes raw(96);
  BN_bn2binpad(ECDSA_SIG_get0_r(halves.get()), raw.data(), 48);
  BN_bn2binpad(ECDSA_SIG_get0_s(halves.get()), raw.data() + 48, 48);
  expect_only(key, text, raw);
}

TEST(Jwk, TheSpkiIsThatOfPublicKeys) {
  const Jwk key = Jwk::from_members(p256_members()).value();
  EXPECT_EQ(PublicKey::from_spki(key.spki()).value().algorithm(), SignatureAlgorithm::kEcdsaP256);
  EXPECT_EQ(rsa_key().spki().size(), 294U);
}

TEST(Jwk, RefusesPointsOffTheCurve) {
  JwkMembers members = p256_members();
  members.y.back() ^= 1;
  EXPECT_EQ(code_of(members), "crypto.key_malformed");
  members = p256_members();
  members.x.assign(32, 0xff);  // not below the prime
  EXPECT_EQ(code_of(members), "crypto.key_malformed");
  members.x.assign(32, 0);
  members.y.assign(32, 0);
  EXPECT_EQ(code_of(members), "crypto.key_malformed");
}

TEST(Jwk, RefusesOtherLengths) {
  JwkMembers members = p256_members();
  members.x.insert(members.x.begin(), 0);
  EXPECT_EQ(code_of(members), "crypto.key_malformed");
  members = p256_members();
  members.y.pop_back();
  EXPECT_EQ(code_of(members), "crypto.key_malformed");
  members = ed25519_members();
  members.x.pop_back();
  EXPECT_EQ(code_of(members), "crypto.key_malformed");
  members = ed25519_members();
  members.y = members.x;
  EXPECT_EQ(code_of(members), "crypto.key_malformed");
}

TEST(Jwk, RefusesWeakRsa) {
  const auto with = [](Bytes n, Bytes e) {
    return code_of({"RSA", "", std::move(n), std::move(e), {}, {}});
  };
  Bytes n = rfc7515_modulus();
  EXPECT_EQ(with(n, {1, 0, 1}), "ok");
  EXPECT_EQ(with(n, {3}), "crypto.key_malformed");
  EXPECT_EQ(with(n, {0, 1, 0, 1}), "crypto.key_malformed");
  EXPECT_EQ(with(n, {}), "crypto.key_malformed");
  EXPECT_EQ(with({}, {1, 0, 1}), "crypto.key_malformed");
  n.insert(n.begin(), 0);
  EXPECT_EQ(with(n, {1, 0, 1}), "crypto.key_malformed");
  n = rfc7515_modulus();
  n.back() ^= 1;
  EXPECT_EQ(with(n, {1, 0, 1}), "crypto.key_malformed");
  EXPECT_EQ(with(Bytes(128, 0xff), {1, 0, 1}), "crypto.key_malformed");
  EXPECT_EQ(with(Bytes(512, 0xff), {1, 0, 1}), "ok");
  EXPECT_EQ(with(Bytes(528, 0xff), {1, 0, 1}), "crypto.key_malformed");
}

TEST(Jwk, RefusesOtherKinds) {
  JwkMembers members = p256_members();
  members.crv = "P-521";
  EXPECT_EQ(code_of(members), "crypto.algorithm_unknown");
  members.crv = "Ed25519";
  EXPECT_EQ(code_of(members), "crypto.algorithm_unknown");
  members = p256_members();
  members.kty = "oct";
  EXPECT_EQ(code_of(members), "crypto.algorithm_unknown");
  EXPECT_EQ(code_of({}), "crypto.algorithm_unknown");
}

TEST(Jwk, AlgorithmsHaveNames) {
  for (const std::string_view name : {"RS256", "ES256", "ES384", "EdDSA"}) {
    EXPECT_EQ(name_of(jws_algorithm(name).value()), name);
  }
  for (const std::string_view name : {"none", "HS256", "RS384", "PS256", "ES512", "es256", ""}) {
    EXPECT_FALSE(jws_algorithm(name)) << name;
  }
}

}  // namespace
}  // namespace i2::crypto
