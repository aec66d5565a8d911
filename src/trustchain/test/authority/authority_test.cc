// Issuing in batches: what comes out, what is refused, and what stays behind.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <i2/trustchain/testing/authority.h>
#include <i2/trustchain/testing/temp_dir.h>

#include <array>

namespace i2::trustchain {
namespace {

using namespace testing;
using ::testing::HasSubstr;

class Authority : public ::testing::Test {
 protected:
  void SetUp() override { start({}); }
  void start(AuthorityLimits limits, bool logged = true) {
    authority_.reset();
    issuers_.reset();
    store_.reset();
    store_ = CertificateStore::open(place_ / "issued", clock_.time).value();
    issuers_.emplace(*store_, "http://ca.home.i2.internal/ca");
    ASSERT_TRUE(add_to(*issuers_, ordinary_));
    authority_.emplace(CertificateAuthority::Parts{.store = *store_,
                                                   .issuers = *issuers_,
                                                   .clock = clock_,
                                                   .post = pool_.poster(),
                                                   .log = logged ? &log_ : nullptr,
                                                   .limits = limits});
  }
  Result<Issued> issue(const std::string& name = "web.example",
                       const std::string& requester = "account 7") {
    return issue_and_wait(*authority_, request_for(subject_key(), name), server(name, requester));
  }
  std::vector<AuditEntry> audit() {
    std::vector<AuditEntry> out;
    EXPECT_TRUE(read_audit(store_->database(), 1, [&](const AuditEntry& entry) {
      out.push_back(entry);
      return true;
    }));
    return out;
  }

