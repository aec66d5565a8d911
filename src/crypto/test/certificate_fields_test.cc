// What certificates of an authority contain: extensions, and the parts of transparency.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ct.h>

#include <algorithm>
#include <thread>

#include "der.h"
#include "foreign.h"
#include "tbs.h"
#include "tls_pair.h"

namespace i2::crypto {
namespace {

using ::testing::ElementsAre;

const PrivateKey& issuer_key() {
  static const PrivateKey key = PrivateKey::generate(SignatureAlgorithm::kEcdsaP256).value();
  return key;
}
const Certificate& issuer() {
  static const Certificate made = make_test_ca(issuer_key(), "issuer");
  return made;
}

CertificateFields every_field() {
  return {.subject_key = issuer_key().public_key(),
          .common_name = "a.example",
          .dns_names = {"a.example", "*.b.example"},
          .ip_addresses = {IpAddress{0xfd, 1}},
          .not_before = kTestNow,
          .not_after = kTestNow + kTestDay,
          .purposes = {KeyPurpose::kServerAuth},
          .serial = Bytes(16, 0xAB),
          .policies = {"2.23.140.1.2.1"},
          .crl_urls = {"http://ca.example/crl/7"},
          .ocsp_urls = {"http://ca.example/ocsp"},
          .issuer_urls = {"http://ca.example/issuer.der"},
          .subject_key_id = true,
          .state_height = 7};
}

// An SCT by a P-256 log with the leaf index of static-ct-api: version, log, time, 8 bytes of
// extensions, signature.
Bytes example_sct() {
  Bytes out(119 + 8, 0x5a);
  return out;
}

Bytes extension_value(const Certificate& certificate, int nid) {
  const int at = X509_get_ext_by_NID(certificate.native(), nid, -1);
  return at < 0 ? Bytes()
                : to_bytes(as_bytes(
                      read_text(X509_EXTENSION_get_data(X509_get_ext(certificate.native(), at)))));
}

TEST(CertificateFields, EveryExtensionIsThereOnce) {
  const Certificate made = build_certificate(every_field(), &issuer(), issuer_key()).value();
  EXPECT_THAT(made.extensions(),
              ElementsAre("2.5.29.14", "2.5.29.15", "2.5.29.37", "2.5.29.17", "2.5.29.35",
                          "2.5.29.32", "2.5.29.31", "1.3.6.1.5.5.7.1.1", kStateHeightOid));
  EXPECT_EQ(made.key_usage(), 0x80U);
  EXPECT_EQ(made.authority_key_id(), issuer().subject_key_id());
  EXPECT_EQ(made.authority_key_id().size(), 20U);
  EXPECT_EQ(made.issuer(), issuer().subject());
  EXPECT_NE(made.subject(), made.issuer());
  // RFC 5280 §4.2.1.13: SEQUENCE {DistributionPoint {[0] {[0] {[6] URL}}}}.
  EXPECT_EQ(to_hex(extension_value(made, NID_crl_distribution_points)),
            "301f301da01ba0198617" + to_hex(as_bytes("http://ca.example/crl/7")));
  EXPECT_EQ(to_hex(extension_value(made, NID_certificate_policies)), "300a3008060667810c010201");
  EXPECT_EQ(X509_get_ext_count(issuer().native()), 3);
  EXPECT_EQ(to_hex(extension_value(issuer(), NID_basic_constraints)), "30060101ff020100");
}

TEST(CertificateFields, AHeightIsOneShortestNumber) {
  const auto made = [](std::uint64_t height) {
    CertificateFields fields = every_field();
    fields.state_height = height;
    return build_certificate(fields, &issuer(), issuer_key()).value();
  };
  // X.690 §8.3: the first bit is the sign.
  const std::pair<std::uint64_t, const char*> kHeights[] = {
      {0, "020100"},
      {127, "02017f"},
      {128, "02020080"},
      {256, "02020100"},
      {0x7fffffffffffffff, "02087fffffffffffffff"},
      {UINT64_MAX, "020900ffffffffffffffff"}};
  for (const auto& [height, der] : kHeights) {
    const Certificate certificate = Certificate::from_der(made(height).der()).value();
    EXPECT_EQ(certificate.state_height(), height);
    EXPECT_EQ(to_hex(certificate.extension(kStateHeightOid).value().value), der);
    EXPECT_FALSE(certificate.extension(kStateHeightOid)->critical);
  }
  EXPECT_EQ(issuer().state_height(), std::nullopt);
}

// Of a certificate in which these bytes stand where it was signed with 0x11223344.
std::optional<std::uint64_t> height_of(const Bytes& der) {
  CertificateFields fields = every_field();
  fields.state_height = 0x11223344;
  Bytes bytes = build_certificate(fields, &issuer(), issuer_key()).value().der();
  const Bytes value = {0x02, 0x04, 0x11, 0x22, 0x33, 0x44};
  const auto at = std::ranges::search(bytes, value).begin();
  EXPECT_NE(at, bytes.end());
  std::ranges::copy(der, at);
  return Certificate::from_der(bytes).value().state_height();
}

TEST(CertificateFields, AHeightInAnotherFormIsNone) {
  EXPECT_EQ(height_of({0x02, 0x04, 0x11, 0x22, 0x33, 0x45}), 0x11223345U);
  EXPECT_EQ(height_of({0x02, 0x04, 0x00, 0x92, 0x33, 0x44}), 0x923344U);
  EXPECT_EQ(height_of({0x02, 0x04, 0x00, 0x22, 0x33, 0x44}), std::nullopt) << "padded";
  EXPECT_EQ(height_of({0x02, 0x04, 0x91, 0x22, 0x33, 0x44}), std::nullopt) << "negative";
  EXPECT_EQ(height_of({0x04, 0x04, 0x11, 0x22, 0x33, 0x44}), std::nullopt) << "no INTEGER";
  EXPECT_EQ(height_of({0x02, 0x03, 0x11, 0x22, 0x33, 0x44}), std::nullopt) << "bytes left over";
  EXPECT_EQ(height_of({0x02, 0x05, 0x11, 0x22, 0x33, 0x44}), std::nullopt) << "cut off";
}

void expect_same_fields(const CertificateFields& fields, const Certificate* signer) {
  const Certificate made = build_certificate(fields, signer, issuer_key()).value();
  const CertificateFields read = Certificate::from_der(made.der()).value().fields();
  EXPECT_EQ(read.subject_key.spki(), fields.subject_key.spki());
  EXPECT_EQ(read.common_name, fields.common_name);
  EXPECT_EQ(read.dns_names, fields.dns_names);
  EXPECT_EQ(read.ip_addresses, fields.ip_addresses);
  EXPECT_EQ(read.not_before, fields.not_before);
  EXPECT_EQ(read.not_after, fields.not_after);
  EXPECT_EQ(read.ca, fields.ca);
  EXPECT_EQ(read.path_length, fields.path_length);
  EXPECT_EQ(read.name_constraints, fields.name_constraints);
  EXPECT_EQ(read.purposes, fields.ca ? std::vector<KeyPurpose>() : fields.purposes);
  EXPECT_EQ(read.serial, fields.serial);
  EXPECT_EQ(read.policies, fields.policies);
  EXPECT_EQ(read.crl_urls, fields.crl_urls);
  EXPECT_EQ(read.ocsp_urls, fields.ocsp_urls);
  EXPECT_EQ(read.issuer_urls, fields.issuer_urls);
  EXPECT_EQ(read.subject_key_id, fields.subject_key_id);
  EXPECT_EQ(read.state_height, fields.state_height);
  EXPECT_EQ(read.precertificate, fields.precertificate);
  EXPECT_EQ(read.scts, fields.scts);
  EXPECT_EQ(prepare_certificate(read, signer).value().tbs(), made.tbs());
}

TEST(CertificateFields, AreReadAsTheyWereWritten) {
  expect_same_fields(every_field(), &issuer());
  CertificateFields fields = every_field();
  fields.scts = {example_sct(), Bytes(3, 1)};
  expect_same_fields(fields, &issuer());
  fields.scts.clear();
  fields.precertificate = true;
  fields.purposes = {KeyPurpose::kOcspSigning};
  expect_same_fields(fields, &issuer());
  expect_same_fields(
      {.subject_key = issuer_key().public_key(),
       .common_name = "constrained",
       .not_before = kTestNow,
       .not_after = kTestNow + kTestDay,
       .ca = true,
       .path_length = 0,
       .name_constraints = {.permitted_dns = {"home.i2.internal", "example"},
                            .permitted_ip = {{.address = {0xfd, 1, 2, 0x60}, .bits = 27}},
                            .excluded_dns = {"secret.example"},
                            .excluded_ip = {{.address = {}, .bits = 0}}},
       .serial = {1},
       .subject_key_id = true},
      nullptr);
}

TEST(CertificateFields, RefusesWhatIsNotWellFormed) {
  const auto refused = [](auto change) {
    CertificateFields fields = every_field();
    change(fields);
    const auto made = prepare_certificate(fields, &issuer());
    return !made && made.error().code() == "crypto.certificate_build";
  };
  EXPECT_FALSE(refused([](CertificateFields&) {}));
  EXPECT_TRUE(refused([](CertificateFields& f) { f.crl_urls = {""}; }));
  EXPECT_TRUE(refused([](CertificateFields& f) { f.crl_urls = {"http://a b"}; }));
  EXPECT_TRUE(refused([](CertificateFields& f) { f.ocsp_urls = {std::string(1025, 'a')}; }));
  EXPECT_TRUE(refused([](CertificateFields& f) { f.issuer_urls = {"http://\xc3\xa4"}; }));
  EXPECT_TRUE(refused([](CertificateFields& f) { f.policies = {"nonsense"}; }));
  EXPECT_TRUE(refused([](CertificateFields& f) { f.scts = {Bytes()}; }));
  EXPECT_TRUE(refused([](CertificateFields& f) { f.scts = {Bytes(65534)}; }));
  EXPECT_FALSE(refused([](CertificateFields& f) { f.scts = {Bytes(65533 - 2)}; }));
  EXPECT_TRUE(refused([](CertificateFields& f) {
    f.scts = {example_sct()};
    f.precertificate = true;
  }));
  EXPECT_TRUE(refused([](CertificateFields& f) {
    f.ca = true;
    f.name_constraints.permitted_ip = {{.address = {}, .bits = 129}};
  }));
}

TEST(CertificateFields, WithoutASubjectTheNamesAreCritical) {
  CertificateFields fields = every_field();
  fields.common_name.clear();
  const Certificate made = build_certificate(fields, &issuer(), issuer_key()).value();
  const int at = X509_get_ext_by_NID(made.native(), NID_subject_alt_name, -1);
  EXPECT_EQ(X509_EXTENSION_get_critical(X509_get_ext(made.native(), at)), 1);
  EXPECT_EQ(made.subject_common_name(), "");
  EXPECT_EQ(to_hex(made.subject()), "3000");
  EXPECT_TRUE(verify_certificate(made, std::span(&issuer(), 1), kTestNow));
}

TEST(CertificateFields, NameConstraintsBind) {
  CertificateFields fields = every_field();
  fields.ca = true;
  fields.common_name = "constrained";
  fields.dns_names.clear();
  fields.ip_addresses.clear();
  fields.path_length.reset();
  fields.not_after = kTestNow + 30 * kTestDay;
  fields.name_constraints = {.permitted_dns = {"b.example"}, .permitted_ip = {{{0xfd, 1}, 16}}};
  const PrivateKey key = PrivateKey::generate(SignatureAlgorithm::kEcdsaP256).value();
  fields.subject_key = key.public_key();
  const PrivateKey root_key = PrivateKey::generate(SignatureAlgorithm::kEcdsaP256).value();
  CertificateFields root_fields = fields;
  root_fields.subject_key = root_key.public_key();
  root_fields.common_name = "root";
  root_fields.name_constraints = {};
  const Certificate root = build_certificate(root_fields, nullptr, root_key).value();
  const Certificate constrained = build_certificate(fields, &root, root_key).value();
  const auto verdict = [&](std::vector<std::string> names, IpAddress address) {
    CertificateFields leaf = every_field();
    leaf.common_name.clear();
    leaf.dns_names = std::move(names);
    leaf.ip_addresses = {address};
    const Certificate made = build_certificate(leaf, &constrained, key).value();
    return verify_chain(made, std::span(&constrained, 1), root, kTestNow).has_value();
  };
  EXPECT_TRUE(verdict({"b.example", "x.b.example"}, {0xfd, 1, 5}));
  EXPECT_FALSE(verdict({"a.example"}, {0xfd, 1, 5}));
  EXPECT_FALSE(verdict({"b.example"}, {0xfd, 2}));
}

// --- two steps -----------------------------------------------------------------------------------

class EverySigner : public ::testing::TestWithParam<SignatureAlgorithm> {};

TEST_P(EverySigner, TheSignatureChangesNothingElse) {
  const PrivateKey key = PrivateKey::generate(GetParam(), FalconArithmetic::kNativeDouble).value();
  const Certificate authority = make_test_ca(key);
  const Certificate prepared = prepare_certificate(every_field(), &authority).value();
  const Certificate made = sign_certificate(prepared, &authority, key).value();
  EXPECT_EQ(made.tbs(), prepared.tbs());
  EXPECT_EQ(Certificate::from_der(made.der()).value().der(), made.der());
  {
    // Read by OpenSSL by whoever is first.
    std::vector<std::jthread> readers;
    for (int i = 0; i < 4; ++i) {
      readers.emplace_back([&made] { EXPECT_EQ(made.subject_common_name(), "a.example"); });
    }
  }
  EXPECT_TRUE(verify_certificate(made, std::span(&authority, 1), kTestNow));
  EXPECT_FALSE(verify_certificate(prepared, std::span(&authority, 1), kTestNow));
  EXPECT_EQ(sign_certificate(prepared, &authority, PrivateKey()).error().code(),
            "crypto.certificate_build");
  const auto other = GetParam() == SignatureAlgorithm::kEd25519 ? SignatureAlgorithm::kEcdsaP256
                                                                : SignatureAlgorithm::kEd25519;
  const PrivateKey other_key = PrivateKey::generate(other).value();
  const Certificate other_authority = make_test_ca(other_key);
  EXPECT_EQ(sign_certificate(prepared, &other_authority, other_key).error().code(),
            "crypto.certificate_build");
}

TEST_P(EverySigner, TheFinalCertificateIsItsPrecertificatePlusScts) {
  const PrivateKey key = PrivateKey::generate(GetParam(), FalconArithmetic::kNativeDouble).value();
  const Certificate authority = make_test_ca(key);
  CertificateFields fields = every_field();
  const Bytes plain = prepare_certificate(fields, &authority).value().tbs();
  fields.precertificate = true;
  const Certificate poisoned = build_certificate(fields, &authority, key).value();
  fields.precertificate = false;
  fields.scts = {example_sct()};
  const Certificate final = build_certificate(fields, &authority, key).value();
  const PrecertificateEntry entry = precertificate_entry(poisoned, authority).value();
  EXPECT_EQ(entry, precertificate_entry(final, authority).value());
  EXPECT_EQ(entry.tbs, plain);
  EXPECT_TRUE(poisoned.is_precertificate());
  EXPECT_FALSE(final.is_precertificate());
  EXPECT_EQ(entry.issuer_key_hash, key.public_key().spki_sha256());
  // RFC 6962 §3.1: critical, an ASN.1 NULL. No client accepts it.
  EXPECT_EQ(to_hex(extension_value(poisoned, NID_ct_precert_poison)), "0500");
  EXPECT_FALSE(verify_certificate(poisoned, std::span(&authority, 1), kTestNow));
  EXPECT_TRUE(verify_certificate(final, std::span(&authority, 1), kTestNow));
  // RFC 6962 §3.3: OCTET STRING {u16 length, u16 length, SCT}.
  EXPECT_EQ(to_hex(extension_value(final, NID_ct_precert_scts)),
            "048183"
            "0081"
            "007f" +
                to_hex(example_sct()));
}

INSTANTIATE_TEST_SUITE_P(All, EverySigner,
                         ::testing::Values(SignatureAlgorithm::kFalcon1024,
                                           SignatureAlgorithm::kEd25519,
                                           SignatureAlgorithm::kEcdsaP256));

// docs/wire/trust.md, "Leaf": what is left of the 790 bytes of a server's first flight.
TEST(CertificateSize, AFalconLeafWithAnEmbeddedSct) {
  const PrivateKey key =
      PrivateKey::generate(SignatureAlgorithm::kFalcon1024, FalconArithmetic::kNativeDouble)
          .value();
  const Certificate authority = make_test_ca(key, "i2 anchor abcdefghijklmnop");
  CertificateFields fields{.subject_key = key.public_key(),
                           .common_name = "alpha",
                           .dns_names = {"alpha.home.i2.internal"},
                           .not_before = kTestNow,
                           .not_after = kTestNow + kTestDay,
                           .serial = Bytes(16, 0x7f)};
  const std::size_t bare = build_certificate(fields, &authority, key).value().der().size();
  fields.scts = {example_sct()};
  const std::size_t logged = build_certificate(fields, &authority, key).value().der().size();
  // A Falcon signature varies by a few bytes around 1270.
  EXPECT_NEAR(static_cast<double>(logged - bare), 152, 24);
  EXPECT_LT(logged, 3330U + 790U - 500U);
  RecordProperty("bare", static_cast<int>(bare));
  RecordProperty("logged", static_cast<int>(logged));
}

TEST(CertificateFields, WhatIsSignedHasALength) {
  Bytes der = build_certificate(every_field(), &issuer(), issuer_key()).value().der();
  const std::size_t end = 4 + tbs_of(der).size();
  ASSERT_EQ(to_hex(ByteView(der).subspan(4, 2)), "3082");
  // X.690 §8.1.3.6: an indefinite one, and the end-of-contents octets.
  der.insert(der.begin() + static_cast<std::ptrdiff_t>(end), 2, 0);
  der[5] = 0x80;
  der.erase(der.begin() + 6, der.begin() + 8);
  const unsigned char* cursor = der.data();
  const CertificatePointer by_openssl(d2i_X509(nullptr, &cursor, static_cast<long>(der.size())));
  EXPECT_NE(by_openssl, nullptr);
  EXPECT_EQ(Certificate::from_der(der).error().code(), "crypto.certificate_malformed");
  EXPECT_EQ(Certificate::from_native(by_openssl.get()).error().code(),
            "crypto.certificate_malformed");
}

TEST(CertificateFields, WhatIsSignedHasTheShortestLength) {
  const Certificate made = build_certificate(every_field(), &issuer(), issuer_key()).value();
  // Both sequences have two octets of length; the inner one gets a third (X.690 §10.1).
  Bytes der = made.der();
  ASSERT_EQ(to_hex(ByteView(der).first(2)) + to_hex(ByteView(der).subspan(4, 2)), "30823082");
  der[5] = 0x83;
  der.insert(der.begin() + 6, 0);
  ASSERT_NE(++der[3], 0);
  EXPECT_EQ(Certificate::from_der(der).error().code(), "crypto.certificate_malformed");
}

TEST(PrecertificateEntry, IsWhatOpenSslMakesOfIt) {
  CertificateFields fields = every_field();
  fields.scts = {example_sct()};
  const Certificate made = build_certificate(fields, &issuer(), issuer_key()).value();
  EXPECT_FALSE(made.is_precertificate());
  const CertificatePointer copy(X509_dup(made.native()));
  const int at = X509_get_ext_by_NID(copy.get(), NID_ct_precert_scts, -1);
  X509_EXTENSION_free(X509_delete_ext(copy.get(), at));
  EXPECT_EQ(precertificate_entry(made, issuer()).value().tbs, to_der<i2d_re_X509_tbs>(copy.get()));
}

// What is signed of `certificate`, with this field behind those in front of its extensions.
Bytes with_last_field(const Certificate& certificate, ByteView field) {
  ByteView in = certificate.der();
  ByteView rest = take_der(in)->contents;
  (void)take_der(rest);
  return der_value(kDerSequence,
                   {der_value(kDerSequence, {read_tbs(certificate.der())->front, field}), rest});
}
bool openssl_finds_poison(ByteView der) {
  const unsigned char* cursor = der.data();
  const CertificatePointer read(d2i_X509(nullptr, &cursor, static_cast<long>(der.size())));
  return X509_get_ext_by_NID(read.get(), NID_ct_precert_poison, -1) >= 0;
}

// OpenSSL reads these, and would not see what the log does.
TEST(PrecertificateEntry, HasNoWayAroundDer) {
  CertificateFields fields = every_field();
  fields.precertificate = true;
  const Certificate made = build_certificate(fields, &issuer(), issuer_key()).value();
  Bytes list;
  Bytes relaxed;  // the poison's identifier has a long length
  const auto contents = read_tbs(made.der()).value();
  for (const Tbs::Extension& one : contents.extensions) {
    append(list, one.whole);
    const bool poison = &one == &contents.extensions.back();
    ByteView in = one.whole;
    const ByteView behind = take_der(in)->contents.subspan(one.oid.size());
    const Bytes oid = der_value(0x06, {one.oid.subspan(2)});
    Bytes longer = {0x06, 0x81};
    append(longer, ByteView(oid).subspan(1));
    append(relaxed, der_value(kDerSequence, {poison ? longer : oid, behind}));
  }
  const Bytes sequence = der_value(kDerSequence, {list});
  const auto field = [](ByteView value) { return der_value(kDerExplicit3, {value}); };
  EXPECT_EQ(with_last_field(made, field(sequence)), made.der());
  Bytes long_tag = {0xbf, 0x03};  // X.690 §8.1.2.4
  append(long_tag, ByteView(field(sequence)).subspan(1));
  for (const Bytes& der : {with_last_field(made, field(der_value(kDerSequence, {relaxed}))),
                           with_last_field(made, long_tag)}) {
    EXPECT_TRUE(openssl_finds_poison(der));
    EXPECT_EQ(Certificate::from_der(der).error().code(), "crypto.certificate_malformed");
  }
}

TEST(PrecertificateEntry, IsRefusedWithoutACertificate) {
  const Certificate made = build_certificate(every_field(), &issuer(), issuer_key()).value();
  EXPECT_EQ(precertificate_entry(made, Certificate()).error().code(),
            "crypto.certificate_malformed");
  EXPECT_EQ(precertificate_entry(Certificate(), made).error().code(),
            "crypto.certificate_malformed");
}

}  // namespace
}  // namespace i2::crypto
