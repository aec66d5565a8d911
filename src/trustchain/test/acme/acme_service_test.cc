// The ACME service: its records, restarts between steps, and what fails around it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <i2/trustchain/acme_service.h>
#include <i2/trustchain/testing/authority.h>
#include <i2/trustchain/testing/temp_dir.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <future>
#include <nlohmann/json.hpp>

#include "client.h"

namespace i2::trustchain {
namespace {

using acme::testing::ClientKey;
using acme::testing::kBase;
using acme::testing::kNewAccount;
using acme::testing::kNewOrder;
using nlohmann::json;
using testing::code;
using testing::kStart;
using testing::Pool;
using testing::SettableClock;
using testing::TempDir;

// Calls to outside that wait until the test lets them go, or go at once.
template <class Call>
class Gate {
 public:
  void put(Call call, AcmeService::Checked done) {
    const std::scoped_lock lock(mutex_);
    waiting_.emplace_back(std::move(call), std::move(done));
    changed_.notify_all();
  }
  // The next call, and what it is to be answered with.
  std::pair<Call, AcmeService::Checked> take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !waiting_.empty(); });
    auto out = std::move(waiting_.front());
    waiting_.pop_front();
    return out;
  }
  [[nodiscard]] std::size_t waiting() const {
    const std::scoped_lock lock(mutex_);
    return waiting_.size();
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::pair<Call, AcmeService::Checked>> waiting_;
};

// One authority with its ACME server; restart() is another process on the same disk.
class House {
 public:
  explicit House(std::vector<std::string> domains = {}) : domains_(std::move(domains)) { start(); }
  ~House() { stop(); }

  void restart() {
    stop();
    start();
  }

  json reply;           // body of the last answer
  acme::Response last;  // the last answer
  std::string account;  // URL, once there is one
  ClientKey key;
  SettableClock clock;
  Gate<acme::Validation> checks;
  Gate<std::vector<std::string>> caa;
  std::atomic<int> issuances = 0;             // asked of the authority
  std::atomic<bool> swallow = false;          // its answers get lost
  std::atomic<const char*> refuse = nullptr;  // it answers with this error
  std::function<void()> on_answer = [] {};    // before the client has it
  std::unique_ptr<AcmeService> service;
  std::unique_ptr<CertificateStore> store;
  std::unique_ptr<RevocationService> revocations;

