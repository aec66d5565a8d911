#include "tasks.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <exception>

namespace i2::node {
namespace asio = boost::asio;

void TaskGroup::spawn(const asio::any_io_executor& executor, Task<> task) {
  {
    const std::scoped_lock lock(mutex_);
    ++running_;
  }
  asio::co_spawn(executor, std::move(task), [this](const std::exception_ptr& failure) {
    if (failure) {
      std::rethrow_exception(failure);  // no task of ours throws: end the process where it happened
    }
    const std::scoped_lock lock(mutex_);
    --running_;
    changed_.notify_all();
  });
}

bool TaskGroup::wait(Duration at_most) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::nanoseconds(at_most),
                           [this] { return running_ == 0; });
}

Task<> Wakeup::wait(Duration at_most) {
  if (!woken_) {
    if (at_most == kNever) {
      timer_.expires_at(asio::steady_timer::time_point::max());
    } else {
      timer_.expires_after(std::chrono::nanoseconds(at_most));
    }
    (void)co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  woken_ = false;
}

void Wakeup::wake() {
  woken_ = true;
  timer_.cancel();
}

}  // namespace i2::node
