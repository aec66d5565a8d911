// What an authority remembers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <i2/crypto/hash.h>
#include <i2/trustchain/testing/authority.h>
#include <i2/trustchain/testing/temp_dir.h>

namespace i2::trustchain {
namespace {

using testing::code;
using ::testing::ElementsAre;
using testing::kStart;
using testing::TempDir;

Intent intent(std::uint8_t last, std::string name = "web.example",
              std::string requester = "account 7") {
  Intent out{.profile = Profile::kServer, .logged = true};
  out.issuer_key_hash.fill(3);
  out.serial = Bytes(16, 0x11);
  out.serial.back() = last;
  out.common_name = name;
  out.dns_names = {std::move(name)};
  out.not_after = kStart + kLeafLifeMs;
  out.requester = std::move(requester);
  out.decided_at = kStart + last;
  return out;
}

CertificateRecord issued(const Intent& of) {
  return {.intent = of,
          .state = RecordState::kIssued,
          .changed_at = of.decided_at + 1,
          .certificate = of.serial,
          .log_index = 5};
}

std::vector<std::uint8_t> lasts(const CertificatePage& page) {
  std::vector<std::uint8_t> out;
  for (const CertificateRecord& record : page.records) {
    out.push_back(record.intent.serial.back());
  }
  return out;
}

class Records : public ::testing::Test {
 protected:
  void open(UnixMillis now = kStart) {
    store_.reset();
    store_ = CertificateStore::open(place_ / "issued", now).value();
  }
  void SetUp() override { open(); }

