// Members that renew their certificates at a running authority, over connections that are there and
// over fresh ones.
//
//   bench_trust_renewals --peer [addr]:port --member DIR... [--at-once K] [--each N]
//
// DIR is the data directory of a member whose daemon does not run: this program has its identity.
// K members ask at the same time, each the next thing when it has its answer; all of them take
// part, N times in each measurement. Members have one connection to another node, so no member asks
// twice at a time. An authority signs 600 certificates for a member at once and as many an hour,
// which bounds N.
//
//   handshake           a connection, until both sides know that they are satisfied
//   handshake_resumed   the same with a ticket of the member's connection before
//   warm                trust.Ca/Renew over connections that are there
//   fresh               a connection and trust.Ca/Renew over it
//   fresh_resumed       the same with a ticket
//
// Each request is for a key of its own, made before the time is taken. What counts is an answer,
// and each is looked at afterwards: a certificate of the member, for the key of the request. Prints
// one JSON object; `logged`: how many certificates carried a log's promise.
#include <i2/crypto/provider.h>
#include <i2/fleet/data_dir.h>
#include <i2/fleet/trust_store.h>
#include <i2/rt/clock.h>
#include <i2/stoq/rpc.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_future.hpp>
#include <cstdio>
#include <filesystem>
#include <future>
#include <nlohmann/json.hpp>
#include <thread>

#include "run_main.h"

namespace i2::bench {
namespace {

namespace asio = boost::asio;
using nlohmann::json;
using stoq::Connection;
using stoq::Task;

const rt::SystemClock kClock;

struct Settings {
  std::string peer;
  std::vector<std::filesystem::path> members;
  std::size_t at_once = 1;
  std::size_t each = 20;
};

enum class Link : std::uint8_t { kWarm, kFresh, kResumed };

struct Measurement {
  const char* name = nullptr;
  Link link = Link::kWarm;
  bool renews = false;
};

constexpr std::array kMeasurements{
    Measurement{.name = "handshake", .link = Link::kFresh, .renews = false},
    Measurement{.name = "handshake_resumed", .link = Link::kResumed, .renews = false},
    Measurement{.name = "warm", .link = Link::kWarm, .renews = true},
    Measurement{.name = "fresh", .link = Link::kFresh, .renews = true},
    Measurement{.name = "fresh_resumed", .link = Link::kResumed, .renews = true}};

// What a measurement saw of one member.
struct Seen {
  std::vector<Duration> times;
  std::vector<Bytes> answers;
  std::size_t resumed = 0;
};

class Member {
 public:
  static Result<std::unique_ptr<Member>> open(const std::filesystem::path& dir,
                                              rt::Runtime& runtime, stoq::SocketAddress peer) {
    I2_TRY_VALUE(auto lock, fleet::DataDirLock::acquire(dir));
    std::unique_ptr<Member> out(new Member(std::move(lock), peer));
    I2_TRY_VALUE(out->ledger_, fleet::open_ledger(dir, out->machine_));
    I2_TRY_VALUE(out->trust_,
                 fleet::TrustStore::load(dir, kClock.unix_now(), out->ledger_->chain()));
    I2_TRY_VALUE(out->transport_, stoq::Transport::create({}, runtime, *out->trust_, *out->trust_));
    return out;
  }

  // Takes a while: a key of Falcon's for each.
  Result<void> prepare(std::size_t count) {
    requests_.clear();
    for (std::size_t i = 0; i < count; ++i) {
      I2_TRY_VALUE(auto request, trust_->make_renewal_request());
      requests_.push_back(std::move(request));
    }
    return {};
  }

  // On the worker's executor from here on. With a certificate of this authority's, as a member that
  // runs has one.
  Task<Result<void>> renew_own() {
    I2_CO_TRY(co_await connect(false));
    const auto answer = co_await renew(requests_.front());
    co_await disconnect();
    if (!answer) {
      co_return fail(answer.error());
    }
    I2_CO_TRY_VALUE(const auto leaf, crypto::Certificate::from_der(*answer));
    co_return trust_->install_leaf(requests_.front().key, leaf, kClock.unix_now());
  }

