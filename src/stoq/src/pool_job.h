// Blocking work on the pool while the coroutine that started it goes on.
#pragma once

#include <i2/rt/signal.h>
#include <i2/stoq/transport.h>

#include <boost/asio/post.hpp>
#include <memory>
#include <optional>

namespace i2::stoq {

// One piece of work at a time; a new one may start when the last one's result was taken. The work
// owns what it touches, or whoever dropped the job has waited for it.
template <class T>
class PoolJob {
 public:
  PoolJob(boost::asio::any_io_executor home, boost::asio::any_io_executor pool)
      : state_(std::make_shared<State>(home)), home_(std::move(home)), pool_(std::move(pool)) {}

  // From start() to wait().
  [[nodiscard]] bool started() const { return state_->started; }
  // Started, and wait() would not have to.
  [[nodiscard]] bool finished() const { return state_->result.has_value(); }

  template <class Work>
  void start(Work work) {
    state_->started = true;
    boost::asio::post(pool_, [state = state_, home = home_, work = std::move(work)]() mutable {
      T result = work();
      boost::asio::post(home, [state, result = std::move(result)]() mutable {
        state->result = std::move(result);
        state->changed.notify();
      });
    });
  }

  // The result of what was started.
  [[nodiscard]] Task<T> wait() {
    const auto state = state_;
    while (!state->result) {
      co_await state->changed.wait();
    }
    T result = std::move(*state->result);
    state->result.reset();
    state->started = false;
    co_return result;
  }

 private:
  struct State {
    explicit State(boost::asio::any_io_executor executor) : changed(std::move(executor)) {}
    bool started = false;
    std::optional<T> result;
    rt::Signal changed;
  };
  std::shared_ptr<State> state_;  // shared with the work under way
  boost::asio::any_io_executor home_;
  boost::asio::any_io_executor pool_;
};

}  // namespace i2::stoq
