#include <gtest/gtest.h>
#include <i2/crypto/x509.h>
#include <openssl/x509v3.h>

#include "native.h"
#include "tls_pair.h"

namespace i2::crypto {
namespace {

PrivateKey make_key(SignatureAlgorithm algorithm) {
  return PrivateKey::generate(algorithm, FalconArithmetic::kNativeDouble).value();
}

const PrivateKey& ca_key() {
  static const PrivateKey kKey = make_key(SignatureAlgorithm::kFalcon1024);
  return kKey;
}

const Certificate& ca() {
  static const Certificate kCertificate = make_test_ca(ca_key());
  return kCertificate;
}

const PrivateKey& leaf_key() {
  static const PrivateKey kKey = make_key(SignatureAlgorithm::kFalcon1024);
  return kKey;
}

CertificateFields leaf_fields() {
  return {.subject_key = leaf_key().public_key(),
          .common_name = "node",
          .dns_names = {"a.i2.internal", "b.i2.internal"},
          .not_before = kTestNow,
          .not_after = kTestNow + kTestDay,
          .serial = Bytes(16, 0xAB)};
}

std::string verify_code(const Certificate& leaf, std::span<const Certificate> anchors,
                        UnixMillis now = kTestNow + 1) {
  const auto result = verify_certificate(leaf, anchors, now);
  return result ? "ok" : result.error().code();
}

// --- building ------------------------------------------------------------------------------------

class EveryIssuer : public ::testing::TestWithParam<SignatureAlgorithm> {};

TEST_P(EveryIssuer, IssuesALeafThatVerifies) {
  const PrivateKey issuer_key = make_key(GetParam());
  const Certificate issuer = make_test_ca(issuer_key);
  const Certificate leaf = build_certificate(leaf_fields(), &issuer, issuer_key).value();
  EXPECT_TRUE(issuer.is_ca());
  EXPECT_FALSE(leaf.is_ca());
  EXPECT_EQ(leaf.subject_common_name(), "node");
  EXPECT_EQ(leaf.dns_names(), (std::vector<std::string>{"a.i2.internal", "b.i2.internal"}));
  EXPECT_EQ(leaf.serial(), Bytes(16, 0xAB));
  EXPECT_EQ(leaf.not_before(), kTestNow);
  EXPECT_EQ(leaf.not_after(), kTestNow + kTestDay);
  EXPECT_EQ(leaf.public_key().spki(), leaf_key().public_key().spki());
  const Certificate from_der = Certificate::from_der(leaf.der()).value();
  const Certificate from_pem = Certificate::from_pem(leaf.pem()).value();
  EXPECT_EQ(from_pem.der(), from_der.der());
  EXPECT_EQ(verify_code(from_der, std::span(&issuer, 1)), "ok");
  const Certificate stranger = make_test_ca(make_key(GetParam()));
  EXPECT_EQ(verify_code(from_der, std::span(&stranger, 1)), "crypto.untrusted");
}

INSTANTIATE_TEST_SUITE_P(All, EveryIssuer,
                         ::testing::Values(SignatureAlgorithm::kFalcon1024,
                                           SignatureAlgorithm::kEd25519,
                                           SignatureAlgorithm::kEcdsaP256));

// With X25519MLKEM768 a QUIC server's first flight has 790 bytes to spare over a bare Falcon leaf
// of 3329.
TEST(BuildCertificate, LeavesStaySmall) {
  const Certificate leaf = build_certificate(leaf_fields(), &ca(), ca_key()).value();
  EXPECT_LT(leaf.der().size(), 3450U);
}

TEST(BuildCertificate, ExtensionsFollowTheKind) {
  const Certificate leaf = build_certificate(leaf_fields(), &ca(), ca_key()).value();
  const auto critical = [](const Certificate& c, int nid) {
    const int at = X509_get_ext_by_NID(c.native(), nid, -1);
    return at < 0 ? -1 : X509_EXTENSION_get_critical(X509_get_ext(c.native(), at));
  };
  EXPECT_EQ(X509_get_version(leaf.native()), X509_VERSION_3);
  EXPECT_EQ(X509_get_key_usage(leaf.native()), static_cast<unsigned>(KU_DIGITAL_SIGNATURE));
  EXPECT_EQ(X509_get_extended_key_usage(leaf.native()),
            static_cast<unsigned>(XKU_SSL_SERVER | XKU_SSL_CLIENT));
  EXPECT_EQ(critical(leaf, NID_key_usage), 1);
  EXPECT_EQ(critical(leaf, NID_ext_key_usage), 0);
  EXPECT_EQ(critical(leaf, NID_basic_constraints), -1);
  EXPECT_EQ(critical(leaf, NID_subject_key_identifier), -1);
  EXPECT_EQ(ASN1_OCTET_STRING_cmp(X509_get0_authority_key_id(leaf.native()),
                                  X509_get0_subject_key_id(ca().native())),
            0);
  EXPECT_EQ(
      X509_NAME_cmp(X509_get_issuer_name(leaf.native()), X509_get_subject_name(ca().native())), 0);

  EXPECT_EQ(X509_get_key_usage(ca().native()),
            static_cast<unsigned>(KU_KEY_CERT_SIGN | KU_CRL_SIGN));
  EXPECT_EQ(critical(ca(), NID_basic_constraints), 1);
  EXPECT_EQ(critical(ca(), NID_ext_key_usage), -1);
  EXPECT_EQ(X509_get_pathlen(ca().native()), 0);

  CertificateFields fields = leaf_fields();
  fields.purposes.clear();
  fields.dns_names.clear();
  const Certificate plain = build_certificate(fields, &ca(), ca_key()).value();
  EXPECT_EQ(critical(plain, NID_ext_key_usage), -1);
  EXPECT_TRUE(plain.dns_names().empty());

  fields = leaf_fields();
  fields.ca = true;
  const Certificate below = build_certificate(fields, &ca(), ca_key()).value();
  EXPECT_TRUE(below.is_ca());
  EXPECT_EQ(X509_get_pathlen(below.native()), -1);
}

TEST(BuildCertificate, RefusesFieldsThatRfc5280Forbids) {
  const auto refused = [](auto change) {
    CertificateFields fields = leaf_fields();
    change(fields);
    const auto built = build_certificate(fields, &ca(), ca_key());
    return !built && built.error().code() == "crypto.certificate_build";
  };
  EXPECT_FALSE(refused([](CertificateFields&) {}));
  EXPECT_TRUE(refused([](CertificateFields& f) { f.subject_key = {}; }));
  EXPECT_TRUE(refused([](CertificateFields& f) {
    f.common_name.clear();
    f.dns_names.clear();
  }));
  EXPECT_TRUE(refused([](CertificateFields& f) { f.common_name.assign(65, 'a'); }));
  EXPECT_FALSE(refused([](CertificateFields& f) { f.common_name.assign(64, 'a'); }));
  EXPECT_TRUE(refused([](CertificateFields& f) { f.common_name = "a\nb"; }));
  EXPECT_TRUE(refused([](CertificateFields& f) { f.common_name = "\xff\xfe"; }));
  EXPECT_TRUE(refused([](CertificateFields& f) { f.dns_names = {""}; }));
  EXPECT_TRUE(refused([](CertificateFields& f) { f.dns_names = {"with space"}; }));
  EXPECT_TRUE(refused([](CertificateFields& f) { f.dns_names = {std::string(254, 'a')}; }));
  EXPECT_TRUE(refused([](CertificateFields& f) { f.serial.clear(); }));
  EXPECT_TRUE(refused([](CertificateFields& f) { f.serial = {0, 0}; }));
  EXPECT_TRUE(refused([](CertificateFields& f) { f.serial = Bytes(20, 0x80); }));
  EXPECT_FALSE(refused([](CertificateFields& f) { f.serial = Bytes(20, 0x7f); }));
  EXPECT_TRUE(refused([](CertificateFields& f) { f.not_after = f.not_before - 1; }));
  EXPECT_TRUE(refused([](CertificateFields& f) { f.not_after = 253402300800000; }));
  EXPECT_TRUE(refused([](CertificateFields& f) {
    f.ca = true;
    f.path_length = -1;
  }));
}

TEST(BuildCertificate, RefusesAKeyThatIsNotTheIssuers) {
  const auto stranger = build_certificate(leaf_fields(), &ca(), leaf_key());
  EXPECT_EQ(stranger.error().code(), "crypto.certificate_build");
  const auto self = build_certificate(leaf_fields(), nullptr, ca_key());
  EXPECT_EQ(self.error().code(), "crypto.certificate_build");
  const Certificate leaf = build_certificate(leaf_fields(), &ca(), ca_key()).value();
  const auto below_leaf = build_certificate(leaf_fields(), &leaf, leaf_key());
  EXPECT_EQ(below_leaf.error().code(), "crypto.certificate_build");
}

TEST(BuildCertificate, DatesBeyond2049AndSerialZeros) {
  CertificateFields fields = leaf_fields();
  fields.not_after = 4'102'444'800'000;  // 2100-01-01
  fields.serial = {0x00, 0x00, 0x80, 0x01};
  const Certificate leaf = build_certificate(fields, &ca(), ca_key()).value();
  EXPECT_EQ(leaf.not_after(), 4'102'444'800'000U);
  EXPECT_EQ(leaf.serial(), (Bytes{0x80, 0x01}));
}

// --- verification --------------------------------------------------------------------------------

TEST(VerifyCertificate, ChecksTimeLastAndInclusively) {
  const Certificate leaf = build_certificate(leaf_fields(), &ca(), ca_key()).value();
  const std::span anchors(&ca(), 1);
  EXPECT_EQ(verify_code(leaf, anchors, kTestNow - 1), "crypto.not_yet_valid");
  EXPECT_EQ(verify_code(leaf, anchors, kTestNow), "ok");
  EXPECT_EQ(verify_code(leaf, anchors, kTestNow + kTestDay + 999), "ok");
  EXPECT_EQ(verify_code(leaf, anchors, kTestNow + kTestDay + 1000), "crypto.expired");
  // An expired leaf of nobody is untrusted, not expired: the difference decides what a peer may do.
  const Certificate stranger = make_test_ca(leaf_key());
  EXPECT_EQ(verify_code(leaf, std::span(&stranger, 1), kTestNow + 2 * kTestDay),
            "crypto.untrusted");
  // Nor does an anchor out of its time make a leaf "expired".
  EXPECT_EQ(verify_code(leaf, anchors, kTestNow + 400 * kTestDay), "crypto.untrusted");
}

TEST(VerifyCertificate, FindsTheIssuerAmongSeveralAnchorsOfOneName) {
  const PrivateKey other_key = make_key(SignatureAlgorithm::kFalcon1024);
  const Certificate anchors[] = {make_test_ca(other_key), ca(), make_test_ca(leaf_key(), "third")};
  const Certificate leaf = build_certificate(leaf_fields(), &ca(), ca_key()).value();
  EXPECT_EQ(verify_code(leaf, anchors), "ok");
  EXPECT_EQ(verify_code(leaf, std::span(anchors).first(1)), "crypto.untrusted");
  EXPECT_EQ(verify_code(leaf, {}), "crypto.untrusted");
  EXPECT_EQ(verify_code(Certificate(), anchors), "crypto.untrusted");
}

TEST(VerifyCertificate, AnAnchorNeedNotBeSelfSigned) {
  const PrivateKey root_key = make_key(SignatureAlgorithm::kFalcon1024);
  const Certificate root = build_certificate({.subject_key = root_key.public_key(),
                                              .common_name = "root",
                                              .not_before = kTestNow,
                                              .not_after = kTestNow + kTestDay,
                                              .ca = true,
                                              .serial = {1}},
                                             nullptr, root_key)
                               .value();
  const PrivateKey anchor_key = make_key(SignatureAlgorithm::kFalcon1024);
  const Certificate anchor = build_certificate({.subject_key = anchor_key.public_key(),
                                                .common_name = "anchor",
                                                .not_before = kTestNow,
                                                .not_after = kTestNow + kTestDay,
                                                .ca = true,
                                                .path_length = 0,
                                                .serial = {2}},
                                               &root, root_key)
                                 .value();
  const Certificate leaf = build_certificate(leaf_fields(), &anchor, anchor_key).value();
  EXPECT_EQ(verify_code(leaf, std::span(&anchor, 1)), "ok");
  // The anchor is not sent along, so the root alone does not help.
  EXPECT_EQ(verify_code(leaf, std::span(&root, 1)), "crypto.untrusted");
}

// X509 for what build_certificate refuses to make.
Certificate forge(const Certificate& issuer, const PrivateKey& issuer_key,
                  const CertificateFields& fields) {
  const Certificate good = build_certificate(fields, &ca(), ca_key()).value();
  const CertificatePointer forged(X509_dup(good.native()));
  X509_set_issuer_name(forged.get(), X509_get_subject_name(issuer.native()));
  const int at = X509_get_ext_by_NID(forged.get(), NID_authority_key_identifier, -1);
  X509_EXTENSION_free(X509_delete_ext(forged.get(), at));
  EXPECT_GT(X509_sign(forged.get(), issuer_key.native(), nullptr), 0);
  return Certificate::from_native(forged.get()).value();
}

TEST(VerifyCertificate, ALeafIsNoIssuer) {
  const Certificate leaf = build_certificate(leaf_fields(), &ca(), ca_key()).value();
  const Certificate forged = forge(leaf, leaf_key(), leaf_fields());
  const Certificate anchors[] = {leaf, ca()};
  EXPECT_EQ(verify_code(forged, anchors), "crypto.untrusted");
}

TEST(VerifyCertificate, ASignatureByAnotherKeyIsRefused) {
  const Certificate forged = forge(ca(), leaf_key(), leaf_fields());
  EXPECT_EQ(verify_code(forged, std::span(&ca(), 1)), "crypto.untrusted");
}

TEST(VerifyCertificate, ChecksThePurpose) {
  const auto with_usage = [](const char* usage) {
    CertificateFields fields = leaf_fields();
    fields.purposes.clear();
    const Certificate plain = build_certificate(fields, &ca(), ca_key()).value();
    const CertificatePointer changed(X509_dup(plain.native()));
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, NID_ext_key_usage, usage);
    EXPECT_EQ(X509_add_ext(changed.get(), extension, -1), 1);
    X509_EXTENSION_free(extension);
    EXPECT_GT(X509_sign(changed.get(), ca_key().native(), nullptr), 0);
    return Certificate::from_native(changed.get()).value();
  };
  const std::span anchors(&ca(), 1);
  EXPECT_EQ(verify_code(with_usage("serverAuth"), anchors), "ok");
  EXPECT_EQ(verify_code(with_usage("clientAuth"), anchors), "ok");
  EXPECT_EQ(verify_code(with_usage("emailProtection"), anchors), "crypto.purpose");
  EXPECT_EQ(verify_code(with_usage("codeSigning"), anchors, kTestNow + 2 * kTestDay),
            "crypto.purpose");
  // A CA's certificate is not a TLS identity, not even under its own anchor.
  EXPECT_EQ(verify_code(ca(), anchors), "crypto.purpose");
}

// --- parsing -------------------------------------------------------------------------------------

TEST(CertificateParsing, TakesExactlyOneDerValue) {
  const Bytes der = build_certificate(leaf_fields(), &ca(), ca_key()).value().der();
  Bytes longer = der;
  longer.push_back(0);
  EXPECT_EQ(Certificate::from_der(longer).error().code(), "crypto.certificate_malformed");
  EXPECT_EQ(Certificate::from_der({}).error().code(), "crypto.certificate_malformed");
  EXPECT_EQ(Certificate::from_der(Bytes(70'000, 0x30)).error().code(),
            "crypto.certificate_malformed");
  for (std::size_t size = 1; size < der.size(); size += 1 + size / 16) {
    EXPECT_EQ(Certificate::from_der(ByteView(der).first(size)).error().code(),
              "crypto.certificate_malformed");
  }
  // BER: the outer length in one more byte than needed.
  Bytes ber{0x30, 0x83, 0x00};
  append(ber, ByteView(der).subspan(2));
  EXPECT_EQ(Certificate::from_der(ber).error().code(), "crypto.certificate_malformed");
}

TEST(CertificateParsing, EveryAlteredByteIsNoticed) {
  const Bytes der = build_certificate(leaf_fields(), &ca(), ca_key()).value().der();
  int parsed = 0;
  for (std::size_t at = 0; at < der.size(); at += 7) {
    Bytes altered = der;
    altered[at] ^= 0x04;
    const auto certificate = Certificate::from_der(altered);
    if (certificate) {
      ++parsed;
      EXPECT_NE(verify_code(*certificate, std::span(&ca(), 1)), "ok") << at;
    }
  }
  EXPECT_GT(parsed, 100);  // most changes are in the key and the signature
}

TEST(CertificateParsing, OtherKeysAreMalformed) {
  const auto parse = [](EVP_PKEY* owned) {
    const NativePointer<EVP_PKEY, EVP_PKEY_free> key(owned);
    const CertificatePointer certificate(X509_new());
    ASN1_TIME_set(X509_getm_notBefore(certificate.get()), 0);
    ASN1_TIME_set(X509_getm_notAfter(certificate.get()), 1000);
    X509_set_pubkey(certificate.get(), key.get());
    EXPECT_GT(X509_sign(certificate.get(), key.get(), EVP_sha256()), 0);
    const auto parsed = Certificate::from_native(certificate.get());
    return parsed ? std::string(info(parsed->public_key().algorithm()).name)
                  : parsed.error().code();
  };
  EXPECT_EQ(parse(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{2048})), "rsa");
  EXPECT_EQ(parse(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-384")), "p384");
  EXPECT_EQ(parse(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{1024})),
            "crypto.certificate_malformed");
  EXPECT_EQ(parse(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-521")),
            "crypto.certificate_malformed");
  EXPECT_EQ(Certificate::from_native(nullptr).error().code(), "crypto.certificate_malformed");
}

TEST(CertificateParsing, PemMustHoldACertificate) {
  EXPECT_EQ(Certificate::from_pem("").error().code(), "crypto.certificate_malformed");
  EXPECT_EQ(Certificate::from_pem("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
                .error()
                .code(),
            "crypto.certificate_malformed");
  EXPECT_EQ(Certificate::from_pem(as_text(leaf_key().pem().view())).error().code(),
            "crypto.certificate_malformed");
}

// --- requests ------------------------------------------------------------------------------------

class EveryRequester : public ::testing::TestWithParam<SignatureAlgorithm> {};

TEST_P(EveryRequester, CarriesKeyNamesAndPossession) {
  const PrivateKey key = make_key(GetParam());
  const auto made = CertificateRequest::create(key, "node", {"n.i2.internal", "*.n.i2.internal"});
  ASSERT_TRUE(made) << made.error().to_string();
  const CertificateRequest request = CertificateRequest::from_der(made->der()).value();
  EXPECT_EQ(request.der(), made->der());
  EXPECT_EQ(request.subject_common_name(), "node");
  EXPECT_EQ(request.dns_names(), (std::vector<std::string>{"n.i2.internal", "*.n.i2.internal"}));
  EXPECT_EQ(request.public_key().spki(), key.public_key().spki());
  EXPECT_TRUE(request.verify_possession());

  Bytes altered = made->der();
  altered[altered.size() - 5] ^= 1;  // in the signature
  const auto unproven = CertificateRequest::from_der(altered);
  EXPECT_FALSE(unproven && unproven->verify_possession());
}

INSTANTIATE_TEST_SUITE_P(All, EveryRequester,
                         ::testing::Values(SignatureAlgorithm::kFalcon1024,
                                           SignatureAlgorithm::kEd25519,
                                           SignatureAlgorithm::kEcdsaP256));

TEST(CertificateRequest, RefusesWhatIsNotOne) {
  const PrivateKey key = make_key(SignatureAlgorithm::kEd25519);
  EXPECT_EQ(CertificateRequest::create(key, "").error().code(), "crypto.request_malformed");
  EXPECT_EQ(CertificateRequest::create(PrivateKey(), "x").error().code(),
            "crypto.request_malformed");
  EXPECT_EQ(CertificateRequest::create(key, "x", {"bad name"}).error().code(),
            "crypto.request_malformed");
  const CertificateRequest request = CertificateRequest::create(key, "x").value();
  EXPECT_TRUE(request.dns_names().empty());
  Bytes longer = request.der();
  longer.push_back(0);
  EXPECT_EQ(CertificateRequest::from_der(longer).error().code(), "crypto.request_malformed");
  EXPECT_EQ(CertificateRequest::from_der({}).error().code(), "crypto.request_malformed");
  EXPECT_EQ(CertificateRequest::from_der(ca().der()).error().code(), "crypto.request_malformed");
  EXPECT_FALSE(CertificateRequest().verify_possession());
}

}  // namespace
}  // namespace i2::crypto
