// Something to wait for inside one executor: coroutines wait, others notify.
//
// Not thread-safe: waiting and notifying happen on the executor given at construction. A
// notification wakes everybody who waits now and is not remembered; wait in a loop around the
// condition. Waiters are resumed from the executor's queue, never inside notify().
#pragma once

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <vector>

namespace i2::rt {

class Signal {
 public:
  explicit Signal(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}
  ~Signal();
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;

  [[nodiscard]] boost::asio::awaitable<void> wait();
  void notify();

 private:
  boost::asio::any_io_executor executor_;
  std::vector<boost::asio::any_completion_handler<void()>> waiters_;
};

}  // namespace i2::rt
