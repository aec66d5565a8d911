// An ACME server that is killed at any moment: what it answered holds, and what was under way ends.
//
// I2_KILL_ROUNDS: how many kills (default 4). I2_KILL_SEED repeats a run; a failure prints it.
#include <i2/trustchain/testing/victim.h>

#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <sstream>

#include "house.h"

namespace i2::trustchain {
namespace {

using testing::House;
using testing::kStart;
using testing::number_of;
using testing::run_and_kill;
using testing::TempDir;

// So that no table becomes full.
constexpr std::uint64_t kRoundsPerPlace = 50;

// What the clients of all rounds know.
struct Known {
  std::set<std::string> accounts;
  std::set<std::string> deactivated;
  std::set<std::string> orders;
  std::set<std::string> finalized;
  std::map<std::string, std::string> certificates;  // order: serial
  std::set<std::string> revoked;
  std::vector<AcmeService::Request> sent;  // of the last round

  void read(std::istream& lines) {
    sent.clear();
    for (std::string word, first, second; lines >> word >> first;) {
      if (word == "sent") {
        lines >> second;
        sent.push_back({.method = "POST",
                        .target = first,
                        .content_type = "application/jose+json",
                        .body = second});
      } else if (word == "certificate") {
        lines >> second;
        certificates.emplace(first, second);
      } else {
        set_of(word).insert(first);
      }
    }
  }
  std::set<std::string>& set_of(const std::string& word) {
    return word == "account"       ? accounts
           : word == "order"       ? orders
           : word == "finalized"   ? finalized
           : word == "deactivated" ? deactivated
                                   : revoked;
  }
};

void wait_for_answer(House& house) {
  house.ask({.method = "HEAD", .target = "/new-nonce", .content_type = {}, .body = {}});
}

// Answers for others until nothing is under way.
void let_it_end(House& house) {
  wait_for_answer(house);  // by then, what goes on has begun
  while (house.service->stats().waiting > 0) {
    if (house.checks.waiting() > 0) {
      house.checks.take().second({});
    } else if (house.caa.waiting() > 0) {
      house.caa.take().second({});
    } else {
      std::this_thread::yield();
    }
  }
  wait_for_answer(house);  // by then, its end is on disk
}

void expect_accounts(const House& house, const Known& known, std::set<std::string>& found) {
  std::set<std::string> deactivated;
  const auto all = house.service->accounts().value();
  for (const acme::Account& one : all) {
    found.insert(one.id);
    if (one.deactivated) {
      deactivated.insert(one.id);
    }
  }
  EXPECT_TRUE(std::ranges::includes(found, known.accounts)) << "an account is lost";
  EXPECT_TRUE(std::ranges::includes(deactivated, known.deactivated)) << "an account is back";
}

// Every certificate of the authority is that of one order, and of one only.
void expect_orders(const House& house, const Known& known, const std::set<std::string>& accounts) {
  std::map<std::string, std::string> serials;  // by requester
  CertificateQuery query{.limit = kListLimitMax};
  do {
    const auto page = house.store->list(query).value();
    for (const CertificateRecord& record : page.records) {
      if (record.state == RecordState::kIssued) {
        EXPECT_TRUE(serials.emplace(record.intent.requester, to_hex(record.intent.serial)).second)
            << "two certificates: " << record.intent.requester;
      }
    }
    query.after = page.next;
  } while (!query.after.empty());
  std::set<std::string> orders;
  for (const std::string& account : accounts) {
    const auto all = house.service->orders(account).value();
    for (const acme::Order& order : all) {
      orders.insert(order.id);
      EXPECT_EQ(order.request.empty(), order.chain.empty()) << "stuck: " << order.id;
      EXPECT_FALSE(known.finalized.contains(order.id) && order.chain.empty()) << order.id;
      const auto issued = serials.extract("acme:" + account + "/" + order.id);
      ASSERT_EQ(issued.empty(), order.chain.empty()) << order.id;
      if (!issued.empty()) {
        const auto leaf = testing::first_certificate(order.chain);
        EXPECT_EQ(to_hex(leaf.serial()), issued.mapped()) << order.id;
        const auto told = known.certificates.find(order.id);
        EXPECT_TRUE(told == known.certificates.end() || told->second == issued.mapped())
            << order.id;
      }
    }
  }
  EXPECT_TRUE(serials.empty()) << "of no order";
  EXPECT_TRUE(std::ranges::includes(orders, known.orders)) << "an order is lost";
}

TEST(AcmeKill, WhatWasAnsweredHolds) {
  const auto seed = number_of("I2_KILL_SEED", std::random_device{}());
  const auto rounds = number_of("I2_KILL_ROUNDS", 4);
  SCOPED_TRACE("I2_KILL_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  std::optional<TempDir> place;
  Known known;
  std::size_t certificates = 0;
  for (std::uint64_t round = 0; round < rounds; ++round) {
    SCOPED_TRACE(round);
    if (round % kRoundsPerPlace == 0) {
      certificates += known.certificates.size();
      place.emplace();
      known = {};
    }
    const UnixMillis now = kStart + 10'000 * round;
    const auto killed = run_and_kill({I2_ACME_VICTIM, place->path().string(), std::to_string(now)},
                                     random() % 100, static_cast<unsigned>(random() % 20'000));
    ASSERT_TRUE(WIFSIGNALED(killed.status)) << "the victim ended by itself: " << killed.status;
    std::istringstream lines(killed.lines);
    known.read(lines);
    House house({}, place->path(), now + 5000);
    let_it_end(house);
    std::set<std::string> accounts;
    expect_accounts(house, known, accounts);
    expect_orders(house, known, accounts);
    for (const std::string& serial : known.revoked) {
      const auto record = house.store->find(*wire::from_hex(serial)).value();
      ASSERT_TRUE(record) << serial;
      EXPECT_TRUE(
          house.store->revocation(record->intent.issuer_key_hash, record->intent.serial).value())
          << "not revoked any more: " << serial;
    }
    for (const AcmeService::Request& one : known.sent) {
      EXPECT_NE(house.ask(one).body.find(":badNonce"), std::string::npos) << "taken twice";
    }
    ASSERT_FALSE(HasFailure());
  }
  EXPECT_GT(certificates + known.certificates.size(), 0U) << "no victim came far";
}

}  // namespace
}  // namespace i2::trustchain
