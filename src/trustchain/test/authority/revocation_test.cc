// Taking certificates back; lists and OCSP.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <i2/trustchain/revocation_service.h>
#include <i2/trustchain/testing/authority.h>
#include <i2/trustchain/testing/temp_dir.h>

#include <utility>

namespace i2::trustchain {
namespace {

using namespace testing;
using crypto::CertificateStatus;
using crypto::OcspHash;
using crypto::RevocationReason;

constexpr UnixMillis kDay = 24 * 3600 * 1000ULL;

class Revoking : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(add_to(issuers_, ordinary_)); }
  crypto::Certificate issue(const std::string& requester = "account 7") {
    return issue_and_wait(authority_, request_for(subject_key(), "web.example"),
                          server("web.example", requester))
        .value()
        .certificate;
  }
  SignerPtr signer() { return issuers_.current(IssuerKind::kOrdinary, clock_.time); }
  crypto::Crl list(std::optional<std::uint8_t> shard = {}) {
    return crypto::Crl::from_der(*service_.crl(*signer(), shard).value()).value();
  }
  crypto::OcspResponse ask(ByteView serial, Bytes nonce = {}) {
    const auto id =
        crypto::OcspCertificateId::of(serial, ordinary_.certificate, OcspHash::kSha1).value();
    const auto request =
        encode(crypto::OcspRequest{.certificates = {id}, .nonce = std::move(nonce)}).value();
    return crypto::verify_ocsp_response(service_.ocsp(request), ordinary_.certificate, clock_.time)
        .value();
  }

  TempDir place_;
  SettableClock clock_;
  Pool pool_{2};
  OrdinaryAuthority ordinary_ = make_authority();
  std::unique_ptr<CertificateStore> store_ =
      CertificateStore::open(place_ / "issued", kStart).value();
  IssuerSet issuers_{*store_, "http://ca/ca"};
  CertificateAuthority authority_{
      {.store = *store_, .issuers = issuers_, .clock = clock_, .post = pool_.poster()}};
  std::vector<RevokedCertificate> changed_;
  RevocationService service_{{.store = *store_,
                              .issuers = issuers_,
                              .clock = clock_,
                              .changed = [this](std::span<const RevokedCertificate> revoked) {
                                changed_.insert(changed_.end(), revoked.begin(), revoked.end());
                              }}};
};

TEST_F(Revoking, IsOnTheListAtOnce) {
  const auto one = issue();
  const std::uint8_t shard = crl_shard(one.serial());
  EXPECT_EQ(list(shard).size(), 0u);
  EXPECT_EQ(list(shard).number(), kStart);  // kept
  clock_.time += 1000;
  ASSERT_TRUE(service_.revoke(one.serial(), RevocationReason::kKeyCompromise, "operator"));
  ASSERT_EQ(changed_.size(), 1u);
  EXPECT_EQ(changed_[0].serial, one.serial());
  const auto made = list(shard);
  EXPECT_EQ(made.number(), kStart + 1000);
  EXPECT_TRUE(made.verify(ordinary_.certificate));
  EXPECT_EQ(made.distribution_point(), one.fields().crl_urls.front());
  EXPECT_EQ(made.find(one.serial()),
            (crypto::Revocation{.revoked_at = kStart + 1000,
                                .reason = RevocationReason::kKeyCompromise}));
  EXPECT_EQ(list((shard + 1) % kCrlShards).size(), 0u);
  EXPECT_EQ(list().size(), 1u);
  EXPECT_EQ(list().distribution_point(), "");
}

TEST_F(Revoking, HappensOnce) {
  const auto one = issue();
  ASSERT_TRUE(service_.revoke(one.serial(), RevocationReason::kSuperseded, "operator"));
  EXPECT_EQ(code(service_.revoke(one.serial(), RevocationReason::kKeyCompromise, "operator")),
            "trust.already_revoked");
  EXPECT_EQ(code(service_.revoke(Bytes(16, 1), RevocationReason::kKeyCompromise, "operator")),
            "trust.certificate_unknown");
  EXPECT_EQ(changed_.size(), 1u);
}