  acme::Response ask(AcmeService::Request request) {
    std::promise<acme::Response> answer;
    service->handle(std::move(request), [&](acme::Response response) {
      on_answer();
      answer.set_value(std::move(response));
    });
    return answer.get_future().get();
  }
  std::string header(std::string_view name) const {
    for (const auto& [key_name, value] : last.headers) {
      if (key_name == name) {
        return value;
      }
    }
    return {};
  }
  // "200", or "403 unauthorized". `payload`: nothing to read.
  std::string post(const std::string& url, const std::optional<json>& payload,
                   const ClientKey* by_key = nullptr) {
    const std::string nonce =
        find(ask({.method = "HEAD", .target = "/new-nonce", .content_type = {}, .body = {}}));
    const ClientKey& signer = by_key != nullptr ? *by_key : key;
    json head{{"alg", signer.name}, {"nonce", nonce}, {"url", url}};
    if (account.empty() || by_key != nullptr) {
      head["jwk"] = signer.jwk;
    } else {
      head["kid"] = account;
    }
    last = ask({.method = "POST",
                .target = url.substr(kBase.size()),
                .content_type = "application/jose+json",
                .body = acme::testing::jws(head, payload ? payload->dump() : "", signer).dump()});
    reply = last.content_type.ends_with("json") ? json::parse(last.body) : json();
    constexpr std::string_view kPrefix = "urn:ietf:params:acme:error:";
    const std::string type = reply.is_object() ? reply.value("type", "") : "";
    return std::to_string(last.status) +
           (type.starts_with(kPrefix) ? " " + type.substr(kPrefix.size()) : "");
  }
  std::string join() {
    std::string out = post(kNewAccount, json::object());
    account = header("location");
    return out;
  }
  std::string outcome_of_order(const std::vector<std::string>& names) {
    json payload{{"identifiers", json::array()}};
    for (const std::string& one : names) {
      payload["identifiers"].push_back({{"type", "dns"}, {"value", one}});
    }
    return post(kNewOrder, payload);
  }
  std::string outcome_of_order(const std::string& name) {
    return outcome_of_order(std::vector{name});
  }
  // The order's URL; `reply` is the order.
  std::string order(const std::vector<std::string>& names) {
    EXPECT_EQ(outcome_of_order(names), "201");
    return header("location");
  }
  // Answers dns-01 of the first authorization of an order; its URL.
  std::string answer_challenge(const std::string& of_order) {
    EXPECT_EQ(post(of_order, std::nullopt), "200");
    std::string authorization = reply["authorizations"][0];
    answer(authorization);
    return authorization;
  }
  void answer(const std::string& authorization) {
    EXPECT_EQ(post(authorization, std::nullopt), "200");
    const json challenges = reply["challenges"];
    for (const json& one : challenges) {
      if (one["type"] == "dns-01") {
        EXPECT_EQ(post(one["url"].get<std::string>(), json::object()), "200");
      }
    }
  }
  std::string finalize(const std::string& of_order, const std::vector<std::string>& names) {
    EXPECT_EQ(post(of_order, std::nullopt), "200");
    const auto csr = crypto::CertificateRequest::create(testing::subject_key(), "", names).value();
    return post(reply["finalize"], json{{"csr", wire::to_base64url(csr.der())}});
  }
  // The status of what is at `url` when it is no longer one of `passing`.
  std::string status(const std::string& url, const std::vector<std::string>& passing) {
    do {
      EXPECT_EQ(post(url, std::nullopt), "200");
    } while (std::ranges::contains(passing, reply["status"].get<std::string>()));
    return reply["status"];
  }
  void let_checks_go() { checks.take().second({}); }
  // From the order to the certificate.
  crypto::Certificate obtain(const std::vector<std::string>& names) {
    const std::string url = order(names);
    const std::string authorization = answer_challenge(url);
    let_checks_go();
    EXPECT_EQ(status(authorization, {"pending"}), "valid");
    EXPECT_EQ(finalize(url, names), "200");
    caa.take().second({});
    return certificate(url);
  }
  crypto::Certificate certificate(const std::string& of_order) {
    EXPECT_EQ(status(of_order, {"processing"}), "valid");
    EXPECT_EQ(post(reply["certificate"], std::nullopt), "200");
    constexpr std::string_view kEnd = "-----END CERTIFICATE-----\n";
    EXPECT_EQ(last.body.find(kEnd, last.body.find(kEnd) + 1) + kEnd.size(), last.body.size())
        << "the leaf and its issuer";
    return crypto::Certificate::from_pem(last.body.substr(0, last.body.find(kEnd) + kEnd.size()))
        .value();
  }
  // How many certificates the authority issued.
  std::size_t issued() const {
    const auto page = store->list({.limit = kListLimitMax}).value();
    return static_cast<std::size_t>(
        std::ranges::count(page.records, RecordState::kIssued, &CertificateRecord::state));
  }
  // A record as it is on disk, seen from outside.
  std::optional<Bytes> on_disk(char table, const std::string& url) const {
    Bytes id{static_cast<std::uint8_t>(table)};
    append(id, as_bytes(std::string_view(url).substr(url.rfind('/') + 1)));
    const auto view =
        store::KeyValueStore::open(place_ / "acme", store::KeyValueStore::Mode::kView).value();
    return view->get(id).value();
  }
  template <class Start>
  Result<void> wait_for(const Start& start) {
    std::promise<Result<void>> answer;
    start([&answer](Result<void> outcome) { answer.set_value(std::move(outcome)); });
    return answer.get_future().get();
  }

