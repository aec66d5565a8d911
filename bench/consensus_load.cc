// Clients that have operations ordered by running validators, each waiting for its receipts.
//
//   bench_consensus_load --operator KEYS --socket PATH... [--clients N] [--outstanding W] [--count
//   N] [--steps B]
//
// Every client is an operator of its own (they are made and added first) and talks to the node of
// one socket. It has W operations under way, signed beforehand, with consecutive nonces; with B,
// each is a batch of so many steps, which make an invite and take it back in turn. Prints one JSON
// object: operations, steps and blocks in a second, the latency that clients saw.
#include <i2/crypto/hash.h>
#include <i2/crypto/provider.h>
#include <i2/fleet/account.h>
#include <i2/fleet/operator_key.h>
#include <i2/node/admin_client.h>
#include <i2/rt/clock.h>
#include <i2/wire/text.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <barrier>
#include <cstdio>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>
#include <vector>

#include "run_main.h"

namespace i2::bench {
namespace {

using nlohmann::json;

constexpr Duration kAnswerTime = 60 * kSecond;
constexpr UnixMillis kLife = 3'600'000;

struct Settings {
  std::string operator_dir;
  std::vector<std::string> sockets;
  std::size_t clients = 1;
  std::size_t outstanding = 1;
  std::size_t count = 200;  // of each client
  std::size_t steps = 1;    // of each operation
};

Result<json> ask(node::AdminClient& client, std::string verb,
                 std::map<std::string, node::AdminValue, std::less<>> arguments) {
  I2_TRY(client.send({.verb = std::move(verb), .args = std::move(arguments)}));
  I2_TRY_VALUE(const auto reply, client.receive(rt::SystemClock().now() + kAnswerTime));
  if (reply.kind != node::AdminReply::Kind::kResult) {
    return fail("bench.refused", reply.code + ": " + reply.message);
  }
  return json::parse(reply.json);
}

Result<fleet::BlockHeader> head_of(const json& ledger) {
  fleet::BlockHeader out;
  const auto chain = wire::hash_from_hex(ledger["chain_id"].get<std::string>());
  if (!chain) {
    return fail("bench.refused", "no chain id");
  }
  out.chain_id.bytes = *chain;
  out.height = ledger["height"].get<std::uint64_t>();
  out.time = ledger["time_ms"].get<UnixMillis>();
  return out;
}

// The next operations of an operator, signed.
class Author {
 public:
  Author(trustchain::HybridKey key, fleet::BlockHeader head, std::uint64_t nonce)
      : key_(std::move(key)), head_(head), nonce_(nonce) {}
  [[nodiscard]] fleet::AccountId account() const {
    return fleet::account_of(fleet::operator_id(key_.public_key()));
  }
  [[nodiscard]] const trustchain::HybridKey& key() const { return key_; }
  Result<std::string> next(std::vector<fleet::Request> changes) {
    auto operation = fleet::make_operation(head_, account(), nonce_++, changes,
                                           rt::SystemClock().unix_now(), kLife);
    I2_TRY(sign_operation(operation, key_, true));
    return to_hex(encode(operation));
  }

 private:
  trustchain::HybridKey key_;
  fleet::BlockHeader head_;
  std::uint64_t nonce_;
};

struct Seen {
  std::vector<Duration> latencies;
  std::set<std::uint64_t> heights;
  std::optional<Error> failure;
};

fleet::CreateInvite offer(const fleet::InviteId& invite, UnixMillis now) {
  return {.invite = invite,
          .role = fleet::Role::kNode,
          .expiry = now + kLife,
          .uses = 1,
          .tag = std::string(fleet::kTagSizeMax, 'b')};
}

// What one operation of the load asks for: of invites that nobody has used, to make each and to
// take it back. Without batches, to take back `invite`, which changes next to nothing.
class Load {
 public:
  Load(std::size_t steps, fleet::InviteId invite, UnixMillis now)
      : steps_(steps), invite_(invite), now_(now) {}
  std::vector<fleet::Request> next() {
    std::vector<fleet::Request> out;
    if (steps_ == 1) {
      out.emplace_back(fleet::RevokeInvite{invite_});
    }
    while (out.size() + 2 <= steps_) {
      invite_.bytes = crypto::sha256(invite_.view());
      out.emplace_back(offer(invite_, now_));
      out.emplace_back(fleet::RevokeInvite{invite_});
    }
    return out;
  }

