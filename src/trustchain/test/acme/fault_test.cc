// Every write of a whole ACME exchange fails once, in each way that there is.
#include <gmock/gmock.h>
#include <i2/crypto/hash.h>

#include <nlohmann/json.hpp>

#include "failing_writes.h"
#include "house.h"

namespace i2::trustchain {
namespace {

using acme::testing::ClientKey;
using acme::testing::kBase;
using acme::testing::kNewAccount;
using nlohmann::json;
using ::testing::AnyOf;
using testing::code;
using testing::failing_writes;
using testing::FailingWrites;
using testing::Guest;
using testing::House;

// What a client and an operator do who ask again after an error, and what they remember.
class Exchange {
 public:
  explicit Exchange(bool restarts) : restarts_(restarts) {}
  void run() {
    account();
    const std::string first = order("a.example");
    prove(first);
    const std::string second = order("b.example");
    const std::string unwanted = read(second)["authorizations"][0];
    expect(insist([&] { return house_.post(unwanted, json{{"status", "deactivated"}}); }), "200");
    keep([this, unwanted] { EXPECT_EQ(status(unwanted), "deactivated"); });
    const crypto::Certificate leaf = certificate(first);
    change_key();
    revoke(leaf);
    external_account();
    deactivate();
  }
  void end() {
    house_.restart();
    expect_kept();
    EXPECT_EQ(house_.service->stats().waiting, 0U);
  }

 private:
  // The answer of the first attempt that was not one of a server in trouble.
  std::string insist(const std::function<std::string()>& request) {
    asked_again_ = false;
    for (;;) {
      std::string verdict = request();
      const bool refused = verdict.starts_with("5") || verdict.starts_with("store.");
      EXPECT_THAT(expect_nonce_used(), AnyOf(400, 503));
      if (!failing_writes().is_closed()) {
        EXPECT_FALSE(refused) << verdict;
        return verdict;
      }
      recover();
      EXPECT_EQ(expect_nonce_used(), 400);
      if (!refused) {
        return verdict;
      }
      EXPECT_THAT(verdict, AnyOf("503 serverInternal", "store.failed", "store.disk_full"));
      asked_again_ = true;
    }
  }
  // `again`: of a second attempt, when the first one was done after all.
  void expect(const std::string& verdict, const std::string& wanted,
              const std::string& again = {}) const {
    if (asked_again_ && !again.empty()) {
      EXPECT_THAT(verdict, AnyOf(wanted, again));
    } else {
      EXPECT_EQ(verdict, wanted);
    }
  }
  // The status of the answer to the last request, sent once more.
  int expect_nonce_used() {
    if (house_.sent.body.empty()) {
      return 400;
    }
    const acme::Response answer = house_.ask(house_.sent);
    if (answer.status == 400) {
      EXPECT_TRUE(json::parse(answer.body)["type"].get<std::string>().ends_with(":badNonce"))
          << answer.body;
    }
    return answer.status;
  }
  json read(const std::string& url) {
    EXPECT_EQ(insist([&] { return house_.post(url, std::nullopt); }), "200");
    return house_.reply;
  }
  void let_go() {
    while (house_.checks.waiting() > 0) {
      house_.checks.take().second({});
    }
    while (house_.caa.waiting() > 0) {
      house_.caa.take().second({});
    }
  }
  std::string wait_until_not(const std::string& passing, const std::string& url) {
    std::string now;
    do {
      let_go();
      now = read(url)["status"];
    } while (now == passing);
    return now;
  }

  // --- after a failure ---