  TempDir place_;
  SettableClock clock_;
  PromisingLog log_{clock_};
  Pool pool_{2};
  OrdinaryAuthority ordinary_ = make_authority();
  std::unique_ptr<CertificateStore> store_;
  std::optional<IssuerSet> issuers_;
  std::optional<CertificateAuthority> authority_;
};

TEST_F(Authority, IssuesStoresAndLogs) {
  const auto issued = issue();
  ASSERT_TRUE(issued) << issued.error().to_string();
  const crypto::Certificate& made = issued->certificate;
  EXPECT_TRUE(crypto::verify_chain(made, std::span(&ordinary_.certificate, 1), ordinary_.root,
                                   clock_.time));
  const auto fields = made.fields();
  ASSERT_EQ(fields.scts.size(), 1u);
  EXPECT_EQ(fields.scts.front(), issued->sct);
  ct::Submission submission;
  submission.type = ct::EntryType::kPrecert;
  const auto entry = crypto::precertificate_entry(made, ordinary_.certificate).value();
  submission.issuer_key_hash = entry.issuer_key_hash;
  submission.certificate = entry.tbs;
  EXPECT_TRUE(ct::verify_sct(ct::decode_sct(issued->sct).value(), submission, log_.key()));
  const std::string shard = std::to_string(crl_shard(made.serial()));
  EXPECT_EQ(fields.crl_urls.front(),
            "http://ca.home.i2.internal/ca/crl/" + issued->signer->id + "/" + shard);
  EXPECT_EQ(fields.ocsp_urls.front(), "http://ca.home.i2.internal/ca/ocsp");

  const auto record = store_->find(made.serial()).value().value();
  EXPECT_EQ(record.state, RecordState::kIssued);
  EXPECT_EQ(record.certificate, made.der());
  EXPECT_EQ(record.log_index, 0u);
  EXPECT_EQ(record.intent.requester, "account 7");
  ASSERT_EQ(audit().size(), 1u);
  EXPECT_EQ(audit()[0].subject, to_hex(made.serial()));
  EXPECT_EQ(audit()[0].outcome, AuditOutcome::kAllowed);
}

TEST_F(Authority, IssuesWithoutALog) {
  start({}, false);
  const auto issued = issue();
  ASSERT_TRUE(issued) << issued.error().to_string();
  EXPECT_TRUE(issued->sct.empty());
  EXPECT_TRUE(issued->certificate.fields().scts.empty());
  EXPECT_FALSE(store_->find(issued->certificate.serial())->value().log_index);
}

TEST_F(Authority, IssuesNodesUnderTheAnchor) {
  const auto key = crypto::PrivateKey::generate(crypto::SignatureAlgorithm::kFalcon1024).value();
  const auto certificate =
      make_anchor_certificate(key, kStart - kLeafBackdateMs, kStart + kAnchorLifeMs, Bytes(16, 1))
          .value();
  ASSERT_TRUE(issuers_->add(IssuerKind::kAnchor,
                            {.certificate = certificate,
                             .key = key,
                             .not_before = kStart - kLeafBackdateMs,
                             .not_after = kStart + kAnchorLifeMs},
                            {certificate}));
  auto wanted = make_leaf_request("alpha", "home").value();
  const auto issued = issue_and_wait(
      *authority_, wanted.request,
      {.profile = Profile::kNode,
       .applicant = {.role = Requester::kNode, .member_name = "alpha", .fleet_name = "home"},
       .requester = "alpha",
       .common_name = "alpha",
       .dns_names = {leaf_dns_name("alpha", "home")}});
  ASSERT_TRUE(issued) << issued.error().to_string();
  EXPECT_TRUE(
      crypto::verify_certificate(issued->certificate, std::span(&certificate, 1), clock_.time));
  EXPECT_TRUE(issued->certificate.fields().crl_urls.empty());  // the first flight is small
}

TEST_F(Authority, RefusesWhatPolicyRefuses) {
  Application foreign = server("web.example");
  foreign.dns_names.push_back("web.other");
  EXPECT_EQ(code(issue_and_wait(*authority_, request_for(subject_key(), "web.example"), foreign)),
            "trust.request_name");
  // Signed by another key than the one it has.
  Bytes csr = request_for(subject_key(), "web.example").der();
  csr.back() ^= 1;
  const auto forged = crypto::CertificateRequest::from_der(csr);
  ASSERT_TRUE(forged);
  EXPECT_EQ(code(issue_and_wait(*authority_, *forged, server("web.example"))),
            "trust.request_possession");
  const auto entries = audit();
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].outcome, AuditOutcome::kRefused);
  EXPECT_EQ(entries[0].subject, "web.example");
  EXPECT_THAT(entries[0].rule, HasSubstr("trust.request_name"));
  EXPECT_TRUE(store_->list({})->records.empty());
  EXPECT_EQ(authority_->stats().refused, 2u);
  EXPECT_TRUE(issue());
}

TEST_F(Authority, OneRefusalDoesNotHarmItsBatch) {
  std::array<std::promise<Result<Issued>>, 20> answers;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    Application wish = server("web.example");
    wish.dns_names = {i % 4 == 0 ? "web.other" : "web.example"};
    authority_->issue(
        request_for(subject_key(), "web.example"), wish,
        [&answer = answers[i]](Result<Issued> issued) { answer.set_value(std::move(issued)); });
  }
  for (std::size_t i = 0; i < answers.size(); ++i) {
    EXPECT_EQ(code(answers[i].get_future().get()), i % 4 == 0 ? "trust.request_name" : "ok") << i;
  }
  EXPECT_EQ(authority_->stats().issued, 15u);
  EXPECT_LT(authority_->stats().batches, 20u);
}

TEST_F(Authority, FailsWithItsLog) {
  log_.mute = true;
  std::promise<Result<Issued>> answer;
  authority_->issue(request_for(subject_key(), "web.example"), server("web.example"),
                    [&](Result<Issued> issued) { answer.set_value(std::move(issued)); });
  while (log_.kept() == 0) {
    std::this_thread::yield();
  }
  log_.refuse_all();
  EXPECT_EQ(code(answer.get_future().get()), "trust.log_stopped");
  const auto page = store_->list({}).value();
  ASSERT_EQ(page.records.size(), 1u);
  EXPECT_EQ(page.records[0].state, RecordState::kFailed);
  EXPECT_EQ(audit().back().outcome, AuditOutcome::kFailed);
}