TEST_F(Revoking, TakesEverythingOfARequester) {
  issue("a");
  clock_.time += 2 * kDay;
  const auto second = issue("a");
  const auto third = issue("a");
  const auto other = issue("b");
  EXPECT_EQ(service_.revoke_requester("a", RevocationReason::kCessationOfOperation, "op").value(),
            2u);
  EXPECT_TRUE(list().find(second.serial()));
  EXPECT_TRUE(list().find(third.serial()));
  EXPECT_FALSE(list().find(other.serial()));
  EXPECT_EQ(service_.revoke_requester("a", RevocationReason::kCessationOfOperation, "op").value(),
            0u);
}

TEST_F(Revoking, ListsFollowTheClock) {
  const auto one = issue();
  ASSERT_TRUE(service_.revoke(one.serial(), RevocationReason::kSuperseded, "operator"));
  EXPECT_EQ(list().this_update(), kStart);
  EXPECT_EQ(list().next_update(), kStart + kCrlLifeMs);
  clock_.time = kStart + kCrlRenewalMs;
  EXPECT_EQ(list().this_update(), kStart + kCrlRenewalMs);
  // A day ahead and back: newer numbers, honest times, nothing dropped.
  clock_.time = kStart + 3 * kDay;
  EXPECT_FALSE(list().find(one.serial()));  // expired by that clock
  const std::uint64_t ahead = list().number();
  clock_.time = kStart + 1000;
  EXPECT_EQ(list().this_update(), kStart + 1000);
  EXPECT_GT(list().number(), ahead);
  EXPECT_TRUE(list().find(one.serial()));
}

TEST_F(Revoking, AnswersOcsp) {
  const auto one = issue();
  auto answer = ask(one.serial());
  ASSERT_EQ(answer.answers.size(), 1u);
  EXPECT_EQ(answer.answers[0].status, CertificateStatus::kGood);
  clock_.time += 1000;
  EXPECT_EQ(ask(one.serial()).produced_at, kStart);  // kept
  EXPECT_EQ(ask(one.serial(), Bytes(16, 7)).nonce, Bytes(16, 7));
  EXPECT_EQ(ask(one.serial(), Bytes(16, 7)).produced_at, kStart + 1000);
  ASSERT_TRUE(service_.revoke(one.serial(), RevocationReason::kSuperseded, "operator"));
  answer = ask(one.serial());
  EXPECT_EQ(answer.answers[0].status, CertificateStatus::kRevoked);
  EXPECT_EQ(answer.answers[0].revocation.reason, RevocationReason::kSuperseded);
  EXPECT_EQ(ask(Bytes(16, 5)).answers[0].status, CertificateStatus::kUnknown);
  clock_.time -= kDay;
  EXPECT_EQ(ask(one.serial()).produced_at, clock_.time);
}

TEST_F(Revoking, AnswersNobodyElsesQuestions) {
  const auto stranger = make_authority();
  const auto id =
      crypto::OcspCertificateId::of(Bytes(16, 1), stranger.certificate, OcspHash::kSha256).value();
  const auto request = encode(crypto::OcspRequest{.certificates = {id}}).value();
  EXPECT_EQ(service_.ocsp(request), crypto::ocsp_error(crypto::OcspError::kUnauthorized));
  EXPECT_EQ(service_.ocsp({}), crypto::ocsp_error(crypto::OcspError::kMalformedRequest));
}

TEST_F(Revoking, TakesOverWhatTheFleetHasRevoked) {
  const auto one = issue();
  const Hash256 key = signer()->key_hash;
  const std::array revoked{
      RevokedCertificate{
          .issuer_key_hash = key,
          .serial = one.serial(),
          .revocation = {.revoked_at = kStart - 5000, .reason = RevocationReason::kKeyCompromise},
          .not_after = one.not_after()},
      RevokedCertificate{.issuer_key_hash = key,
                         .serial = Bytes(16, 9),  // of which there is no record
                         .revocation = {.revoked_at = kStart},
                         .not_after = kStart + kDay}};
  EXPECT_EQ(service_.record(revoked, "fleet")->size(), 2u);
  EXPECT_EQ(changed_.size(), 2u);
  EXPECT_EQ(list().find(one.serial())->revoked_at, kStart - 5000);
  EXPECT_TRUE(list().find(Bytes(16, 9)));
  EXPECT_EQ(ask(one.serial()).answers[0].revocation.reason, RevocationReason::kKeyCompromise);
  EXPECT_EQ(ask(Bytes(16, 9)).answers[0].status, CertificateStatus::kRevoked);

  EXPECT_TRUE(service_.record(revoked, "fleet")->empty());
  EXPECT_EQ(changed_.size(), 2u);
}