  void recover() {
    if (failing_writes().is_closed(house_.store->database())) {
      authority_fails();
      failing_writes().reopening();
      house_.restart();
    } else {
      while (!house_.service->stats().closed) {
        std::this_thread::yield();  // the write has failed, and the service is about to know
      }
      Guest other(house_.service);
      EXPECT_EQ(other.join(), "503 serverInternal");
      EXPECT_EQ(other.header("retry-after"), "60");
      failing_writes().reopening();
      if (restarts_) {
        house_.restart();
      } else {
        // Once a minute; not while the write that failed is being answered.
        while (house_.service->stats().closed) {
          house_.service->handle_time();
          std::this_thread::yield();
        }
      }
    }
    expect_kept();
  }
  // Nobody gets a certificate of which the authority could not keep the record.
  void authority_fails() {
    if (processing_.empty()) {
      return;
    }
    const auto wait_for_deferral = [this](int count) {
      while (house_.deferrals < count && reader_status(processing_) == "processing") {
        let_go();
      }
      EXPECT_EQ(reader_status(processing_), "processing");
    };
    wait_for_deferral(1);
    house_.service->handle_time();
    wait_for_deferral(2);
  }
  std::string reader_status(const std::string& url) {
    become_reader();
    EXPECT_EQ(reader_.post(url, std::nullopt), "200");
    return reader_.reply["status"];
  }
  std::string status(const std::string& url) {
    EXPECT_EQ(reader_.post(url, std::nullopt), "200") << url;
    return reader_.reply.value("status", "");
  }
  void keep(std::function<void()> check) { kept_.push_back(std::move(check)); }
  void become_reader() {
    reader_.account = house_.account;
    reader_.key = house_.key;
  }
  void expect_kept() {
    become_reader();
    if (next_key_ && reader_.post(house_.account, std::nullopt) == "400 malformed") {
      reader_.key = *next_key_;  // the change was done after all
    }
    for (const auto& check : kept_) {
      check();
    }
  }

  // --- steps ---

  void account() {
    expect(insist([&] { return house_.join(); }), "201", "200");
    keep([this] { EXPECT_EQ(status(house_.account), "valid"); });
    expect(insist([&] {
             return house_.post(house_.account, json{{"contact", {"mailto:a@a.example"}}});
           }),
           "200");
    keep([this] {
      status(house_.account);
      EXPECT_EQ(reader_.reply["contact"], json{"mailto:a@a.example"});
    });
  }
  std::string order(const std::string& name) {
    expect(insist([&] { return house_.outcome_of_order(name); }), "201");
    std::string url = house_.header("location");
    keep([this, url, name] {
      status(url);
      EXPECT_EQ(reader_.reply["identifiers"][0]["value"], name);
    });
    return url;
  }
  void prove(const std::string& order) {
    const std::string authorization = read(order)["authorizations"][0];
    const json challenges = read(authorization)["challenges"];
    const std::string challenge = challenges[1]["url"];
    expect(insist([&] { return house_.post(challenge, json::object()); }), "200");
    keep([this, challenge] { EXPECT_THAT(status(challenge), AnyOf("processing", "valid")); });
    EXPECT_EQ(wait_until_not("pending", authorization), "valid");
    keep([this, authorization] { EXPECT_EQ(status(authorization), "valid"); });
  }
  crypto::Certificate certificate(const std::string& order) {
    processing_ = order;
    expect(insist([&] { return house_.finalize(order, {"a.example"}); }), "200",
           "403 orderNotReady");
    keep([this, order] { EXPECT_THAT(status(order), AnyOf("processing", "valid")); });
    EXPECT_EQ(wait_until_not("processing", order), "valid");
    processing_.clear();
    const std::string url = read(order)["certificate"];
    EXPECT_EQ(insist([&] { return house_.post(url, std::nullopt); }), "200");
    const std::string chain = house_.last.body;
    auto leaf = testing::first_certificate(chain);
    keep([this, order, url, chain, serial = leaf.serial()] {
      EXPECT_EQ(status(order), "valid");
      EXPECT_EQ(reader_.post(url, std::nullopt), "200");
      EXPECT_EQ(reader_.last.body, chain);
      const auto record = house_.store->find(serial).value();
      EXPECT_TRUE(record && record->state == RecordState::kIssued);
      EXPECT_EQ(house_.issued(), 1U);
    });
    return leaf;
  }
  void change_key() {
    const std::string url = kBase + "/key-change";
    next_key_.emplace();
    const json statement{{"account", house_.account}, {"oldKey", house_.key.jwk}};
    const json inner =
        acme::testing::jws({{"alg", next_key_->name}, {"jwk", next_key_->jwk}, {"url", url}},
                           statement.dump(), *next_key_);
    // The old key does not sign for the account any more.
    expect(insist([&] { return house_.post(url, inner); }), "200", "400 malformed");
    house_.key = *std::exchange(next_key_, std::nullopt);
    EXPECT_EQ(read(house_.account)["status"], "valid");
  }
  void revoke(const crypto::Certificate& leaf) {
    const json body{{"certificate", wire::to_base64url(leaf.der())}, {"reason", 4}};
    expect(insist([&] { return house_.post(kBase + "/revoke-cert", body); }), "200",
           "400 alreadyRevoked");
    keep([this, serial = leaf.serial()] {
      const auto record = house_.store->find(serial).value();
      EXPECT_TRUE(house_.store->revocation(record->intent.issuer_key_hash, serial).value());
    });
  }
  std::string operate(const std::function<void(AcmeService::Done)>& command) {
    return insist([&] { return code(house_.wait_for(command)); });
  }
  acme::Account of(const Guest& guest) {
    const auto accounts = house_.service->accounts().value();
    for (const acme::Account& one : accounts) {
      if (guest.account.ends_with(one.id)) {
        return one;
      }
    }
    ADD_FAILURE() << "lost: " << guest.account;
    return {};
  }
  void external_account() {
    const Bytes secret(32, 7);
    expect(operate([&](const AcmeService::Done& done) {
             house_.service->add_external_key("printer", crypto::SecretBytes(Bytes(secret)), done);
           }),
           "ok", "acme.external_key_exists");
    const json bound = testing::binding("printer", secret, guest_.key);
    expect(
        insist([&] { return guest_.post(kNewAccount, json{{"externalAccountBinding", bound}}); }),
        "201", "200");
    guest_.account = guest_.header("location");
    keep([this] { EXPECT_EQ(of(guest_).external_kid, "printer"); });
    expect(operate([&](const AcmeService::Done& done) {
             house_.service->remove_external_key("printer", done);
           }),
           "ok", "acme.external_key_unknown");
    keep([this] { EXPECT_TRUE(house_.service->external_keys().empty()); });
  }
  void deactivate() {
    const std::string id = guest_.account.substr(guest_.account.rfind('/') + 1);
    expect(operate([&](const AcmeService::Done& done) {
             house_.service->deactivate_account(id, done);
           }),
           "ok", "acme.account_unknown");
    kept_.clear();  // nobody reads the rest when the account has gone, maybe without an answer
    keep([this] { EXPECT_TRUE(of(guest_).deactivated); });
    expect(insist([&] { return house_.post(house_.account, json{{"status", "deactivated"}}); }),
           "200", "401 unauthorized");
    keep([this] {
      EXPECT_TRUE(of(house_).deactivated);
      EXPECT_EQ(house_.service->accounts().value().size(), 2U);
      EXPECT_EQ(house_.issued(), 1U);
      const auto orders = house_.service->orders(of(house_).id).value();
      EXPECT_EQ(std::ranges::count_if(orders, [](const auto& one) { return !one.chain.empty(); }),
                1);
    });
  }

