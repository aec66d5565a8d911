// acme_victim DIR TIME: an ACME server with clients that ask it for things until somebody kills it.
//
// To standard output go, unbuffered, when a client knows: "account ID", "order ID", "finalized ID",
// "certificate ID SERIAL", "revoked SERIAL", "deactivated ID"; and "sent TARGET BODY" of requests
// that were answered.
#include <unistd.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <thread>

#include "house.h"

namespace i2::trustchain::testing {
namespace {

constexpr std::size_t kGuests = 4;

void say(const std::string& line) {
  if (::write(STDOUT_FILENO, (line + "\n").data(), line.size() + 1) !=
      static_cast<ssize_t>(line.size() + 1)) {
    std::_Exit(1);
  }
}

std::string id_of(const std::string& url) {
  return url.substr(url.rfind('/') + 1);
}

void need(bool held) {
  if (!held) {
    std::_Exit(1);
  }
}

void visit(const House& house) {
  Guest guest(house.service);
  need(guest.join() == "201");
  say("account " + id_of(guest.account));
  const std::string order = guest.order({"a.example"});
  say("order " + id_of(order));
  const std::string authorization = guest.answer_challenge(order);
  say("sent " + guest.sent.target + " " + guest.sent.body);
  need(guest.status(authorization, {"pending"}) == "valid");
  need(guest.finalize(order, {"a.example"}) == "200");
  say("finalized " + id_of(order));
  say("sent " + guest.sent.target + " " + guest.sent.body);
  need(guest.status(order, {"processing"}) == "valid");
  need(guest.post(guest.reply["certificate"], std::nullopt) == "200");
  const crypto::Certificate leaf = first_certificate(guest.last.body);
  say("certificate " + id_of(order) + " " + to_hex(leaf.serial()));
  need(guest.post(kBase + "/revoke-cert", json{{"certificate", wire::to_base64url(leaf.der())}}) ==
       "200");
  say("revoked " + to_hex(leaf.serial()));
  need(guest.post(guest.account, json{{"status", "deactivated"}}) == "200");
  say("deactivated " + id_of(guest.account));
}

int run(const std::filesystem::path& dir, UnixMillis now) {
  House house({}, dir, now);
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < kGuests; ++i) {
    threads.emplace_back([&house] {
      for (;;) {
        visit(house);
      }
    });
  }
  threads.emplace_back([&house] {
    for (;;) {
      house.checks.take().second({});
    }
  });
  for (;;) {
    house.caa.take().second({});
  }
}

}  // namespace
}  // namespace i2::trustchain::testing

int main(int argc, char** argv) {
  return argc == 3 ? i2::trustchain::testing::run(argv[1], std::strtoull(argv[2], nullptr, 10)) : 2;
}