// Falcon: this project's own implementation checks what it has signed.
TEST_F(Revoking, AnchorsSignListsAndAnswers) {
  const auto key = crypto::PrivateKey::generate(crypto::SignatureAlgorithm::kFalcon1024).value();
  const auto anchor =
      make_anchor_certificate(key, kStart - kLeafBackdateMs, kStart + kAnchorLifeMs, Bytes(16, 1))
          .value();
  ASSERT_TRUE(issuers_.add(IssuerKind::kAnchor,
                           {.certificate = anchor,
                            .key = key,
                            .not_before = kStart - kLeafBackdateMs,
                            .not_after = kStart + kAnchorLifeMs},
                           {anchor}));
  const auto wanted = make_leaf_request("alpha", "home").value();
  const auto leaf =
      issue_and_wait(
          authority_, wanted.request,
          {.profile = Profile::kNode,
           .applicant = {.role = Requester::kNode, .member_name = "alpha", .fleet_name = "home"},
           .requester = "alpha",
           .common_name = "alpha",
           .dns_names = {leaf_dns_name("alpha", "home")}})
          .value()
          .certificate;
  const auto question = [&](ByteView serial, Bytes nonce = {}) {
    const auto id = crypto::OcspCertificateId::of(serial, anchor, OcspHash::kSha256).value();
    return service_.ocsp(
        encode(crypto::OcspRequest{.certificates = {id}, .nonce = std::move(nonce)}).value());
  };
  const auto status = [&](ByteView serial) {
    return crypto::verify_ocsp_response(question(serial), anchor, clock_.time)
        .value()
        .answers[0]
        .status;
  };
  EXPECT_EQ(status(leaf.serial()), CertificateStatus::kGood);
  ASSERT_TRUE(service_.revoke(leaf.serial(), RevocationReason::kKeyCompromise, "operator"));
  EXPECT_EQ(status(leaf.serial()), CertificateStatus::kRevoked);
  const SignerPtr by = issuers_.current(IssuerKind::kAnchor, clock_.time);
  const auto made = crypto::Crl::from_der(**service_.crl(*by, std::nullopt)).value();
  EXPECT_TRUE(made.verify(anchor));
  EXPECT_FALSE(made.verify(ordinary_.certificate));
  EXPECT_TRUE(made.find(leaf.serial()));

  const Bytes unauthorized = crypto::ocsp_error(crypto::OcspError::kUnauthorized);
  EXPECT_EQ(question(Bytes(16, 5)), unauthorized);
  EXPECT_EQ(question(leaf.serial(), Bytes(16, 7)), unauthorized);
  for (std::uint32_t i = 0; i < kAnchorAnswers.count; ++i) {
    clock_.time += kOcspRenewalMs;  // and the ticks stand still
    if (question(leaf.serial()) == crypto::ocsp_error(crypto::OcspError::kTryLater)) {
      break;
    }
  }
  EXPECT_EQ(question(leaf.serial()), crypto::ocsp_error(crypto::OcspError::kTryLater));
  clock_.ticks += 60 * kSecond;
  EXPECT_NE(question(leaf.serial()), crypto::ocsp_error(crypto::OcspError::kTryLater));
}

TEST_F(Revoking, GoesOnWithAnOldKey) {
  const auto one = issue();
  const SignerPtr old = signer();
  ASSERT_TRUE(add_to(issuers_, make_authority()));
  ASSERT_NE(signer(), old);
  ASSERT_TRUE(service_.revoke(one.serial(), RevocationReason::kSuperseded, "operator"));
  const auto made = crypto::Crl::from_der(**service_.crl(*old, std::nullopt)).value();
  EXPECT_TRUE(made.verify(ordinary_.certificate));
  EXPECT_TRUE(made.find(one.serial()));
  EXPECT_EQ(list().size(), 0u);
  EXPECT_EQ(ask(one.serial()).answers[0].status, CertificateStatus::kRevoked);
}

}  // namespace
}  // namespace i2::trustchain
