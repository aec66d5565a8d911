#include <gtest/gtest.h>
#include <i2/crypto/key.h>
#include <i2/crypto/provider.h>

namespace i2::crypto {
namespace {

class EveryAlgorithm : public testing::TestWithParam<SignatureAlgorithm> {};

TEST_P(EveryAlgorithm, SignsAndVerifies) {
  const auto key = PrivateKey::generate(GetParam());
  ASSERT_TRUE(key) << key.error().to_string();
  EXPECT_EQ(key->algorithm(), GetParam());
  const auto signature = key->sign(as_bytes("message"));
  ASSERT_TRUE(signature) << signature.error().to_string();
  EXPECT_LE(signature->size(), info(GetParam()).signature_size_max);
  EXPECT_TRUE(key->public_key().verify(as_bytes("message"), *signature));
  EXPECT_FALSE(key->public_key().verify(as_bytes("massage"), *signature));
  EXPECT_FALSE(key->public_key().verify(as_bytes("message"), {}));
  Bytes longer = *signature;
  longer.push_back(0);
  EXPECT_FALSE(key->public_key().verify(as_bytes("message"), longer));
}

TEST_P(EveryAlgorithm, RoundTripsThroughSpkiPkcs8AndPem) {
  const auto key = PrivateKey::generate(GetParam());
  ASSERT_TRUE(key);
  const Bytes spki = key->public_key().spki();
  const auto public_key = PublicKey::from_spki(spki);
  ASSERT_TRUE(public_key) << public_key.error().to_string();
  EXPECT_EQ(public_key->spki(), spki);

  const SecretBytes der = key->pkcs8();
  const auto from_der = PrivateKey::from_pkcs8(der.view());
  ASSERT_TRUE(from_der) << from_der.error().to_string();
  EXPECT_EQ(from_der->public_key().spki(), spki);
  const SecretBytes pem = key->pem();
  const auto from_pem = PrivateKey::from_pem(as_text(pem.view()));
  ASSERT_TRUE(from_pem) << from_pem.error().to_string();
  const auto signature = from_pem->sign(as_bytes("x"));
  ASSERT_TRUE(signature);
  EXPECT_TRUE(public_key->verify(as_bytes("x"), *signature));
}

INSTANTIATE_TEST_SUITE_P(All, EveryAlgorithm,
                         testing::Values(SignatureAlgorithm::kFalcon1024,
                                         SignatureAlgorithm::kEd25519,
                                         SignatureAlgorithm::kEcdsaP256));

}  // namespace
}  // namespace i2::crypto
