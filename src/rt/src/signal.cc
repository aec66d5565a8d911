#include <i2/rt/signal.h>

#include <algorithm>
#include <boost/asio/append.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace i2::rt {
namespace asio = boost::asio;

Signal::Signal(asio::any_io_executor executor) : executor_(std::move(executor)) {}
Signal::~Signal() = default;

asio::awaitable<void> Signal::wait() {
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void(boost::system::error_code)>(
      [this](auto handler) { add(std::move(handler)); }, asio::use_awaitable);
}

void Signal::add(Handler handler) {
  const std::uint64_t number = next_number_++;
  if (auto slot = asio::get_associated_cancellation_slot(handler); slot.is_connected()) {
    if (!self_) {
      self_ = std::make_shared<Signal*>(this);
    }
    // Stays in the slot after the wait, until the next operation takes its place: a number that
    // waits no more is not found.
    slot.assign([weak = std::weak_ptr(self_), number](asio::cancellation_type type) {
      const auto self = weak.lock();
      if (self && type != asio::cancellation_type::none) {
        (*self)->cancel(number);
      }
    });
  }
  waiters_.push_back({number, std::move(handler)});
}

void Signal::notify() {
  for (auto& waiter : std::exchange(waiters_, {})) {
    asio::post(executor_, asio::append(std::move(waiter.handler), boost::system::error_code{}));
  }
}

void Signal::cancel(std::uint64_t number) {
  const auto found = std::ranges::lower_bound(waiters_, number, {}, &Waiter::number);
  if (found == waiters_.end() || found->number != number) {
    return;
  }
  Handler handler = std::move(found->handler);
  waiters_.erase(found);
  asio::post(executor_,
             asio::append(std::move(handler), make_error_code(asio::error::operation_aborted)));
}

}  // namespace i2::rt