TEST_F(Authority, StopsWhileTheLogIsSilent) {
  log_.mute = true;
  std::promise<Result<Issued>> answer;
  authority_->issue(request_for(subject_key(), "web.example"), server("web.example"),
                    [&](Result<Issued> issued) { answer.set_value(std::move(issued)); });
  while (log_.kept() == 0) {
    std::this_thread::yield();
  }
  authority_->stop();
  EXPECT_EQ(code(answer.get_future().get()), "trust.authority_stopped");
  EXPECT_EQ(code(issue()), "trust.authority_stopped");
  log_.refuse_all();  // too late: nothing happens
  start({});
  EXPECT_EQ(store_->abandoned(), 1u);
}

TEST_F(Authority, HasLimits) {
  start({.waiting_max = 1, .batches_max = 0});
  std::promise<Result<Issued>> first;
  authority_->issue(request_for(subject_key(), "web.example"), server("web.example"),
                    [&](Result<Issued> issued) { first.set_value(std::move(issued)); });
  EXPECT_EQ(code(issue()), "trust.overloaded");
  EXPECT_EQ(authority_->stats().waiting, 1u);
  authority_->stop();
  EXPECT_EQ(code(first.get_future().get()), "trust.authority_stopped");
}

TEST_F(Authority, LimitsTheRateOfEveryRequester) {
  start({.per_requester = {.count = 2, .window_ms = 60'000}});
  EXPECT_EQ(code(issue("web.example", "a")), "ok");
  EXPECT_EQ(code(issue("web.example", "a")), "ok");
  EXPECT_EQ(code(issue("web.example", "a")), "trust.rate_limited");
  EXPECT_EQ(code(issue("web.example", "b")), "ok");
  clock_.time -= 24 * 3600 * 1000ULL;  // the wall clock does not count
  clock_.ticks += 30 * kSecond;
  EXPECT_EQ(authority_->stats().refused, 1u);
  clock_.time += 24 * 3600 * 1000ULL;
  EXPECT_EQ(code(issue("web.example", "a")), "ok");
}

TEST_F(Authority, NeedsAKey) {
  auto wanted = make_leaf_request("alpha", "home").value();
  EXPECT_EQ(code(issue_and_wait(*authority_, wanted.request, {.profile = Profile::kNode})),
            "trust.no_issuer");
}

TEST_F(Authority, ChangesItsKeyWithoutHarmToTheOldOne) {
  const auto before = issue().value();
  const auto next = make_authority(kStart + 1000);
  ASSERT_TRUE(add_to(*issuers_, next));
  // Not valid yet: the old key goes on.
  clock_.time = kStart - kLeafBackdateMs;
  EXPECT_EQ(issue()->signer->key_hash, before.signer->key_hash);
  clock_.time = kStart + 2000;
  const auto after = issue().value();
  EXPECT_EQ(after.signer->key_hash, next.key.public_key().spki_sha256());
  EXPECT_TRUE(crypto::verify_chain(before.certificate, std::span(&ordinary_.certificate, 1),
                                   ordinary_.root, clock_.time));
  EXPECT_EQ(issuers_->find_id(before.signer->id), issuers_->find(before.signer->key_hash));
}

TEST_F(Authority, FollowsTheClockAndNothingElse) {
  const auto first = issue()->certificate;
  clock_.time = kStart + 24 * 3600 * 1000ULL;
  const auto later = issue()->certificate;
  EXPECT_EQ(later.not_before() - first.not_before(), 24 * 3600 * 1000ULL);
  EXPECT_EQ(later.not_after() - later.not_before(), kLeafLifeMs);
  clock_.time = kStart - 24 * 3600 * 1000ULL;  // before the key's time
  EXPECT_EQ(code(issue()), "trust.anchor_not_valid");
  clock_.time = kStart;
  EXPECT_EQ(issue()->certificate.not_after(), first.not_after());
}

}  // namespace
}  // namespace i2::trustchain
