// Coroutines that somebody waits for, and waiting that can be cut short.
#pragma once

#include <i2/base/clock.h>
#include <i2/base/error.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <condition_variable>
#include <mutex>

namespace i2::node {

template <class T = void>
using Task = boost::asio::awaitable<T>;

// The coroutines of a node that run on their own. They name the node's parts, so the parts are
// destroyed only after wait() has seen the last of them end. Thread-safe.
class TaskGroup {
 public:
  TaskGroup() = default;
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  void spawn(const boost::asio::any_io_executor& executor, Task<> task);
  // Blocks until none is left; false when that takes longer than `at_most`. Not on a runtime
  // thread.
  [[nodiscard]] bool wait(Duration at_most);

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t running_ = 0;
};

// A sleep that others can end. Waiting and waking on one executor, one waiter at a time.
class Wakeup {
 public:
  explicit Wakeup(const boost::asio::any_io_executor& executor) : timer_(executor) {}

  // Returns after `at_most` (kNever: no limit) or at wake(); a wake() since the last wait() counts.
  [[nodiscard]] Task<> wait(Duration at_most);
  void wake();

 private:
  boost::asio::steady_timer timer_;
  bool woken_ = false;
};

}  // namespace i2::node