 private:
  static std::string find(const acme::Response& response) {
    for (const auto& [name, value] : response.headers) {
      if (name == "replay-nonce") {
        return value;
      }
    }
    return {};
  }
  void start() {
    pool_ = std::make_unique<Pool>(2);
    store = CertificateStore::open(place_ / "issued", clock.unix_now()).value();
    issuers_ = std::make_unique<IssuerSet>(*store, "");
    EXPECT_TRUE(testing::add_to(*issuers_, keys_));
    authority_ = std::make_unique<CertificateAuthority>(CertificateAuthority::Parts{
        .store = *store, .issuers = *issuers_, .clock = clock, .post = pool_->poster()});
    revocations = std::make_unique<RevocationService>(
        RevocationService::Parts{.store = *store, .issuers = *issuers_, .clock = clock});
    service =
        AcmeService::open({.dir = place_ / "acme",
                           .options = {.base_url = kBase},
                           .domains = domains_,
                           .certificates = *store,
                           .revocations = *revocations,
                           .issue =
                               [this](crypto::CertificateRequest request, Application application,
                                      CertificateAuthority::Done done) {
                                 issue(std::move(request), std::move(application), std::move(done));
                               },
                           .check =
                               [this](acme::Validation validation, AcmeService::Checked done) {
                                 checks.put(std::move(validation), std::move(done));
                               },
                           .check_caa =
                               [this](std::vector<std::string> names, AcmeService::Checked done) {
                                 caa.put(std::move(names), std::move(done));
                               },
                           .clock = clock,
                           .rng = rng_,
                           .post = pool_->poster()})
            .value();
  }
  void issue(crypto::CertificateRequest request, Application application,
             CertificateAuthority::Done done) {
    ++issuances;
    if (refuse != nullptr) {
      done(fail(std::string(refuse.load()) == "trust.overloaded"
                    ? Error("trust.overloaded", "too much")
                    : Error("trust.request_algorithm", "not this key")));
      return;
    }
    authority_->issue(std::move(request), std::move(application),
                      [this, done = std::move(done)](Result<Issued> made) {
                        if (swallow) {
                          swallowed_.set_value();
                        } else {
                          done(std::move(made));
                        }
                      });
  }
  void stop() {
    service.reset();
    authority_.reset();
    pool_.reset();
    revocations.reset();
    issuers_.reset();
    store.reset();
    // What the old process had begun is no more.
    while (checks.waiting() > 0) {
      checks.take();
    }
    while (caa.waiting() > 0) {
      caa.take();
    }
  }

 public:
  void wait_for_swallowed() { swallowed_.get_future().get(); }

 private:
  TempDir place_;
  std::vector<std::string> domains_;
  crypto::testing::SeededRng rng_{20251121};
  OrdinaryAuthority keys_ = testing::make_authority();
  std::promise<void> swallowed_;
  std::unique_ptr<Pool> pool_;
  std::unique_ptr<IssuerSet> issuers_;
  std::unique_ptr<CertificateAuthority> authority_;
};