  const bool restarts_;
  bool asked_again_ = false;
  std::string processing_;  // an order
  std::optional<ClientKey> next_key_;
  std::vector<std::function<void()>> kept_;
  House house_;
  Guest guest_{house_.service};
  Guest reader_{house_.service};
};

class EachWrite : public ::testing::TestWithParam<std::pair<FailingWrites::Way, bool>> {};

TEST_P(EachWrite, FailsOnceAndNothingIsLost) {
  const auto [way, restarts] = GetParam();
  std::size_t writes = 0;
  for (bool failed = true; failed; ++writes) {
    SCOPED_TRACE(writes);
    Exchange exchange(restarts);
    failing_writes().fail_after(writes, way);
    exchange.run();
    failed = failing_writes().has_failed();
    EXPECT_FALSE(failing_writes().is_closed());
    failing_writes().fail_after(SIZE_MAX, way);
    exchange.end();
    ASSERT_FALSE(HasFailure());
  }
  EXPECT_EQ(writes, 21U);  // the last exchange was one without a failure
}

INSTANTIATE_TEST_SUITE_P(Acme, EachWrite,
                         ::testing::Values(std::pair(FailingWrites::Way::kNotDone, false),
                                           std::pair(FailingWrites::Way::kDone, true),
                                           std::pair(FailingWrites::Way::kDiskFull, false)));

}  // namespace
}  // namespace i2::trustchain
