// Lists of revoked certificates, and the status of single ones.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <i2/crypto/crl.h>
#include <i2/crypto/ocsp.h>
#include <openssl/ocsp.h>

#include <ctime>

#include "tls_pair.h"

namespace i2::crypto {
namespace {

using ::testing::SizeIs;

struct Authority {
  explicit Authority(SignatureAlgorithm algorithm)
      : key(PrivateKey::generate(algorithm, FalconArithmetic::kNativeDouble).value()),
        certificate(make_test_ca(key, "revoker")) {}
  PrivateKey key;
  Certificate certificate;
};

const Authority& p256() {
  static const Authority made(SignatureAlgorithm::kEcdsaP256);
  return made;
}

Bytes numbered_serial(std::uint32_t number) {
  Bytes out(16, 0x80);
  for (std::size_t i = 0; i < 4; ++i) {
    out[12 + i] = static_cast<std::uint8_t>(number * 2654435761U >> 8 * i);
  }
  return out;
}

std::vector<CrlEntry> two_entries() {
  return {{.serial = numbered_serial(1),
           .revocation = {.revoked_at = kTestNow, .reason = RevocationReason::kKeyCompromise}},
          {.serial = numbered_serial(2), .revocation = {.revoked_at = kTestNow - 1000}}};
}

CrlFields list_of(std::span<const CrlEntry> entries) {
  return {.number = 0x1'0000'0001,
          .this_update = kTestNow,
          .next_update = kTestNow + kTestDay,
          .entries = entries,
          .distribution_point = "http://ca.example/crl/7"};
}

class EveryRevoker : public ::testing::TestWithParam<SignatureAlgorithm> {
 protected:
  Authority authority_{GetParam()};
};

TEST_P(EveryRevoker, AListSaysWhoIsRevoked) {
  const auto entries = two_entries();
  const Bytes der = build_crl(list_of(entries), authority_.certificate, authority_.key).value();
  const Crl crl = Crl::from_der(der).value();
  EXPECT_EQ(crl.der(), der);
  EXPECT_EQ(crl.number(), 0x1'0000'0001U);
  EXPECT_EQ(crl.this_update(), kTestNow);
  EXPECT_EQ(crl.next_update(), kTestNow + kTestDay);
  EXPECT_EQ(crl.distribution_point(), "http://ca.example/crl/7");
  EXPECT_EQ(crl.size(), 2U);
  EXPECT_EQ(crl.find(numbered_serial(1)), entries[0].revocation);
  EXPECT_EQ(crl.find(numbered_serial(2)), entries[1].revocation);
  EXPECT_EQ(crl.find(numbered_serial(3)), std::nullopt);
  EXPECT_EQ(crl.find({}), std::nullopt);
  EXPECT_TRUE(crl.verify(authority_.certificate));
  EXPECT_FALSE(crl.verify(make_test_ca(p256().key, "somebody else")));
  EXPECT_FALSE(crl.verify(Certificate()));
}

INSTANTIATE_TEST_SUITE_P(All, EveryRevoker,
                         ::testing::Values(SignatureAlgorithm::kFalcon1024,
                                           SignatureAlgorithm::kEd25519,
                                           SignatureAlgorithm::kEcdsaP256));

TEST(Crl, AnEmptyListOfEverything) {
  CrlFields fields = list_of({});
  fields.distribution_point.clear();
  const Crl crl = Crl::from_der(build_crl(fields, p256().certificate, p256().key).value()).value();
  EXPECT_EQ(crl.size(), 0U);
  EXPECT_EQ(crl.distribution_point(), "");
  EXPECT_EQ(crl.find(numbered_serial(1)), std::nullopt);
  EXPECT_TRUE(crl.verify(p256().certificate));
}

TEST(Crl, TheOrderOfEntriesDoesNotMatter) {
  std::vector<CrlEntry> entries;
  for (std::uint32_t i = 0; i < 20; ++i) {
    entries.push_back({.serial = Bytes(1 + i, static_cast<std::uint8_t>(40 * i + 1))});
  }
  entries.resize(19);
  entries.push_back({.serial = {0x00, 0xff}, .revocation = {.revoked_at = 4'102'444'800'000}});
  const Authority by(SignatureAlgorithm::kEd25519);  // one message, one signature
  const auto list = [&] {
    const Bytes der = build_crl(list_of(entries), by.certificate, by.key).value();
    const Crl crl = Crl::from_der(der).value();
    EXPECT_TRUE(crl.verify(by.certificate));
    for (const CrlEntry& entry : entries) {
      EXPECT_EQ(crl.find(entry.serial), entry.revocation);
    }
    return der;
  };
  const Bytes forwards = list();
  std::ranges::reverse(entries);
  EXPECT_EQ(list(), forwards);
}

TEST(Crl, RefusesWhatIsNoList) {
  const auto entries = two_entries();
  const auto code = [](const CrlFields& fields, const Authority& by) {
    const auto made = build_crl(fields, by.certificate, by.key);
    return made ? "ok" : made.error().code();
  };
  EXPECT_EQ(code(list_of(entries), p256()), "ok");
  CrlFields fields = list_of(entries);
  fields.next_update = fields.this_update;
  EXPECT_EQ(code(fields, p256()), "crypto.crl_build");
  fields = list_of(entries);
  fields.distribution_point = "no url";
  EXPECT_EQ(code(fields, p256()), "crypto.crl_build");
  const CrlEntry nothing[] = {{.serial = {0}, .revocation = {}}};
  EXPECT_EQ(code(list_of(nothing), p256()), "crypto.crl_build");
  const CrlEntry twice[] = {{.serial = {1, 2}}, {.serial = {0, 1, 2}}};
  EXPECT_EQ(code(list_of(twice), p256()), "crypto.crl_build");
  EXPECT_EQ(build_crl(list_of(entries), Certificate(), p256().key).error().code(),
            "crypto.crl_build");
  const PrivateKey stranger = PrivateKey::generate(SignatureAlgorithm::kEcdsaP256).value();
  EXPECT_EQ(build_crl(list_of(entries), p256().certificate, stranger).error().code(),
            "crypto.crl_build");
  const Certificate leaf = make_test_leaf(stranger.public_key(), p256().certificate, p256().key);
  EXPECT_EQ(build_crl(list_of(entries), leaf, stranger).error().code(), "crypto.crl_build");

  Bytes der = build_crl(list_of(entries), p256().certificate, p256().key).value();
  der.back() ^= 1;
  const auto altered = Crl::from_der(der);
  EXPECT_FALSE(altered && altered->verify(p256().certificate));
  der.push_back(0);
  EXPECT_EQ(Crl::from_der(der).error().code(), "crypto.crl_malformed");
  EXPECT_EQ(Crl::from_der({}).error().code(), "crypto.crl_malformed");
}

TEST(Crl, AHundredThousandEntriesTakeLessThanASecond) {
  std::vector<CrlEntry> entries;
  for (std::uint32_t i = 0; i < 100'000; ++i) {
    entries.push_back({.serial = numbered_serial(i),
                       .revocation = {.revoked_at = kTestNow - i * 1000ULL,
                                      .reason = RevocationReason::kSuperseded}});
  }
  const std::clock_t start = std::clock();  // of the processor: others may be busy too
  const Bytes der = build_crl(list_of(entries), p256().certificate, p256().key).value();
  const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  RecordProperty("milliseconds", static_cast<int>(seconds * 1000));
  RecordProperty("bytes", static_cast<int>(der.size()));
#ifndef I2_SANITIZED
  EXPECT_LT(seconds, 1.0);
#endif
  const Crl crl = Crl::from_der(der).value();
  EXPECT_EQ(crl.size(), 100'000U);
  EXPECT_EQ(crl.find(numbered_serial(54'321)), entries[54'321].revocation);
  EXPECT_EQ(crl.find(numbered_serial(100'000)), std::nullopt);
  EXPECT_TRUE(crl.verify(p256().certificate));
}

// --- OCSP ----------------------------------------------------------------------------------------

OcspCertificateId id_of(std::uint32_t number, OcspHash hash = OcspHash::kSha1) {
  return OcspCertificateId::of(numbered_serial(number), p256().certificate, hash).value();
}

OcspResponse three_answers() {
  const auto answer = [](std::uint32_t number, CertificateStatus status) {
    return OcspAnswer{.certificate = id_of(number),
                      .status = status,
                      .revocation = {},
                      .this_update = kTestNow,
                      .next_update = kTestNow + kTestDay};
  };
  OcspResponse out{
      .answers = {answer(1, CertificateStatus::kGood), answer(2, CertificateStatus::kRevoked),
                  answer(3, CertificateStatus::kUnknown)},
      .produced_at = kTestNow + 5000,
      .nonce = Bytes(32, 0x4e)};
  out.answers[1].revocation = {.revoked_at = kTestNow - 60'000,
                               .reason = RevocationReason::kKeyCompromise};
  return out;
}

std::string verify_ocsp(const Bytes& der, const Certificate& issuer, UnixMillis now = kTestNow) {
  const auto result = verify_ocsp_response(der, issuer, now);
  return result ? "ok" : result.error().code();
}

TEST(OcspRequest, SurvivesItsEncoding) {
  const OcspRequest request{.certificates = {id_of(1), id_of(2, OcspHash::kSha256)},
                            .nonce = Bytes(32, 7)};
  const OcspRequest read = parse_ocsp_request(encode(request).value()).value();
  EXPECT_EQ(read.certificates, request.certificates);
  EXPECT_EQ(read.nonce, request.nonce);
  EXPECT_EQ(read.certificates[1].serial(), numbered_serial(2));
  const Authority other(SignatureAlgorithm::kEcdsaP256);
  for (const OcspCertificateId& id : read.certificates) {
    EXPECT_TRUE(id.is_issued_by(p256().certificate));
    EXPECT_FALSE(id.is_issued_by(other.certificate));  // of the same name
  }
  EXPECT_TRUE(
      parse_ocsp_request(encode({.certificates = {id_of(1)}}).value()).value().nonce.empty());
}

TEST(OcspRequest, IsBounded) {
  const auto code = [](const OcspRequest& request) {
    const auto result = parse_ocsp_request(encode(request).value());
    return result ? "ok" : result.error().code();
  };
  const std::vector<OcspCertificateId> most(kOcspCertificatesMax, id_of(1));
  EXPECT_EQ(code({.certificates = most}), "ok");
  EXPECT_EQ(code({.certificates = {}}), "crypto.ocsp_malformed");
  EXPECT_EQ(
      code({.certificates = std::vector<OcspCertificateId>(kOcspCertificatesMax + 1, id_of(1))}),
      "crypto.ocsp_malformed");
  // RFC 9654 §2.1.
  EXPECT_EQ(code({.certificates = {id_of(1)}, .nonce = Bytes(128, 1)}), "ok");
  EXPECT_EQ(code({.certificates = {id_of(1)}, .nonce = Bytes(129, 1)}), "crypto.ocsp_malformed");
  EXPECT_EQ(parse_ocsp_request(Bytes(kOcspRequestSizeMax + 1, 0x30)).error().code(),
            "crypto.ocsp_malformed");
  EXPECT_EQ(parse_ocsp_request({}).error().code(), "crypto.ocsp_malformed");
  Bytes longer = encode({.certificates = {id_of(1)}}).value();
  longer.push_back(0);
  EXPECT_EQ(parse_ocsp_request(longer).error().code(), "crypto.ocsp_malformed");
}

TEST(OcspResponse, TheIssuerAnswersItself) {
  const OcspResponse sent = three_answers();
  const Bytes der =
      build_ocsp_response(sent, {.certificate = p256().certificate, .key = p256().key}).value();
  const OcspResponse read = verify_ocsp_response(der, p256().certificate, kTestNow).value();
  EXPECT_EQ(read.produced_at, sent.produced_at);
  EXPECT_EQ(read.nonce, sent.nonce);
  ASSERT_THAT(read.answers, SizeIs(3));
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(read.answers[i].certificate, sent.answers[i].certificate);
    EXPECT_EQ(read.answers[i].status, sent.answers[i].status);
    EXPECT_EQ(read.answers[i].revocation, sent.answers[i].revocation);
    EXPECT_EQ(read.answers[i].this_update, kTestNow);
    EXPECT_EQ(read.answers[i].next_update, kTestNow + kTestDay);
  }
  EXPECT_LT(der.size(), 700U);
  for (std::size_t at = der.size() - 40; at < der.size(); at += 7) {
    Bytes altered = der;
    altered[at] ^= 1;
    EXPECT_NE(verify_ocsp(altered, p256().certificate), "ok");
  }
  const Authority other(SignatureAlgorithm::kEcdsaP256);
  EXPECT_EQ(verify_ocsp(der, other.certificate), "crypto.untrusted");
}

TEST(OcspResponse, ADelegateNeedsThePurpose) {
  const PrivateKey key = PrivateKey::generate(SignatureAlgorithm::kEcdsaP256).value();
  const auto response_by = [&](std::vector<KeyPurpose> purposes, const Authority& by) {
    const Certificate certificate = build_certificate({.subject_key = key.public_key(),
                                                       .common_name = "responder",
                                                       .not_before = kTestNow,
                                                       .not_after = kTestNow + kTestDay,
                                                       .purposes = std::move(purposes),
                                                       .serial = {7}},
                                                      &by.certificate, by.key)
                                        .value();
    return build_ocsp_response(three_answers(),
                               {.certificate = certificate, .key = key, .delegated = true})
        .value();
  };
  const Bytes good = response_by({KeyPurpose::kOcspSigning}, p256());
  EXPECT_EQ(verify_ocsp(good, p256().certificate), "ok");
  EXPECT_EQ(verify_ocsp(good, p256().certificate, kTestNow - 1), "crypto.untrusted");
  EXPECT_EQ(verify_ocsp(good, p256().certificate, kTestNow + 2 * kTestDay), "crypto.untrusted");
  EXPECT_EQ(verify_ocsp(response_by({KeyPurpose::kServerAuth}, p256()), p256().certificate),
            "crypto.untrusted");
  const Authority other(SignatureAlgorithm::kEcdsaP256);
  EXPECT_EQ(verify_ocsp(response_by({KeyPurpose::kOcspSigning}, other), p256().certificate),
            "crypto.untrusted");
}

TEST(OcspResponse, FalconAnswersToo) {
  const Authority falcon(SignatureAlgorithm::kFalcon1024);
  const OcspResponse sent{
      .answers = {{.certificate = OcspCertificateId::of(numbered_serial(1), falcon.certificate,
                                                        OcspHash::kSha256)
                                      .value(),
                   .status = CertificateStatus::kGood,
                   .revocation = {},
                   .this_update = kTestNow,
                   .next_update = kTestNow + kTestDay}},
      .produced_at = kTestNow,
      .nonce = {}};
  const Bytes der =
      build_ocsp_response(sent, {.certificate = falcon.certificate, .key = falcon.key}).value();
  EXPECT_EQ(verify_ocsp(der, falcon.certificate), "ok");
}

TEST(OcspResponse, ErrorsAreNotSigned) {
  // RFC 6960 §4.2.1: SEQUENCE {ENUMERATED}.
  EXPECT_EQ(to_hex(ocsp_error(OcspError::kMalformedRequest)), "30030a0101");
  EXPECT_EQ(to_hex(ocsp_error(OcspError::kUnauthorized)), "30030a0106");
  const auto refused =
      verify_ocsp_response(ocsp_error(OcspError::kTryLater), p256().certificate, kTestNow);
  EXPECT_EQ(refused.error().code(), "crypto.ocsp_refused");
  EXPECT_EQ(refused.error().native(), 3);
  EXPECT_EQ(verify_ocsp({}, p256().certificate), "crypto.ocsp_malformed");
  EXPECT_EQ(build_ocsp_response(three_answers(), {}).error().code(), "crypto.ocsp_build");
}

}  // namespace
}  // namespace i2::crypto
