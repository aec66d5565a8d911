// Requests and keys of ordinary clients.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/core_names.h>

#include "foreign.h"

namespace i2::crypto {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string key_code(const Bytes& spki) {
  const auto key = PublicKey::from_spki(spki);
  return key ? std::string(info(key->algorithm()).name) : key.error().code();
}

// A key with these numbers, which need not be those of a real key.
Bytes rsa_spki(const char* modulus_hex, const char* exponent_hex) {
  const auto number = [](const char* hex) {
    BIGNUM* out = nullptr;
    EXPECT_GT(BN_hex2bn(&out, hex), 0);
    return BignumPointer(out);
  };
  const BignumPointer modulus = number(modulus_hex);
  const BignumPointer exponent = number(exponent_hex);
  Bytes n(static_cast<std::size_t>(BN_num_bytes(modulus.get())));
  Bytes e(static_cast<std::size_t>(BN_num_bytes(exponent.get())));
  EXPECT_GE(BN_bn2nativepad(modulus.get(), n.data(), static_cast<int>(n.size())), 0);
  EXPECT_GE(BN_bn2nativepad(exponent.get(), e.data(), static_cast<int>(e.size())), 0);
  OSSL_PARAM params[] = {OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_N, n.data(), n.size()),
                         OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_E, e.data(), e.size()),
                         OSSL_PARAM_construct_end()};
  const KeyContextPointer context(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
  EVP_PKEY* key = nullptr;
  EXPECT_EQ(EVP_PKEY_fromdata_init(context.get()), 1);
  EXPECT_EQ(EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params), 1);
  return spki_of(ForeignKey(key).get());
}

TEST(ForeignKeys, AreVerifiedOnly) {
  const ForeignKey rsa = foreign_rsa(3072);
  const ForeignKey curve = foreign_curve("P-384");
  for (EVP_PKEY* native : {rsa.get(), curve.get()}) {
    const PublicKey key = PublicKey::from_spki(spki_of(native)).value();
    EXPECT_TRUE(info(key.algorithm()).verify_only);
    EXPECT_EQ(PrivateKey::generate(key.algorithm()).error().code(), "crypto.algorithm_unknown");
    const DigestContextPointer context(EVP_MD_CTX_new());
    Bytes signature(512);
    std::size_t size = signature.size();
    ASSERT_EQ(
        EVP_DigestSignInit(context.get(), nullptr, digest_of(key.algorithm()), nullptr, native), 1);
    ASSERT_EQ(EVP_DigestSign(context.get(), signature.data(), &size, as_bytes("message").data(), 7),
              1);
    signature.resize(size);
    EXPECT_TRUE(key.verify(as_bytes("message"), signature));
    EXPECT_FALSE(key.verify(as_bytes("massage"), signature));
    const NativePointer<PKCS8_PRIV_KEY_INFO, PKCS8_PRIV_KEY_INFO_free> secret(
        EVP_PKEY2PKCS8(native));
    const Bytes pkcs8 = to_der<i2d_PKCS8_PRIV_KEY_INFO>(secret.get());
    EXPECT_EQ(PrivateKey::from_pkcs8(pkcs8).error().code(), "crypto.algorithm_unknown");
  }
  EXPECT_EQ(PublicKey::from_spki(spki_of(rsa.get())).value().security_bits(), 128);
  EXPECT_EQ(PublicKey::from_spki(spki_of(curve.get())).value().security_bits(), 192);
}

TEST(ForeignKeys, HaveLimits) {
  const std::string odd_2048 = "C" + std::string(510, '5') + "1";
  EXPECT_EQ(key_code(rsa_spki(odd_2048.c_str(), "010001")), "rsa");
  EXPECT_EQ(key_code(rsa_spki(("C" + std::string(510, '5') + "2").c_str(), "010001")),
            "crypto.algorithm_unknown");
  EXPECT_EQ(key_code(rsa_spki(odd_2048.c_str(), "03")), "crypto.algorithm_unknown");
  EXPECT_EQ(key_code(rsa_spki(odd_2048.c_str(), "010002")), "crypto.algorithm_unknown");
  EXPECT_EQ(key_code(rsa_spki(odd_2048.c_str(), ("1" + std::string(17, '0') + "1").c_str())),
            "crypto.algorithm_unknown");
  EXPECT_EQ(key_code(rsa_spki(("4" + std::string(510, '5') + "1").c_str(), "010001")),
            "crypto.algorithm_unknown");  // 2047 bits
  EXPECT_EQ(key_code(rsa_spki(("C" + std::string(1022, '5') + "1").c_str(), "010001")), "rsa");
  EXPECT_EQ(key_code(rsa_spki(("1C" + std::string(1022, '5') + "1").c_str(), "010001")),
            "crypto.algorithm_unknown");  // 4101 bits
  EXPECT_EQ(key_code(spki_of(foreign_curve("P-521").get())), "crypto.algorithm_unknown");
  EXPECT_EQ(key_code(spki_of(foreign_curve("secp256k1").get())), "crypto.algorithm_unknown");
  Bytes hybrid = spki_of(foreign_curve("P-384").get());
  hybrid[hybrid.size() - 97] = 6;
  EXPECT_EQ(key_code(hybrid), "crypto.key_malformed");
}