 private:
  std::size_t steps_;
  fleet::InviteId invite_;
  UnixMillis now_;
};

// Keeps `operations` under way, as many at a time as there are connections.
void run_client(const std::vector<std::string>& operations,
                std::vector<node::AdminClient>& connections, Seen& seen) {
  const rt::SystemClock clock;
  std::vector<Timestamp> sent(operations.size());
  const auto receive = [&](std::size_t which) {
    const auto reply = connections[which % connections.size()].receive(clock.now() + kAnswerTime);
    if (!reply || reply->kind != node::AdminReply::Kind::kResult) {
      seen.failure =
          reply ? Error("bench.refused", reply->code + ": " + reply->message) : reply.error();
      return false;
    }
    seen.latencies.push_back(clock.now() - sent[which]);
    seen.heights.insert(json::parse(reply->json)["height"].get<std::uint64_t>());
    return true;
  };
  for (std::size_t i = 0; i < operations.size() + connections.size(); ++i) {
    if (i >= connections.size() && i - connections.size() < operations.size() &&
        !receive(i - connections.size())) {
      return;
    }
    if (i < operations.size()) {
      sent[i] = clock.now();
      if (auto done = connections[i % connections.size()].send(
              {.verb = "submit", .args = {{"operation", operations[i]}}});
          !done) {
        seen.failure = done.error();
        return;
      }
    }
  }
}

double milliseconds(Duration time) {
  return static_cast<double>(time) / static_cast<double>(kMillisecond);
}

json summary(const std::vector<Seen>& all, Duration elapsed) {
  std::vector<Duration> latencies;
  std::set<std::uint64_t> heights;
  for (const Seen& seen : all) {
    latencies.insert(latencies.end(), seen.latencies.begin(), seen.latencies.end());
    heights.insert(seen.heights.begin(), seen.heights.end());
  }
  std::ranges::sort(latencies);
  const double seconds = static_cast<double>(elapsed) / static_cast<double>(kSecond);
  const auto at = [&](std::size_t percent) {
    return milliseconds(latencies[(latencies.size() - 1) * percent / 100]);
  };
  return {{"operations", latencies.size()},
          {"seconds", seconds},
          {"operations_per_second", static_cast<double>(latencies.size()) / seconds},
          {"blocks_per_second", static_cast<double>(heights.size()) / seconds},
          {"p50_ms", at(50)},
          {"p99_ms", at(99)}};
}

Result<json> run(const Settings& settings) {
  I2_TRY(crypto::install_provider());
  I2_TRY_VALUE(auto admin, node::AdminClient::connect(settings.sockets.front()));
  I2_TRY_VALUE(auto founder_key, fleet::read_operator_key(settings.operator_dir));
  const auto founder = fleet::account_of(fleet::operator_id(founder_key.public_key()));
  I2_TRY_VALUE(const json ledger, ask(admin, "ledger", {{"account", founder.hex()}}));
  I2_TRY_VALUE(const auto head, head_of(ledger));
  std::vector<Author> authors;
  authors.emplace_back(std::move(founder_key), head, ledger["nonce"].get<std::uint64_t>());
  fleet::ChangeOperators add{.add = {}, .remove = {}, .required = 1};
  for (std::size_t i = 1; i < settings.clients; ++i) {
    I2_TRY_VALUE(auto key, trustchain::HybridKey::generate());
    add.add.push_back(key.public_key());
    authors.emplace_back(std::move(key), head, 0);
  }
  std::ranges::sort(add.add, {}, fleet::operator_id);
  if (!add.add.empty()) {
    I2_TRY_VALUE(const auto operation, authors.front().next({add}));
    I2_TRY(ask(admin, "submit", {{"operation", operation}}));
  }
  I2_TRY_VALUE(const auto key, crypto::PrivateKey::generate(crypto::SignatureAlgorithm::kEd25519));
  const fleet::InviteId invite = fleet::invite_id(key.public_key());
  const UnixMillis now = std::max(head.time, rt::SystemClock().unix_now());
  I2_TRY_VALUE(const auto made, authors.front().next({offer(invite, now)}));
  I2_TRY(ask(admin, "submit", {{"operation", made}}));

  Load load(settings.steps, invite, now);
  std::size_t steps = 0;
  std::size_t digits = 0;
  std::vector<std::vector<std::string>> operations(settings.clients);
  std::vector<std::vector<node::AdminClient>> connections(settings.clients);
  for (std::size_t i = 0; i < settings.clients; ++i) {
    for (std::size_t n = 0; n < settings.count; ++n) {
      auto changes = load.next();
      steps += changes.size();
      I2_TRY_VALUE(auto operation, authors[i].next(std::move(changes)));
      digits += operation.size();
      operations[i].push_back(std::move(operation));
    }
    for (std::size_t n = 0; n < settings.outstanding; ++n) {
      I2_TRY_VALUE(auto connection,
                   node::AdminClient::connect(settings.sockets[i % settings.sockets.size()]));
      connections[i].push_back(std::move(connection));
    }
  }
  std::vector<Seen> seen(settings.clients);
  std::vector<std::thread> threads;
  const rt::SystemClock clock;
  const Timestamp begin = clock.now();
  for (std::size_t i = 0; i < settings.clients; ++i) {
    threads.emplace_back([&, i] { run_client(operations[i], connections[i], seen[i]); });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  const Duration elapsed = clock.now() - begin;
  // The next run finds one operator again.
  if (!add.add.empty()) {
    fleet::ChangeOperators remove{.add = {}, .remove = {}, .required = 1};
    for (const auto& other : add.add) {
      remove.remove.push_back(fleet::operator_id(other));
    }
    I2_TRY_VALUE(const auto operation, authors.front().next({remove}));
    I2_TRY(ask(admin, "submit", {{"operation", operation}}));
  }
  for (const Seen& one : seen) {
    if (one.failure) {
      return fail(*one.failure);
    }
  }
  json out = summary(seen, elapsed);
  out["steps"] = steps;
  out["steps_per_second"] =
      static_cast<double>(steps) * static_cast<double>(kSecond) / static_cast<double>(elapsed);
  out["bytes_per_step"] = static_cast<double>(digits) / 2 / static_cast<double>(steps);
  return out;
}

int main_of(int argc, char** argv) {
  CLI::App app("clients of running validators");
  Settings settings;
  app.add_option("--operator", settings.operator_dir)->required();
  app.add_option("--socket", settings.sockets)->required();
  app.add_option("--clients", settings.clients)->check(CLI::Range(1, 16));
  app.add_option("--outstanding", settings.outstanding)->check(CLI::Range(1, 30));
  app.add_option("--count", settings.count)->check(CLI::Range(1, 1'000'000));
  app.add_option("--steps", settings.steps)->check(CLI::Range(1, 256));
  CLI11_PARSE(app, argc, argv);
  const auto result = run(settings);
  if (!result) {
    std::fprintf(stderr, "%s\n", result.error().to_string().c_str());
    return 1;
  }
  std::printf("%s\n", result->dump().c_str());
  return 0;
}

}  // namespace
}  // namespace i2::bench

int main(int argc, char** argv) {
  return i2::bench::run_main("bench_consensus_load",
                             [&] { return i2::bench::main_of(argc, argv); });
}
