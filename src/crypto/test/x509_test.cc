#include <gtest/gtest.h>
#include <i2/crypto/x509.h>

namespace i2::crypto {
namespace {

constexpr UnixMillis kNow = 1'800'000'000'000;
constexpr UnixMillis kDay = 86'400'000;

PrivateKey make_key(SignatureAlgorithm algorithm) {
  return PrivateKey::generate(algorithm, FalconArithmetic::kNativeDouble).value();
}

Certificate make_ca(const PrivateKey& key, std::string name = "anchor") {
  return build_certificate({.subject_key = key.public_key(),
                            .common_name = std::move(name),
                            .not_before = kNow - kDay,
                            .not_after = kNow + 365 * kDay,
                            .ca = true,
                            .path_length = 0,
                            .serial = {1}},
                           nullptr, key)
      .value();
}

class EveryIssuer : public testing::TestWithParam<SignatureAlgorithm> {};

TEST_P(EveryIssuer, IssuesALeafThatVerifies) {
  const PrivateKey ca_key = make_key(GetParam());
  const Certificate ca = make_ca(ca_key);
  EXPECT_TRUE(ca.is_ca());
  const PrivateKey leaf_key = make_key(SignatureAlgorithm::kFalcon1024);
  const auto leaf = build_certificate({.subject_key = leaf_key.public_key(),
                                       .common_name = "node",
                                       .dns_names = {"a.i2.internal", "b.i2.internal"},
                                       .not_before = kNow,
                                       .not_after = kNow + kDay,
                                       .serial = Bytes(16, 0xAB)},
                                      &ca, ca_key);
  ASSERT_TRUE(leaf) << leaf.error().to_string();
  EXPECT_FALSE(leaf->is_ca());
  EXPECT_EQ(leaf->subject_common_name(), "node");
  EXPECT_EQ(leaf->dns_names(), (std::vector<std::string>{"a.i2.internal", "b.i2.internal"}));
  EXPECT_EQ(leaf->serial(), Bytes(16, 0xAB));
  EXPECT_EQ(leaf->not_before(), kNow);
  EXPECT_EQ(leaf->not_after(), kNow + kDay);
  const auto again = Certificate::from_der(leaf->der());
  ASSERT_TRUE(again) << again.error().to_string();
  const auto verified = verify_certificate(*again, std::span(&ca, 1), kNow + 1);
  EXPECT_TRUE(verified) << verified.error().to_string();
  EXPECT_EQ(verify_certificate(*again, std::span(&ca, 1), kNow - 1).error().code(),
            "crypto.not_yet_valid");
  EXPECT_EQ(verify_certificate(*again, std::span(&ca, 1), kNow + kDay + 1000).error().code(),
            "crypto.expired");
  const Certificate other = make_ca(make_key(GetParam()));
  EXPECT_EQ(verify_certificate(*again, std::span(&other, 1), kNow).error().code(),
            "crypto.untrusted");
}

INSTANTIATE_TEST_SUITE_P(All, EveryIssuer,
                         testing::Values(SignatureAlgorithm::kFalcon1024,
                                         SignatureAlgorithm::kEd25519,
                                         SignatureAlgorithm::kEcdsaP256));

TEST(CertificateRequest, CarriesKeyNamesAndPossession) {
  const PrivateKey key = make_key(SignatureAlgorithm::kFalcon1024);
  const auto request = CertificateRequest::create(key, "node", {"n.i2.internal"});
  ASSERT_TRUE(request) << request.error().to_string();
  const auto again = CertificateRequest::from_der(request->der());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->subject_common_name(), "node");
  EXPECT_EQ(again->dns_names(), std::vector<std::string>{"n.i2.internal"});
  EXPECT_EQ(again->public_key().spki(), key.public_key().spki());
  EXPECT_TRUE(again->verify_possession());
}

}  // namespace
}  // namespace i2::crypto