TEST(ForeignRequest, TellsEverythingItAsksFor) {
  const ForeignKey key = foreign_rsa(2048);
  const auto request = CertificateRequest::from_der(foreign_request(
      key.get(),
      "DNS:a.example,DNS:*.b.example,IP:2001:db8::1,IP:192.0.2.1,email:x@y.example,URI:http://u",
      EVP_sha256(), true));
  ASSERT_TRUE(request) << request.error().to_string();
  EXPECT_EQ(request->subject_common_name(), "foreign");
  EXPECT_THAT(request->dns_names(), ElementsAre("a.example", "*.b.example"));
  EXPECT_THAT(request->ip_addresses(),
              ElementsAre(IpAddress{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}));
  EXPECT_THAT(request->other_names(), ElementsAre("ipv4", "email", "uri"));
  EXPECT_THAT(request->extensions(), ElementsAre("2.5.29.17", "1.3.6.1.5.5.7.1.24"));
  EXPECT_TRUE(request->has_challenge_password());
  EXPECT_EQ(request->public_key().algorithm(), SignatureAlgorithm::kRsa);
  EXPECT_EQ(request->public_key().security_bits(), 112);
  EXPECT_TRUE(request->verify_possession());
}

TEST(ForeignRequest, AsksForNothing) {
  const ForeignKey key = foreign_curve("P-384");
  const auto request =
      CertificateRequest::from_der(foreign_request(key.get(), nullptr, EVP_sha384())).value();
  EXPECT_THAT(request.dns_names(), IsEmpty());
  EXPECT_THAT(request.ip_addresses(), IsEmpty());
  EXPECT_THAT(request.other_names(), IsEmpty());
  EXPECT_THAT(request.extensions(), IsEmpty());
  EXPECT_FALSE(request.has_challenge_password());
  EXPECT_TRUE(request.verify_possession());
}

TEST(ForeignRequest, AWeakDigestProvesNothing) {
  const ForeignKey key = foreign_rsa(2048);
  const auto weak =
      CertificateRequest::from_der(foreign_request(key.get(), "DNS:a.example", EVP_sha1()));
  ASSERT_TRUE(weak) << weak.error().to_string();
  EXPECT_FALSE(weak->verify_possession());
}

TEST(ForeignRequest, OtherKeysAndPointsAreRefused) {
  const ForeignKey small = foreign_rsa(1024);
  EXPECT_EQ(CertificateRequest::from_der(foreign_request(small.get(), "DNS:a", EVP_sha256()))
                .error()
                .code(),
            "crypto.request_malformed");
  const ForeignKey compressed = foreign_curve("P-256");
  EVP_PKEY_set_utf8_string_param(compressed.get(), OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
                                 "compressed");
  EXPECT_EQ(CertificateRequest::from_der(foreign_request(compressed.get(), "DNS:a", EVP_sha256()))
                .error()
                .code(),
            "crypto.request_malformed");
}

TEST(OwnRequest, AsksForAddressesToo) {
  const PrivateKey key = PrivateKey::generate(SignatureAlgorithm::kEcdsaP256).value();
  const IpAddress address{0xfd, 1};
  const auto request = CertificateRequest::create(key, "", {"a.example"}, {address}).value();
  EXPECT_EQ(request.subject_common_name(), "");
  EXPECT_THAT(request.dns_names(), ElementsAre("a.example"));
  EXPECT_THAT(request.ip_addresses(), ElementsAre(address));
  EXPECT_TRUE(request.verify_possession());
}

}  // namespace
}  // namespace i2::crypto