  // What `what` needs before its time begins: the connection that is there, or the ticket of one.
  Task<Result<void>> begin(Measurement what) {
    if (what.link == Link::kFresh) {
      co_return Result<void>();
    }
    I2_CO_TRY(co_await connect(false));
    I2_CO_TRY(co_await connection_.ping());
    if (what.link == Link::kResumed) {
      co_await disconnect();
    }
    co_return Result<void>();
  }

  Task<Result<void>> once(Measurement what, std::size_t number, Seen* seen) {
    const Timestamp start = kClock.now();
    if (what.link != Link::kWarm) {
      I2_CO_TRY(co_await connect(what.link == Link::kResumed));
      seen->resumed += connection_.security().resumed ? 1 : 0;
    }
    if (what.renews) {
      I2_CO_TRY_VALUE(Bytes answer, co_await renew(requests_[number]));
      seen->answers.push_back(std::move(answer));
    } else {
      I2_CO_TRY(co_await connection_.ping());
    }
    seen->times.push_back(kClock.now() - start);
    if (what.link != Link::kWarm) {
      co_await disconnect();
    }
    co_return Result<void>();
  }

  Task<void> disconnect() {
    if (connection_) {
      connection_.close();
      (void)co_await connection_.closed();  // which hands over its ticket
      connection_ = Connection();
    }
  }

  // How many of the answers carry the promise of a log. Error: bench.answer.
  [[nodiscard]] Result<std::size_t> check(const Seen& seen) const {
    std::size_t logged = 0;
    for (std::size_t i = 0; i < seen.answers.size(); ++i) {
      I2_TRY_VALUE(const auto leaf, crypto::Certificate::from_der(seen.answers[i]));
      if (leaf.subject_common_name() != trust_->name() ||
          leaf.public_key().spki() != requests_[i].key.public_key().spki()) {
        return fail("bench.answer", "a certificate that '" + trust_->name() + "' did not ask for");
      }
      logged += leaf.fields().scts.empty() ? 0 : 1;
    }
    return logged;
  }

  Task<void> shutdown() { co_await transport_->shutdown(); }

 private:
  Member(fleet::DataDirLock lock, stoq::SocketAddress peer) : lock_(std::move(lock)), peer_(peer) {}

  Task<Result<void>> connect(bool resume) {
    I2_CO_TRY_VALUE(connection_, co_await transport_->connect(peer_, {.resume = resume}));
    // A node dials to serve, too; this one refuses what it is asked.
    asio::co_spawn(connection_.executor(), dispatcher_.serve(connection_), asio::detached);
    co_return Result<void>();
  }

  Task<Result<Bytes>> renew(const trustchain::LeafRequest& request) {
    return stoq::call(connection_, "trust.Ca/Renew", request.request.der());
  }

  const fleet::DataDirLock lock_;
  const stoq::SocketAddress peer_;
  const fleet::StateMachine machine_;
  std::unique_ptr<fleet::Ledger> ledger_;
  std::unique_ptr<fleet::TrustStore> trust_;
  std::unique_ptr<stoq::Transport> transport_;
  stoq::StreamDispatcher dispatcher_;
  Connection connection_;
  std::vector<trustchain::LeafRequest> requests_;
};

// Everything of the members on one worker.
class Members {
 public:
  explicit Members(const Settings& settings)
      : settings_(settings), runtime_({.workers = 1, .pool_threads = 1, .worker_cpus = {}}) {}

  Result<json> run() {
    I2_TRY_VALUE(const auto peer, stoq::SocketAddress::parse(settings_.peer));
    for (const auto& dir : settings_.members) {
      I2_TRY_VALUE(auto member, Member::open(dir, runtime_, peer));
      all_.push_back(std::move(member));
    }
    I2_TRY(prepare(1));
    for (const auto& member : all_) {
      I2_TRY(wait_for(member->renew_own()));
    }
    json out = {{"members", all_.size()}, {"at_once", settings_.at_once}};
    for (const Measurement& what : kMeasurements) {
      I2_TRY_VALUE(out[what.name], measure(what));
    }
    for (const auto& member : all_) {
      wait_for(member->shutdown());
    }
    return out;
  }

 private:
  template <class T>
  T wait_for(Task<T> task) {
    return asio::co_spawn(runtime_.worker(0), std::move(task), asio::use_future).get();
  }