// In a child: files may not grow, and that does not kill. The first test, because a child has none
// of the threads that RocksDB keeps once it was used.
TEST(AcmeService, AFullDiskLosesNothing) {
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    House house;
    const rlimit limit{.rlim_cur = 64 * 1024, .rlim_max = RLIM_INFINITY};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    std::vector<std::pair<std::string, ClientKey>> made;
    std::string last;
    do {
      house.account.clear();
      house.key = ClientKey();
      last = house.join();
      if (last == "201") {
        made.emplace_back(house.account, house.key);
      }
    } while (last == "201" && made.size() < 2000);
    const bool refused = last == "503 serverInternal" && house.header("retry-after") == "60";
    const bool closed = house.service->stats().closed &&
                        house.post(kNewAccount, json::object()) == "503 serverInternal";
    house.service->handle_time();  // the disk is still full, or there is room in a new file
    const rlimit none{.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
    ::setrlimit(RLIMIT_FSIZE, &none);
    while (house.service->stats().closed) {
      house.service->handle_time();
    }
    std::size_t found = 0;
    for (const auto& [account, key] : made) {
      house.account = account;
      house.key = key;
      found += house.post(account, std::nullopt) == "200" ? 1 : 0;
    }
    ::_exit(refused && closed && !made.empty() && found == made.size() ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

TEST(AcmeService, WhatItAnswersIsOnDisk) {
  House house;
  EXPECT_EQ(house.join(), "201");
  EXPECT_TRUE(house.on_disk('a', house.account));
  // Seen by the answer itself, before the client can have it.
  std::string watched;
  std::optional<acme::Order> seen;
  house.on_answer = [&] {
    if (!watched.empty()) {
      seen = acme::decode_order(house.on_disk('o', watched).value()).value();
    }
  };
  const std::string url = house.order({"a.example"});
  watched = url;
  const std::string authorization = house.answer_challenge(url);
  ASSERT_TRUE(seen);
  EXPECT_TRUE(acme::decode_authorization(house.on_disk('z', authorization).value())->answered);
  house.let_checks_go();
  EXPECT_EQ(house.status(authorization, {"pending"}), "valid");
  EXPECT_EQ(house.finalize(url, {"a.example"}), "200");
  EXPECT_FALSE(seen->request.empty());
  EXPECT_TRUE(seen->chain.empty());
  house.caa.take().second({});
  EXPECT_EQ(house.status(url, {"processing"}), "valid");
  EXPECT_FALSE(seen->chain.empty());
}

TEST(AcmeService, GoesOnAfterARestartBetweenAnyTwoSteps) {
  House house;
  house.join();
  house.restart();
  const std::string url = house.order({"*.b.example", "a.example"});
  house.restart();
  const std::string first = house.answer_challenge(url);
  const std::string name = house.checks.take().first.name;
  house.restart();
  auto [again, checked] = house.checks.take();  // asked for once more
  EXPECT_EQ(again.name, name);
  checked({});
  EXPECT_EQ(house.status(first, {"pending"}), "valid");
  house.restart();
  EXPECT_EQ(house.post(url, std::nullopt), "200");
  const std::string second = house.reply["authorizations"][1];
  house.answer(second);
  house.let_checks_go();
  EXPECT_EQ(house.status(second, {"pending"}), "valid");
  EXPECT_EQ(house.finalize(url, {"*.b.example", "a.example"}), "200");
  EXPECT_THAT(house.caa.take().first, ::testing::ElementsAre("*.b.example", "a.example"));
  house.restart();
  house.caa.take().second({});
  const crypto::Certificate leaf = house.certificate(url);
  EXPECT_THAT(leaf.dns_names(), ::testing::UnorderedElementsAre("*.b.example", "a.example"));
  house.restart();
  EXPECT_EQ(house.certificate(url).der(), leaf.der());
  EXPECT_EQ(house.issued(), 1U);
  EXPECT_EQ(house.issuances, 1);
}

// The process ended after the certificate was stored and before the order knew of it.
TEST(AcmeService, AnOrderGetsOneCertificate) {
  House house;
  house.join();
  const std::string url = house.order({"a.example"});
  const std::string authorization = house.answer_challenge(url);
  house.let_checks_go();
  house.status(authorization, {"pending"});
  house.swallow = true;
  EXPECT_EQ(house.finalize(url, {"a.example"}), "200");
  house.caa.take().second({});
  house.wait_for_swallowed();
  house.restart();
  EXPECT_EQ(house.status(url, {}), "processing");
  house.caa.take().second({});
  const crypto::Certificate leaf = house.certificate(url);
  EXPECT_EQ(house.issuances, 1);
  EXPECT_EQ(house.issued(), 1U);
  EXPECT_EQ(house.store->find(leaf.serial())->value().certificate, leaf.der());
}

TEST(AcmeService, FailedChecksAndRefusals) {
  House house;
  house.join();
  std::string url = house.order({"a.example"});
  const std::string authorization = house.answer_challenge(url);
  house.checks.take().second(fail("acme.connection", "nobody there"));
  EXPECT_EQ(house.status(authorization, {"pending"}), "invalid");
  EXPECT_EQ(house.service->stats().failed_validations.at("acme.connection"), 1U);

  url = house.order({"a.example"});
  house.answer_challenge(url);
  house.let_checks_go();
  house.status(url, {"pending"});
  house.finalize(url, {"a.example"});
  house.caa.take().second(fail("acme.caa", "somebody else's"));
  EXPECT_EQ(house.status(url, {"processing"}), "invalid");
  EXPECT_EQ(house.reply["error"]["type"], "urn:ietf:params:acme:error:caa");
  EXPECT_EQ(house.issuances, 0);

  house.refuse = "trust.request_algorithm";
  url = house.order({"a.example"});
  house.finalize(url, {"a.example"});
  house.caa.take().second({});
  EXPECT_EQ(house.status(url, {"processing"}), "invalid");
  EXPECT_EQ(house.reply["error"]["type"], "urn:ietf:params:acme:error:badCSR");
  EXPECT_EQ(house.service->stats().refused_orders, 2U);
}

TEST(AcmeService, WhatCannotBeIssuedNowIsIssuedLater) {
  House house;
  house.join();
  house.refuse = "trust.overloaded";
  const std::string url = house.order({"a.example"});
  house.answer_challenge(url);
  house.let_checks_go();
  house.status(url, {"pending"});
  house.finalize(url, {"a.example"});
  house.caa.take().second({});
  while (house.issuances < 1 || house.service->stats().waiting != 1) {
    EXPECT_EQ(house.status(url, {}), "processing");
  }
  house.refuse = nullptr;
  house.service->handle_time();
  house.caa.take().second({});
  EXPECT_EQ(house.certificate(url).dns_names().front(), "a.example");
}

TEST(AcmeService, TakesBackWhatWasIssuedAndNothingElse) {
  House house;
  house.join();
  const std::string revoke = kBase + "/revoke-cert";
  const crypto::Certificate leaf = house.obtain({"a.example"});
  const auto body = [](const crypto::Certificate& of) {
    return json{{"certificate", wire::to_base64url(of.der())}, {"reason", 4}};
  };
  // Anybody's with our serial number, under the same names and key.
  const crypto::PrivateKey& key = testing::subject_key();
  const auto forged = crypto::build_certificate({.subject_key = key.public_key(),
                                                 .common_name = "a.example",
                                                 .dns_names = {"a.example"},
                                                 .not_before = kStart,
                                                 .not_after = kStart + 1000 * 3600,
                                                 .serial = leaf.serial()},
                                                nullptr, key)
                          .value();
  EXPECT_EQ(house.post(revoke, body(forged)), "404 malformed");
  EXPECT_EQ(house.post(revoke, body(leaf)), "200");
  EXPECT_EQ(house.post(revoke, body(leaf)), "400 alreadyRevoked");
  const ClientKey holder(crypto::PrivateKey::from_pem(as_text(key.pem().view())).value());
  EXPECT_EQ(house.post(revoke, body(leaf), &holder), "400 alreadyRevoked");
  EXPECT_EQ(house.service->stats().revoked, 1U);
}

TEST(AcmeService, SaysWhenToRenew) {
  House house;
  house.join();
  const crypto::Certificate leaf = house.obtain({"a.example"});
  const std::string id =
      acme::to_text({.authority_key_id = leaf.authority_key_id(), .serial = leaf.serial()});
  const auto window = [&] {
    const auto got = house.ask(
        {.method = "GET", .target = "/renewal-info/" + id, .content_type = {}, .body = {}});
    EXPECT_EQ(got.status, 200);
    const json parsed = json::parse(got.body);
    return std::pair<std::string, std::string>(parsed["suggestedWindow"]["start"],
                                               parsed["suggestedWindow"]["end"]);
  };
  // Issued at 04:40, valid from 04:35 for 24 h: two thirds are over at 20:35.
  EXPECT_EQ(window(), std::pair("2025-11-21T19:35:00Z", "2025-11-21T21:35:00Z"));
  EXPECT_TRUE(
      house.revocations->revoke(leaf.serial(), crypto::RevocationReason::kSuperseded, "test"));
  EXPECT_EQ(window(), std::pair("2025-11-21T04:39:59Z", "2025-11-21T04:40:00Z"));
  EXPECT_EQ(house
                .ask({.method = "GET",
                      .target = "/renewal-info/AAAA.AQID",
                      .content_type = {},
                      .body = {}})
                .status,
            404);
}

TEST(AcmeService, KnowsWhichNamesMayBe) {
  House house({"home.example", "lab.example"});
  house.join();
  EXPECT_EQ(house.outcome_of_order("home.example"), "201");
  EXPECT_EQ(house.outcome_of_order("*.a.lab.example"), "201");
  EXPECT_EQ(house.outcome_of_order("awayhome.example"), "403 rejectedIdentifier");
  EXPECT_EQ(house.outcome_of_order("example"), "403 rejectedIdentifier");
  House open;
  open.join();
  EXPECT_EQ(open.outcome_of_order("example"), "201");
  for (const char* const name : {"localhost", "a.localhost", "*.localhost", "*.example"}) {
    EXPECT_EQ(open.outcome_of_order(name), "403 rejectedIdentifier") << name;
  }
}

TEST(AcmeService, AccountsAndExternalKeys) {
  House house;
  house.join();
  house.restart();
  const auto accounts = house.service->accounts().value();
  ASSERT_EQ(accounts.size(), 1U);
  const std::string id = accounts.front().id;
  EXPECT_TRUE(house.account.ends_with(id));
  const auto deactivate = [&](AcmeService::Done done) {
    house.service->deactivate_account(id, std::move(done));
  };
  EXPECT_EQ(code(house.wait_for(deactivate)), "ok");
  EXPECT_EQ(code(house.wait_for(deactivate)), "acme.account_unknown");
  EXPECT_EQ(house.post(house.account, std::nullopt), "401 unauthorized");

  const auto add = [&](AcmeService::Done done) {
    house.service->add_external_key("printer", crypto::SecretBytes(Bytes(32, 7)), std::move(done));
  };
  const auto remove = [&](AcmeService::Done done) {
    house.service->remove_external_key("printer", std::move(done));
  };
  EXPECT_EQ(code(house.wait_for(add)), "ok");
  EXPECT_EQ(code(house.wait_for(add)), "acme.external_key_exists");
  house.restart();
  ASSERT_EQ(house.service->external_keys().size(), 1U);
  EXPECT_EQ(house.service->external_keys().front().kid, "printer");
  EXPECT_EQ(code(house.wait_for(remove)), "ok");
  house.restart();
  EXPECT_EQ(code(house.wait_for(remove)), "acme.external_key_unknown");
}

TEST(AcmeService, RecordsOfExternalKeysHaveOneForm) {
  const ExternalKey key{.kid = "printer", .key = crypto::SecretBytes(Bytes(32, 7)), .created = 9};
  const Bytes encoded = encode(key);
  EXPECT_EQ(encode(decode_external_key(encoded).value()), encoded);
  for (std::size_t size = 0; size < encoded.size(); ++size) {
    EXPECT_EQ(code(decode_external_key(ByteView(encoded).first(size))), "trust.record_invalid");
  }
}

}  // namespace
}  // namespace i2::trustchain
