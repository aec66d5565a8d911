// One authority with its ACME server, and who asks it for something. Needs <nlohmann/json.hpp>,
// which is expensive, before it.
#pragma once

#include <gtest/gtest.h>
#include <i2/crypto/hash.h>
#include <i2/crypto/random.h>
#include <i2/store/key_value_store.h>
#include <i2/trustchain/acme_service.h>
#include <i2/trustchain/testing/authority.h>
#include <i2/trustchain/testing/temp_dir.h>

#include <atomic>
#include <future>

#include "client.h"

namespace i2::trustchain::testing {

using acme::testing::ClientKey;
using acme::testing::kBase;
using acme::testing::kNewAccount;
using acme::testing::kNewOrder;
using nlohmann::json;

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

// A client of an ACME server.
class Guest {
 public:
  explicit Guest(const std::unique_ptr<AcmeService>& of) : of_(of) {}

  json reply;           // body of the last answer
  acme::Response last;  // the last answer
  std::string account;  // URL, once there is one
  ClientKey key;
  AcmeService::Request sent;                // the last one that was signed
  std::function<void()> on_answer = [] {};  // before the client has it

  acme::Response ask(AcmeService::Request request) {
    std::promise<acme::Response> answer;
    of_->handle(std::move(request), [&](acme::Response response) {
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
    sent = {.method = "POST",
            .target = url.substr(kBase.size()),
            .content_type = "application/jose+json",
            .body = acme::testing::jws(head, payload ? payload->dump() : "", signer).dump()};
    last = ask(sent);
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

 private:
  static std::string find(const acme::Response& response) {
    for (const auto& [name, value] : response.headers) {
      if (name == "replay-nonce") {
        return value;
      }
    }
    return {};
  }

  const std::unique_ptr<AcmeService>& of_;
};

// The binding of `of` to an external account (RFC 8555 §7.3.4).
inline json binding(const std::string& kid, ByteView secret, const ClientKey& of) {
  const json header{{"alg", "HS256"}, {"kid", kid}, {"url", kNewAccount}};
  const std::string head = acme::testing::b64(header.dump());
  const std::string body = acme::testing::b64(of.jwk.dump());
  return {
      {"protected", head},
      {"payload", body},
      {"signature", wire::to_base64url(crypto::hmac_sha256(secret, as_bytes(head + "." + body)))}};
}

// The leaf of what a client gets: it and its issuer.
inline crypto::Certificate first_certificate(const std::string& chain) {
  constexpr std::string_view kEnd = "-----END CERTIFICATE-----\n";
  const std::size_t size = chain.find(kEnd) + kEnd.size();
  EXPECT_EQ(chain.find(kEnd, size) + kEnd.size(), chain.size()) << "the leaf and its issuer";
  return crypto::Certificate::from_pem(chain.substr(0, size)).value();
}

// One authority with its ACME server; restart() is another process on the same disk.
class House : public Guest {
 public:
  // `dir`: where its records are; by default a directory that goes with it.
  explicit House(std::vector<std::string> domains = {}, const std::filesystem::path& dir = {},
                 UnixMillis now = kStart)
      : Guest(service),
        dir_(dir.empty() ? place_.path() : dir),
        domains_(std::move(domains)),
        keys_(make_authority(now)) {
    clock.time = now;
    start();
  }
  ~House() { stop(); }

  void restart() {
    stop();
    start();
  }

  SettableClock clock;
  Gate<acme::Validation> checks;
  Gate<std::vector<std::string>> caa;
  std::atomic<int> issuances = 0;             // asked of the authority
  std::atomic<int> deferrals = 0;             // of certificates
  std::atomic<bool> swallow = false;          // its answers get lost
  std::atomic<const char*> refuse = nullptr;  // it answers with this error
  std::unique_ptr<AcmeService> service;
  std::unique_ptr<CertificateStore> store;
  std::unique_ptr<RevocationService> revocations;

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
    return first_certificate(last.body);
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
        store::KeyValueStore::open(dir_ / "acme", store::KeyValueStore::Mode::kView).value();
    return view->get(id).value();
  }
  template <class Start>
  Result<void> wait_for(const Start& start) {
    std::promise<Result<void>> answer;
    start([&answer](Result<void> outcome) { answer.set_value(std::move(outcome)); });
    return answer.get_future().get();
  }

 private:
  void start() {
    pool_ = std::make_unique<Pool>(2);
    store = CertificateStore::open(dir_ / "issued", clock.unix_now()).value();
    issuers_ = std::make_unique<IssuerSet>(*store, "");
    EXPECT_TRUE(testing::add_to(*issuers_, keys_));
    authority_ = std::make_unique<CertificateAuthority>(CertificateAuthority::Parts{
        .store = *store, .issuers = *issuers_, .clock = clock, .post = pool_->poster()});
    revocations = std::make_unique<RevocationService>(
        RevocationService::Parts{.store = *store, .issuers = *issuers_, .clock = clock});
    service =
        AcmeService::open({.dir = dir_ / "acme",
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
                           .post = pool_->poster(),
                           .report =
                               [this](const AcmeEvent& event) {
                                 deferrals += event.kind == AcmeEvent::Kind::kDeferred ? 1 : 0;
                               }})
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
  std::filesystem::path dir_;
  std::vector<std::string> domains_;
  crypto::SystemRng rng_;  // ids must not come again in another process
  OrdinaryAuthority keys_;
  std::promise<void> swallowed_;
  std::unique_ptr<Pool> pool_;
  std::unique_ptr<IssuerSet> issuers_;
  std::unique_ptr<CertificateAuthority> authority_;
};

}  // namespace i2::trustchain::testing