  // Of each member; in two threads.
  Result<void> prepare(std::size_t count) {
    const auto some = [this, count](std::size_t first) -> Result<void> {
      for (std::size_t i = first; i < all_.size(); i += 2) {
        I2_TRY(all_[i]->prepare(count));
      }
      return {};
    };
    auto other = std::async(std::launch::async, some, 1);
    const auto own = some(0);
    I2_TRY(other.get());
    return own;
  }

  Result<json> measure(Measurement what) {
    if (what.renews) {
      I2_TRY(prepare(settings_.each));
    }
    for (const auto& member : all_) {
      I2_TRY(wait_for(member->begin(what)));
    }
    seen_.assign(all_.size(), {});
    const Timestamp start = kClock.now();
    std::vector<std::future<Result<void>>> askers;
    for (std::size_t i = 0; i < settings_.at_once; ++i) {
      askers.push_back(asio::co_spawn(runtime_.worker(0), ask(what, i), asio::use_future));
    }
    std::optional<Error> failure;
    for (auto& asker : askers) {
      if (const auto done = asker.get(); !done) {
        failure = done.error();
      }
    }
    const Duration elapsed = kClock.now() - start;
    if (failure) {
      return fail(*failure);
    }
    for (const auto& member : all_) {
      wait_for(member->disconnect());
    }
    return summary(what, elapsed);
  }

  // One of those that ask at the same time: for every at_once'th member, in turn.
  Task<Result<void>> ask(Measurement what, std::size_t first) {
    for (std::size_t number = 0; number < settings_.each; ++number) {
      for (std::size_t i = first; i < all_.size(); i += settings_.at_once) {
        I2_CO_TRY(co_await all_[i]->once(what, number, &seen_[i]));
      }
    }
    co_return Result<void>();
  }

  [[nodiscard]] Result<json> summary(Measurement what, Duration elapsed) const {
    std::vector<Duration> times;
    std::size_t resumed = 0;
    std::size_t logged = 0;
    for (std::size_t i = 0; i < all_.size(); ++i) {
      times.insert(times.end(), seen_[i].times.begin(), seen_[i].times.end());
      resumed += seen_[i].resumed;
      I2_TRY_VALUE(const std::size_t promised, all_[i]->check(seen_[i]));
      logged += promised;
    }
    std::ranges::sort(times);
    const auto milliseconds = [&](std::size_t percent) {
      return static_cast<double>(times[(times.size() - 1) * percent / 100]) /
             static_cast<double>(kMillisecond);
    };
    json out = {{"count", times.size()},
                {"per_second", static_cast<double>(times.size()) * static_cast<double>(kSecond) /
                                   static_cast<double>(elapsed)},
                {"p50_ms", milliseconds(50)},
                {"p99_ms", milliseconds(99)}};
    if (what.link != Link::kWarm) {
      out["resumed"] = resumed;
    }
    if (what.renews) {
      out["logged"] = logged;
    }
    return out;
  }

  const Settings& settings_;
  rt::Runtime runtime_;
  std::vector<std::unique_ptr<Member>> all_;
  std::vector<Seen> seen_;
};

int main_of(int argc, char** argv) {
  CLI::App app("members that renew their certificates");
  Settings settings;
  app.add_option("--peer", settings.peer, "the authority")->required();
  app.add_option("--member", settings.members, "data directories")->required();
  app.add_option("--at-once", settings.at_once, "members that ask at the same time");
  app.add_option("--each", settings.each, "times that each member asks")->check(CLI::Range(1, 100));
  CLI11_PARSE(app, argc, argv);
  if (settings.at_once < 1 || settings.at_once > settings.members.size()) {
    std::fprintf(stderr, "bench_trust_renewals: --at-once is 1 to the number of members\n");
    return 2;
  }
  if (const auto installed = crypto::install_provider(); !installed) {
    std::fprintf(stderr, "%s\n", installed.error().to_string().c_str());
    return 1;
  }
  const auto result = Members(settings).run();
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
  return i2::bench::run_main("bench_trust_renewals",
                             [&] { return i2::bench::main_of(argc, argv); });
}
