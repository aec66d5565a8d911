// Something to wait for inside one executor: coroutines wait, others notify.
//
//   while (!ready) {                      ready = true;
//     co_await signal.wait();             signal.notify();
//   }
//
// A notification wakes everybody who waits now and is not remembered: wait in a loop around the
// condition. Waiters are resumed in the order in which they came and from the executor's queue,
// never inside notify() or a cancellation.
//
// A waiting coroutine can be cancelled like any other operation of Asio (a cancellation slot bound
// at co_spawn(), `co_await (signal.wait() || sleep_for(...))`): it stops waiting and wait() throws
// boost::system::system_error with operation_aborted. Whoever was notified first is no longer
// waiting; its cancellation takes effect at its next co_await.
//
// Destroying a Signal destroys the coroutines that still wait for it, from the executor's queue and
// without resuming them.
//
// Not thread-safe: waiting, notifying, cancelling and destruction happen on the executor given at
// construction, or when its context still exists and nothing runs there any more.
#pragma once

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/system/error_code.hpp>
#include <cstdint>
#include <memory>
#include <vector>

namespace i2::rt {

class Signal {
 public:
  explicit Signal(boost::asio::any_io_executor executor);
  ~Signal();
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;

  [[nodiscard]] boost::asio::awaitable<void> wait();
  void notify();

 private:
  using Handler = boost::asio::any_completion_handler<void(boost::system::error_code)>;
  struct Waiter {
    std::uint64_t number;
    Handler handler;
  };

  void add(Handler handler);
  void cancel(std::uint64_t number);

  boost::asio::any_io_executor executor_;
  std::vector<Waiter> waiters_;  // in the order of their numbers
  std::uint64_t next_number_ = 0;
  // Cancellation slots may outlive the signal: what they hold finds it through this. Made when the
  // first waiter comes that can be cancelled; most cannot.
  std::shared_ptr<Signal*> self_;
};

}  // namespace i2::rt