  TempDir place_;
  std::unique_ptr<CertificateStore> store_;
};

TEST_F(Records, AreFoundBySerialAndFingerprint) {
  const Intent one = intent(1);
  ASSERT_TRUE(store_->begin(std::span(&one, 1), {}));
  EXPECT_EQ(store_->find(one.serial)->value().state, RecordState::kOpen);
  const CertificateRecord done = issued(one);
  ASSERT_TRUE(store_->finish(std::span(&done, 1), {}));
  open();
  EXPECT_EQ(store_->abandoned(), 0u);
  EXPECT_EQ(store_->find(one.serial)->value(), done);
  EXPECT_EQ(store_->find_fingerprint(crypto::sha256(done.certificate))->value(), done);
  EXPECT_FALSE(store_->find(Bytes(16, 1))->has_value());
  EXPECT_FALSE(store_->find_fingerprint({})->has_value());
}

TEST_F(Records, AreAbandonedWhenACrashLeftThemOpen) {
  const std::vector<Intent> both = {intent(1), intent(2)};
  ASSERT_TRUE(store_->begin(both, {}));
  const CertificateRecord done = issued(both[1]);
  ASSERT_TRUE(store_->finish(std::span(&done, 1), {}));
  open(kStart + 1000);
  EXPECT_EQ(store_->abandoned(), 1u);
  const auto left = store_->find(both[0].serial)->value();
  EXPECT_EQ(left.state, RecordState::kAbandoned);
  EXPECT_EQ(left.changed_at, kStart + 1000);
  std::vector<std::string> audit;
  ASSERT_TRUE(read_audit(store_->database(), 1, [&](const AuditEntry& entry) {
    audit.push_back(entry.action + " " + entry.subject + " " + std::string(name(entry.outcome)));
    return true;
  }));
  EXPECT_THAT(audit, ElementsAre("abandon " + to_hex(both[0].serial) + " failed"));
  open(kStart + 2000);
  EXPECT_EQ(store_->abandoned(), 0u);
}

TEST_F(Records, AreListedByNameRequesterAndTime) {
  const std::vector<Intent> all = {intent(1), intent(2, "mail.example"),
                                   intent(3, "web.example", "b"),
                                   intent(4, "web.example.org", "account 70")};
  ASSERT_TRUE(store_->begin(all, {}));
  EXPECT_THAT(lasts(store_->list({}).value()), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(lasts(store_->list({.name = "web.example"}).value()), ElementsAre(1, 3));
  EXPECT_THAT(lasts(store_->list({.requester = "account 7"}).value()), ElementsAre(1, 2));
  EXPECT_THAT(lasts(store_->list({.name = "mail.example", .requester = "account 7"}).value()),
              ElementsAre(2));
  EXPECT_THAT(lasts(store_->list({.from = kStart + 2, .until = kStart + 4}).value()),
              ElementsAre(2, 3));
  EXPECT_THAT(lasts(store_->list({.name = "none"}).value()), ElementsAre());
}

TEST_F(Records, AreListedInPages) {
  const std::vector<Intent> all = {intent(1), intent(2), intent(3)};
  ASSERT_TRUE(store_->begin(all, {}));
  auto page = store_->list({.limit = 2}).value();
  EXPECT_THAT(lasts(page), ElementsAre(1, 2));
  ASSERT_FALSE(page.next.empty());
  page = store_->list({.limit = 2, .after = page.next}).value();
  EXPECT_THAT(lasts(page), ElementsAre(3));
  EXPECT_TRUE(page.next.empty());
  EXPECT_TRUE(store_->list({.limit = 3})->next.empty());
}

TEST_F(Records, AreNumberedAsTheyAreIssued) {
  const std::array intents{intent(1), intent(2), intent(3)};
  ASSERT_TRUE(store_->begin(intents, {}));
  CertificateRecord failed = issued(intents[2]);
  failed.state = RecordState::kFailed;
  ASSERT_TRUE(store_->finish(std::array{issued(intents[1]), failed}, {}));
  ASSERT_TRUE(store_->finish(std::array{issued(intents[0])}, {}));
  EXPECT_EQ(store_->issued(), 2U);
  EXPECT_EQ(store_->indexed().value(), 0U);
  const auto all = store_->issued_after(0, 10).value();
  EXPECT_THAT(all, ElementsAre(issued(intents[1]), issued(intents[0])));

  ASSERT_TRUE(store_->set_indexed(1));
  open();
  EXPECT_EQ(store_->issued(), 2U);
  EXPECT_EQ(store_->indexed().value(), 1U);
  EXPECT_THAT(store_->issued_after(1, 10).value(), ElementsAre(issued(intents[0])));
  EXPECT_THAT(store_->issued_after(0, 1).value(), ElementsAre(issued(intents[1])));
  EXPECT_TRUE(store_->issued_after(2, 10).value().empty());
}

TEST_F(Records, KeepTheFirstRevocation) {
  const Intent one = intent(1);
  ASSERT_TRUE(store_->begin(std::span(&one, 1), {}));
  const CertificateRecord record = issued(one);
  const crypto::Revocation first{.revoked_at = kStart,
                                 .reason = crypto::RevocationReason::kKeyCompromise};
  EXPECT_EQ(store_->revoke(std::span(&record, 1), first, {}).value().size(), 1u);
  EXPECT_EQ(store_->revoke(std::span(&record, 1), {.revoked_at = kStart + 1}, {}).value().size(),
            0u);
  open();
  EXPECT_EQ(store_->revocation(one.issuer_key_hash, one.serial)->value(), first);
  const std::uint8_t shard = crl_shard(one.serial);
  const auto listed = store_->revoked(one.issuer_key_hash, shard).value();
  ASSERT_EQ(listed.size(), 1u);
  EXPECT_EQ(listed[0].serial, one.serial);
  EXPECT_EQ(listed[0].not_after, one.not_after);
  EXPECT_EQ(store_->revoked(one.issuer_key_hash, std::nullopt)->size(), 1u);
  EXPECT_EQ(store_->revoked(one.issuer_key_hash, (shard + 1) % kCrlShards)->size(), 0u);
}

TEST_F(Records, NumbersOfListsOnlyGrow) {
  const Hash256 issuer{1};
  EXPECT_EQ(store_->next_crl_number(issuer, 3, kStart).value(), kStart);
  EXPECT_EQ(store_->next_crl_number(issuer, 3, kStart).value(), kStart + 1);
  EXPECT_EQ(store_->next_crl_number(issuer, std::nullopt, kStart + 9).value(), kStart + 9);
  open(kStart - 1000);
  EXPECT_EQ(store_->next_crl_number(issuer, 3, kStart - 1000).value(), kStart + 2);
  EXPECT_EQ(store_->next_crl_number(issuer, 3, kStart + 10).value(), kStart + 10);
}

TEST_F(Records, RememberIssuers) {
  const auto authority = testing::make_authority();
  const std::vector<crypto::Certificate> chain = {authority.certificate, authority.root};
  ASSERT_TRUE(store_->add_issuer(chain));
  open();
  const auto read = store_->issuer(authority.key.public_key().spki_sha256()).value();
  ASSERT_EQ(read.size(), 2u);
  EXPECT_EQ(read[1].der(), authority.root.der());
  EXPECT_TRUE(store_->issuer({})->empty());
}

TEST(CertificateRecordForm, IsStrict) {
  const CertificateRecord one = issued(intent(1));
  const Bytes encoding = encode(one);
  EXPECT_EQ(decode_certificate_record(encoding).value(), one);
  for (std::size_t size = 0; size < encoding.size(); ++size) {
    EXPECT_EQ(code(decode_certificate_record(ByteView(encoding).first(size))),
              "trust.record_invalid");
  }
  CertificateRecord open = one;
  open.state = RecordState::kOpen;  // with a certificate
  EXPECT_EQ(code(decode_certificate_record(encode(open))), "trust.record_invalid");
}

TEST(CertificateSerial, IsAsInTheCertificate) {
  for (int i = 0; i < 100; ++i) {
    const Bytes serial = random_certificate_serial();
    ASSERT_EQ(serial.size(), 16u);
    EXPECT_GT(serial.front(), 0);
    EXPECT_LT(serial.front(), 0x80);
  }
}

}  // namespace
}  // namespace i2::trustchain
