#include <i2/base/assert.h>
#include <i2/rt/clock.h>
#include <i2/rt/runtime.h>
#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <format>
#include <string>
#include <thread>

namespace i2::rt {
namespace asio = boost::asio;

namespace {

// How deep coroutines that wait for each other across loops may be nested; more than any are.
constexpr int kUnwindingRounds = 32;

// An Asio context that can let go of everything that waits in it while it still exists.
template <class Base>
class Context final : public Base {
 public:
  using Base::Base;
  using boost::asio::execution_context::shutdown;
};

// An event loop and the thread that runs it; its name is what ps(1) and debuggers show.
class Loop {
 public:
  Loop(const std::string& name, std::optional<int> cpu)
      : context_(1), guard_(context_.get_executor()), thread_([this] { context_.run(); }) {
    (void)pthread_setname_np(thread_.native_handle(), name.c_str());
    if (cpu) {
      cpu_set_t set;
      CPU_ZERO(&set);
      CPU_SET(static_cast<std::size_t>(*cpu), &set);
      (void)pthread_setaffinity_np(thread_.native_handle(), sizeof set, &set);
    }
  }
  ~Loop() {
    stop();
    if (thread_.joinable()) {
      thread_.join();
    }
  }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void stop() { context_.stop(); }
  void join() {
    if (thread_.joinable()) {
      thread_.join();
    }
  }
  void let_go() { context_.shutdown(); }
  [[nodiscard]] asio::any_io_executor executor() { return context_.get_executor(); }

 private:
  Context<asio::io_context> context_;
  asio::executor_work_guard<asio::io_context::executor_type> guard_;
  std::thread thread_;
};

}  // namespace

struct Runtime::Impl {
  std::vector<std::unique_ptr<Loop>> workers;
  std::unique_ptr<Loop> control;
  Context<asio::thread_pool> pool;
  bool stopped = false;

  explicit Impl(std::size_t pool_threads) : pool(pool_threads) {}
};

Runtime::Runtime(const RuntimeConfig& config)
    : impl_(std::make_unique<Impl>(std::max<std::size_t>(1, config.pool_threads))) {
  std::size_t workers = config.workers;
  if (workers == 0) {
    workers = std::max(1u, std::max(1u, std::thread::hardware_concurrency()) - 1);
  }
  for (std::size_t i = 0; i < workers; ++i) {
    std::optional<int> cpu;
    if (i < config.worker_cpus.size()) {
      cpu = config.worker_cpus[i];
    }
    impl_->workers.push_back(std::make_unique<Loop>(std::format("worker-{}", i), cpu));
  }
  impl_->control = std::make_unique<Loop>("control", std::nullopt);
}

// Threads first, then what waits, then the contexts: a coroutine may hold on to several of them. In
// rounds, because Asio unwinds a coroutine through the queue of its executor, then the one that
// waited for it through the queue of its own, and so on.
Runtime::~Runtime() {
  stop();
  for (int round = 0; round < kUnwindingRounds; ++round) {
    impl_->pool.shutdown();
    impl_->control->let_go();
    for (const auto& worker : impl_->workers) {
      worker->let_go();
    }
  }
}

std::size_t Runtime::worker_count() const {
  return impl_->workers.size();
}

asio::any_io_executor Runtime::worker(std::size_t index) const {
  I2_ASSERT(index < impl_->workers.size());
  return impl_->workers[index]->executor();
}

asio::any_io_executor Runtime::control() const {
  return impl_->control->executor();
}
asio::any_io_executor Runtime::pool() const {
  return impl_->pool.get_executor();
}

void Runtime::stop() {
  impl_->control->stop();
  for (const auto& worker : impl_->workers) {
    worker->stop();
  }
  impl_->pool.stop();
  impl_->control->join();
  for (const auto& worker : impl_->workers) {
    worker->join();
  }
  impl_->pool.join();
  impl_->stopped = true;
}

bool Runtime::stopped() const {
  return impl_->stopped;
}

asio::awaitable<void> sleep_for(std::chrono::nanoseconds delay) {
  asio::steady_timer timer(co_await asio::this_coro::executor, delay);
  co_await timer.async_wait(asio::use_awaitable);
}

asio::awaitable<void> switch_to(asio::any_io_executor executor) {
  co_await asio::post(asio::bind_executor(executor, asio::use_awaitable));
}

}  // namespace i2::rt
