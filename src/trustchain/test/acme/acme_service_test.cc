// The ACME service: its records, restarts between steps, and what fails around it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "house.h"

namespace i2::trustchain {
namespace {

using acme::testing::ClientKey;
using acme::testing::kBase;
using acme::testing::kNewAccount;
using acme::testing::kNewOrder;
using nlohmann::json;
using testing::code;
using testing::House;
using testing::kStart;

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
  while (house.deferrals < 1) {
    EXPECT_EQ(house.status(url, {}), "processing");
  }
  EXPECT_EQ(house.service->stats().waiting, 1U);
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
  const auto deactivate = [&](const AcmeService::Done& done) {
    house.service->deactivate_account(id, done);
  };
  EXPECT_EQ(code(house.wait_for(deactivate)), "ok");
  EXPECT_EQ(code(house.wait_for(deactivate)), "acme.account_unknown");
  EXPECT_EQ(house.post(house.account, std::nullopt), "401 unauthorized");

  const auto add = [&](const AcmeService::Done& done) {
    house.service->add_external_key("printer", crypto::SecretBytes(Bytes(32, 7)), done);
  };
  const auto remove = [&](const AcmeService::Done& done) {
    house.service->remove_external_key("printer", done);
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
