// Threads of the process: one event loop per worker core, one for the control plane, and a pool for
// work that blocks or takes long (files, hashes of big inputs, key generation).
//
// Transport connections belong to a worker and are used on its executor only; nothing is shared
// between workers on the hot path. Everything else (admin socket, services, renewals) runs on the
// control executor.
#pragma once

#include <i2/base/error.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace i2::rt {

struct RuntimeConfig {
  std::size_t workers = 0;  // 0: max(1, cores - 1)
  std::size_t pool_threads = 2;
  std::vector<int> worker_cpus;  // pin worker i to worker_cpus[i]; empty: not pinned
};

class Runtime {
 public:
  explicit Runtime(const RuntimeConfig& config);
  // Stops and joins every thread, and destroys the coroutines that still wait for something. Must
  // not run on one of its threads.
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  [[nodiscard]] std::size_t worker_count() const;
  [[nodiscard]] boost::asio::any_io_executor worker(std::size_t index) const;
  [[nodiscard]] boost::asio::any_io_executor control() const;
  [[nodiscard]] boost::asio::any_io_executor pool() const;
  // Ends all loops and joins their threads; what has not run by then never does. Must not run on
  // one of them.
  void stop();
  [[nodiscard]] bool stopped() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Resumes after `delay`. Cancelled, it throws boost::system::system_error with operation_aborted.
[[nodiscard]] boost::asio::awaitable<void> sleep_for(std::chrono::nanoseconds delay);

// What follows runs on `executor`, until the coroutine next waits for something: that resumes it on
// the executor it was spawned on.
[[nodiscard]] boost::asio::awaitable<void> switch_to(boost::asio::any_io_executor executor);

namespace detail {

// optional: the result type need not be default-constructible.
template <class Work>
boost::asio::awaitable<std::optional<std::invoke_result_t<Work>>> call(Work work) {
  co_return std::optional<std::invoke_result_t<Work>>(work());
}

}  // namespace detail

// Runs `work` on `pool` and resumes the caller on its own executor, whether `work` returned or
// threw. Work that was started is not interrupted: a cancellation takes effect after it.
template <class Work>
[[nodiscard]] boost::asio::awaitable<std::invoke_result_t<Work>> run_on(
    boost::asio::any_io_executor pool, Work work) {
  namespace asio = boost::asio;
  // Without a slot: a signal may be emitted on one of the pool's threads only, not on all at once.
  auto result = co_await asio::co_spawn(
      pool, detail::call(std::move(work)),
      asio::bind_cancellation_slot(asio::cancellation_slot(), asio::use_awaitable));
  co_return std::move(*result);
}

}  // namespace i2::rt
