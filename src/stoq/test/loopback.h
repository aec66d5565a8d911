// Two transports on the loopback interface, in one process, for tests of what runs above them.
#pragma once

#include <gtest/gtest.h>
#include <i2/rt/clock.h>
#include <i2/rt/runtime.h>
#include <i2/stoq/core/testing/trust.h>
#include <i2/stoq/services.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_future.hpp>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <future>
#include <mutex>
#include <vector>

namespace i2::stoq::test {
namespace asio = boost::asio;

// Nothing in these tests takes a tenth of this unless it hangs.
inline constexpr std::chrono::seconds kPatience{60};

template <class T>
T get(std::future<T> future, const char* what) {
  if (future.wait_for(kPatience) != std::future_status::ready) {
    std::fprintf(stderr, "%s did not end within %lld s\n", what,
                 static_cast<long long>(kPatience.count()));
    std::abort();
  }
  return future.get();
}

// Runs `task` on `executor` and waits for it.
template <class T>
T run(const asio::any_io_executor& executor, Task<T> task, const char* what = "a task") {
  return get(asio::co_spawn(executor, std::move(task), asio::use_future), what);
}

// The keys take a while: made once for the process.
struct TestIdentities {
  UnixMillis now = rt::SystemClock().unix_now();
  core::testing::TestFleet fleet{now};
  core::testing::TestNode alice{fleet, "alice", now};
  core::testing::TestNode bob{fleet, "bob", now};
  // Her leaf has expired.
  core::testing::TestNode carol{fleet, "carol", now - 7'200'000, 3'600 * kSecond};
  // Hers is not in the log.
  core::testing::TestNode dora{fleet, "dora", now};
  TestIdentities() {
    carol.bind_until(now + 3'600'000);
    fleet.enrol(alice);
    fleet.enrol(bob);
    fleet.enrol(carol);
    fleet.enrol(dora);
    fleet.miss_in_log("dora");
  }
};
inline TestIdentities& identities() {
  static TestIdentities instance;
  return instance;
}

// "bob" listens and serves with `dispatcher`; "alice" connects. Each has a runtime of its own.
class Loopback {
 public:
  struct Options {
    bool expired_leaf = false;   // the connecting side is carol
    bool unlogged_leaf = false;  // the connecting side is dora
    TransportConfig transport{};
    // Handlers of one accepted connection only.
    std::function<StreamDispatcher::Handlers(Connection)> own{};
  };

  explicit Loopback(StreamDispatcher& dispatcher) : Loopback(dispatcher, Options{}) {}
  Loopback(StreamDispatcher& dispatcher, Options options)
      : dispatcher_(dispatcher), own_(std::move(options.own)) {
    TransportConfig config = options.transport;
    config.bind.ip[15] = 1;
    bob_ = make(config, bob_runtime_, identities().bob);
    alice_ = make(config, alice_runtime_,
                  options.expired_leaf    ? identities().carol
                  : options.unlogged_leaf ? identities().dora
                                          : identities().alice);
    accepting_ = asio::co_spawn(bob_runtime_.control(), accept_all(), asio::use_future);
  }

  ~Loopback() { stop(); }
  Loopback(const Loopback&) = delete;
  Loopback& operator=(const Loopback&) = delete;

  // A new connection from alice to bob.
  [[nodiscard]] Connection connect() {
    auto connection = run(alice_runtime_.control(), alice_->connect(bob_->local_address()));
    if (!connection) {
      std::fprintf(stderr, "connect: %s\n", connection.error().to_string().c_str());
      std::abort();
    }
    return *connection;
  }

  // Bob's side of the oldest connection not asked for yet.
  [[nodiscard]] Connection accepted() {
    std::unique_lock lock(mutex_);
    if (!arrived_.wait_for(lock, kPatience, [this] { return !accepted_.empty(); })) {
      std::abort();
    }
    Connection connection = std::move(accepted_.front());
    accepted_.pop_front();
    return connection;
  }

  [[nodiscard]] rt::Runtime& alice_runtime() { return alice_runtime_; }
  [[nodiscard]] rt::Runtime& bob_runtime() { return bob_runtime_; }
  [[nodiscard]] Transport& alice() { return *alice_; }
  [[nodiscard]] Transport& bob() { return *bob_; }

  // Both transports end; every handler has returned when this does.
  void stop() {
    if (!accepting_.valid()) {
      return;
    }
    run(alice_runtime_.control(), alice_->shutdown(), "alice's shutdown");
    run(bob_runtime_.control(), bob_->shutdown(), "bob's shutdown");
    get(std::move(accepting_), "accepting");
    for (auto& served : serving_) {
      get(std::move(served), "serving");
    }
    const std::scoped_lock lock(mutex_);
    accepted_.clear();
  }

 private:
  static std::unique_ptr<Transport> make(const TransportConfig& config, rt::Runtime& runtime,
                                         const core::testing::TestNode& node) {
    auto transport = Transport::create(config, runtime, node, identities().fleet);
    if (!transport) {
      std::fprintf(stderr, "transport: %s\n", transport.error().to_string().c_str());
      std::abort();
    }
    return std::move(*transport);
  }

  Task<void> accept_all() {
    for (;;) {
      auto connection = co_await bob_->accept();
      if (!connection) {
        co_return;
      }
      const std::scoped_lock lock(mutex_);
      StreamDispatcher::Handlers own;
      if (own_) {
        own = own_(*connection);
      }
      serving_.push_back(asio::co_spawn(connection->executor(),
                                        dispatcher_.serve(*connection, std::move(own)),
                                        asio::use_future));
      accepted_.push_back(*connection);
      arrived_.notify_all();
    }
  }

  StreamDispatcher& dispatcher_;
  std::function<StreamDispatcher::Handlers(Connection)> own_;
  rt::Runtime alice_runtime_{{.workers = 1, .pool_threads = 2, .worker_cpus = {}}};
  rt::Runtime bob_runtime_{{.workers = 1, .pool_threads = 2, .worker_cpus = {}}};
  std::unique_ptr<Transport> alice_;
  std::unique_ptr<Transport> bob_;
  std::future<void> accepting_;
  std::vector<std::future<void>> serving_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Connection> accepted_;
};

}  // namespace i2::stoq::test
