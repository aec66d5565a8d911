// What an authority hands in to the fleet's state, and what it takes from it.
#include "../src/certificate_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <i2/trustchain/testing/authority.h>
#include <i2/trustchain/testing/temp_dir.h>

#include <boost/asio/post.hpp>
#include <condition_variable>
#include <deque>

#include "../src/revocation_sync.h"

namespace i2::node {
namespace {

using crypto::RevocationReason;
using ::testing::ElementsAre;
using trustchain::CertificateId;
using trustchain::IndexCertificates;
using trustchain::RevokeCertificates;
using trustchain::testing::kStart;

ports::AccountId account(std::uint8_t number) {
  ports::AccountId out;
  out.bytes.fill(number);
  return out;
}

// A member is called by one letter.
ports::AccountId account_of_letter(std::string_view requester) {
  return account(requester.size() == 1 ? static_cast<std::uint8_t>(requester.front()) : 1);
}

// Answers what is handed in as it is told, and remembers it.
class Orders {
 public:
  CertificateIndex::Submit submit() {
    return [this](std::vector<fleet::Request> changes, const fleet::Account::Done& done) {
      Result<ports::Receipt> answer = ports::Receipt{};
      {
        const std::scoped_lock lock(mutex_);
        if (!answers_.empty()) {
          answer = fail(answers_.front());
          answers_.pop_front();
        }
        given_.push_back(std::move(changes));
      }
      changed_.notify_all();
      done(std::move(answer));
    };
  }
  // Of the next ones; after them all is well.
  void answer(std::deque<Error> answers) {
    const std::scoped_lock lock(mutex_);
    answers_ = std::move(answers);
  }
  // When there are so many.
  std::vector<std::vector<fleet::Request>> wait(std::size_t count) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(
        changed_.wait_for(lock, std::chrono::seconds(30), [&] { return given_.size() >= count; }));
    return given_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Error> answers_;
  std::vector<std::vector<fleet::Request>> given_;
};

template <class Body>
Body body_of(const fleet::Request& request) {
  return std::get<Body>(trustchain::decode_trust_operation(request.kind, request.body).value());
}

class Handing : public ::testing::Test {
 protected:
  Handing() : runtime_({.workers = 1}) {
    EXPECT_TRUE(trustchain::testing::add_to(issuers_, ordinary_));
  }
  void TearDown() override {
    on_control([this] {
      if (index_) {
        index_->stop();
      }
      if (sync_) {
        sync_->stop();
      }
    });
    EXPECT_TRUE(tasks_.wait(30 * kSecond));
  }
  void on_control(std::function<void()> work) {
    std::promise<void> done;
    boost::asio::post(runtime_.control(), [&] {
      work();
      done.set_value();
    });
    done.get_future().get();
  }

  trustchain::CertificateRecord record(std::uint8_t number, std::string requester) const {
    trustchain::CertificateRecord out{.state = trustchain::RecordState::kIssued};
    out.intent = {.profile = trustchain::Profile::kServer,
                  .issuer_key_hash = key_hash_,
                  .serial = Bytes(16, number),
                  .common_name = "web.example",
                  .not_before = kStart - trustchain::kLeafBackdateMs,
                  .not_after = kStart + trustchain::kLeafLifeMs - trustchain::kLeafBackdateMs,
                  .requester = std::move(requester),
                  .decided_at = kStart};
    out.certificate = out.intent.serial;
    return out;
  }
  static CertificateId id(const trustchain::CertificateRecord& record) {
    return {.not_after = record.intent.not_after,
            .issuer = record.intent.issuer_key_hash,
            .serial = record.intent.serial};
  }
  void issue(const trustchain::CertificateRecord& record) {
    ASSERT_TRUE(store_->begin(std::span(&record.intent, 1), {}));
    ASSERT_TRUE(store_->finish(std::span(&record, 1), {}));
  }
  void start_index() {
    index_.emplace(CertificateIndex::Parts{.runtime = runtime_,
                                           .store = *store_,
                                           .account_of = account_of_letter,
                                           .submit = orders_.submit(),
                                           .tasks = tasks_,
                                           .log = log_,
                                           .clock = clock_});
    on_control([this] { index_->start(); });
  }
  void start_sync() {
    index_.emplace(CertificateIndex::Parts{.runtime = runtime_,
                                           .store = *store_,
                                           .account_of = account_of_letter,
                                           .submit = orders_.submit(),
                                           .tasks = tasks_,
                                           .log = log_,
                                           .clock = clock_});
    sync_.emplace(RevocationSync::Parts{.runtime = runtime_,
                                        .store = *store_,
                                        .issuers = issuers_,
                                        .revocations = revocations_,
                                        .index = *index_,
                                        .account_of = account_of_letter,
                                        .chain = [this] { return chain(); },
                                        .submit = orders_.submit(),
                                        .tasks = tasks_,
                                        .log = log_,
                                        .clock = clock_});
    on_control([this] { sync_->start(); });
  }
  std::shared_ptr<const fleet::Chain> chain() {
    const std::scoped_lock lock(mutex_);
    return chain_;
  }
  void put(const Bytes& key, const Bytes& value) {
    const std::scoped_lock lock(mutex_);
    auto next = std::make_shared<fleet::Chain>(*chain_);
    next->state.put(key, value);
    chain_ = std::move(next);
  }
  void put_indexed(const trustchain::CertificateRecord& record) {
    put(trustchain::index_key(id(record)),
        encode(trustchain::IndexRecord{.profile = record.intent.profile,
                                       .requester = account_of_letter(record.intent.requester),
                                       .not_before = record.intent.not_before,
                                       .authority = account(1)}));
  }
  void wait_until_revoked(ByteView serial, RevocationReason reason) {
    std::optional<crypto::Revocation> found;
    for (int i = 0; i < 3000 && !found; ++i) {
      found = store_->revocation(key_hash_, serial).value();
      std::this_thread::yield();
      on_control([] {});
    }
    ASSERT_TRUE(found);
    EXPECT_EQ(found->reason, reason);
  }

  trustchain::testing::TempDir place_;
  trustchain::testing::SettableClock clock_;
  Logger log_{clock_, LogLevel::kError, LogFormat::kText};
  Orders orders_;
  trustchain::OrdinaryAuthority ordinary_ = trustchain::testing::make_authority();
  Hash256 key_hash_ = ordinary_.certificate.public_key().spki_sha256();
  std::unique_ptr<trustchain::CertificateStore> store_ =
      trustchain::CertificateStore::open(place_ / "issued", kStart).value();
  trustchain::IssuerSet issuers_{*store_, ""};
  trustchain::RevocationService revocations_{
      {.store = *store_, .issuers = issuers_, .clock = clock_}};
  std::mutex mutex_;
  std::shared_ptr<const fleet::Chain> chain_ = std::make_shared<const fleet::Chain>();
  rt::Runtime runtime_;
  TaskGroup tasks_;
  std::optional<CertificateIndex> index_;
  std::optional<RevocationSync> sync_;
};

TEST_F(Handing, OneOperationForEachIssuer) {
  auto other = record(3, "b");
  other.intent.issuer_key_hash.fill(7);
  other.log_index = 5;
  auto over = record(4, "b");
  over.intent.not_after = kStart;
  auto late = record(1, "console");
  late.intent.not_after += 1000;
  auto ahead = record(5, "b");
  ahead.intent.not_before = kStart + trustchain::kIssuedAheadMsMax + 1;
  const std::array records{late, other, over, ahead, record(2, "b")};
  const auto made = index_operations(records, account_of_letter, kStart);
  ASSERT_EQ(made.size(), 2U);
  for (const fleet::Request& one : made) {
    const auto body = body_of<IndexCertificates>(one);
    if (body.issuer == other.intent.issuer_key_hash) {
      ASSERT_EQ(body.entries.size(), 1U);
      EXPECT_EQ(body.entries[0].log_index, 5U);
      continue;
    }
    EXPECT_EQ(body.issuer, key_hash_);
    ASSERT_EQ(body.entries.size(), 2U);  // ascending by end
    EXPECT_EQ(body.entries[0].serial, Bytes(16, 2));
    EXPECT_EQ(body.entries[0].requester, account('b'));
    EXPECT_EQ(body.entries[0].not_before, kStart - trustchain::kLeafBackdateMs);
    EXPECT_EQ(body.entries[0].log_index, trustchain::IndexEntry::kNotLogged);
    EXPECT_EQ(body.entries[1].serial, Bytes(16, 1));
    EXPECT_EQ(body.entries[1].requester, account(1));
  }
}

TEST_F(Handing, TriesAgainAndRemembersHowFarItIs) {
  issue(record(1, "a"));
  issue(record(2, "b"));
  orders_.answer({Error("fleet.sequencer_unreachable", "")});
  start_index();
  orders_.wait(1);
  EXPECT_EQ(store_->indexed().value(), 0U);
  on_control([this] { index_->wake(); });
  const auto given = orders_.wait(2);
  EXPECT_EQ(given[0][0].body, given[1][0].body);  // the same once more
  EXPECT_EQ(body_of<IndexCertificates>(given[1][0]).entries.size(), 2U);
  issue(record(3, "c"));
  std::vector<std::vector<fleet::Request>> all;
  // It may still be writing down how far it is when it is woken.
  on_control([this] { index_->wake(); });
  all = orders_.wait(3);
  const auto third = body_of<IndexCertificates>(all[2][0]);
  ASSERT_EQ(third.entries.size(), 1U);
  EXPECT_EQ(third.entries[0].serial, Bytes(16, 3));
}

TEST_F(Handing, RevocationsOfTheAuthorityAreOrderedOnceTheyAreIndexed) {
  const auto one = record(1, "a");
  const auto two = record(2, "b");
  issue(one);
  issue(two);
  put_indexed(one);
  ASSERT_TRUE(revocations_.revoke(one.intent.serial, RevocationReason::kSuperseded, "console"));
  ASSERT_TRUE(revocations_.revoke(two.intent.serial, RevocationReason::kKeyCompromise, "console"));
  orders_.answer({Error("fleet.sequencer_unreachable", "")});
  start_sync();  // it finds them on the disk
  orders_.wait(1);
  put_indexed(two);
  sync_->handle_change({trustchain::index_key(id(two))});
  const auto given = orders_.wait(3);
  std::map<RevocationReason, std::vector<CertificateId>> ordered;
  for (const auto& changes : std::span(given).subspan(1)) {
    const auto body = body_of<RevokeCertificates>(changes[0]);
    ordered[body.reason] = body.certificates;
  }
  EXPECT_THAT(ordered[RevocationReason::kSuperseded], ElementsAre(id(one)));
  EXPECT_THAT(ordered[RevocationReason::kKeyCompromise], ElementsAre(id(two)));
}

TEST_F(Handing, OneThatIsRefusedDoesNotKeepOthersFromBeingRevoked) {
  std::array records{record(1, "a"), record(2, "b")};
  for (const auto& one : records) {
    issue(one);
    put_indexed(one);
    ASSERT_TRUE(revocations_.revoke(one.intent.serial, RevocationReason::kSuperseded, "console"));
  }
  orders_.answer({Error("trust.revocation_denied", ""), Error("trust.revocation_denied", "")});
  start_sync();
  const auto given = orders_.wait(3);
  EXPECT_EQ(body_of<RevokeCertificates>(given[0][0]).certificates.size(), 2U);
  EXPECT_THAT(body_of<RevokeCertificates>(given[1][0]).certificates, ElementsAre(id(records[0])));
  EXPECT_THAT(body_of<RevokeCertificates>(given[2][0]).certificates, ElementsAre(id(records[1])));
}

TEST_F(Handing, RevocationsOfTheFleetAreTakenOver) {
  const auto before = record(1, "a");
  const auto by_number = record(2, "b");
  const auto by_account = record(3, "c");
  auto newer = record(4, "c");
  newer.intent.not_before = kStart;
  for (const auto& one : {before, by_number, by_account, newer}) {
    issue(one);
    put_indexed(one);
  }
  const auto revocation = [](RevocationReason reason) {
    return encode(trustchain::RevocationRecord{.at = kStart, .reason = reason, .by = account(9)});
  };
  put(trustchain::revoked_certificate_key(id(before)), revocation(RevocationReason::kSuperseded));
  start_sync();
  wait_until_revoked(before.intent.serial, RevocationReason::kSuperseded);

  const Bytes number = trustchain::revoked_certificate_key(id(by_number));
  const Bytes whole = trustchain::revoked_account_key(account('c').view());
  put(number, revocation(RevocationReason::kKeyCompromise));
  put(whole, revocation(RevocationReason::kCessationOfOperation));
  sync_->handle_change({number, whole});
  wait_until_revoked(by_number.intent.serial, RevocationReason::kKeyCompromise);
  wait_until_revoked(by_account.intent.serial, RevocationReason::kCessationOfOperation);
  EXPECT_FALSE(store_->revocation(key_hash_, newer.intent.serial).value());
  EXPECT_EQ(store_->revoked(key_hash_, std::nullopt)->size(), 3U);
}

TEST_F(Handing, OrdinaryCertificatesOfFormerMembersAreRevoked) {
  const auto expelled = record(1, "a");
  const auto left = record(2, "b");
  const auto member = record(3, "c");
  auto leaf = record(4, "a");
  leaf.intent.profile = trustchain::Profile::kNode;
  auto namesake = record(5, "a");  // somebody else who got the name
  namesake.intent.decided_at = kStart + 2;
  for (const auto& one : {expelled, left, member, leaf, namesake}) {
    issue(one);
    put_indexed(one);
  }
  clock_.time = kStart + 10;
  const auto depart = [this](const char* name, fleet::Departure how) {
    fleet::RevokedRecord former{
        .node_id = {}, .name = name, .how = how, .at = kStart + 1, .reason = "sold"};
    former.node_id.bytes.fill(static_cast<std::uint8_t>(name[0]));
    const Bytes key = fleet::revoked_key(former.node_id.view());
    put(key, encode(former));
    return key;
  };
  depart("a", fleet::Departure::kExpelled);
  start_sync();
  wait_until_revoked(expelled.intent.serial, RevocationReason::kPrivilegeWithdrawn);
  sync_->handle_change({depart("b", fleet::Departure::kLeft)});
  wait_until_revoked(left.intent.serial, RevocationReason::kCessationOfOperation);
  for (const auto& one : {member, leaf, namesake}) {
    EXPECT_FALSE(store_->revocation(key_hash_, one.intent.serial).value());
  }
}

}  // namespace
}  // namespace i2::node
