#include <gtest/gtest.h>
#include <i2/rt/signal.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>
#include <string>
#include <vector>

namespace i2::rt {
namespace {

namespace asio = boost::asio;
using asio::awaitable;

using Log = std::vector<std::string>;

// What a wait() ended with: "name", "name aborted", or "name destroyed".
struct Entry {
  Log* log;
  std::string name;
  bool resumed = false;
  Entry(Log* to, std::string who) : log(to), name(std::move(who)) {}
  ~Entry() {
    if (!resumed) {
      log->push_back(name + " destroyed");
    }
  }
  Entry(const Entry&) = delete;
  Entry& operator=(const Entry&) = delete;
  void end(const std::string& how) {
    resumed = true;
    log->push_back(name + how);
  }
};

awaitable<void> wait_once(Signal* signal, Log* log, std::string name) {
  Entry entry(log, name);
  try {
    co_await signal->wait();
    entry.end("");
  } catch (const boost::system::system_error& error) {
    entry.end(error.code() == asio::error::operation_aborted ? " aborted" : " failed");
  }
}

awaitable<void> wait_twice(Signal* signal, Log* log, std::string name) {
  co_await wait_once(signal, log, name + "1");
  co_await wait_once(signal, log, name + "2");
}

class SignalTest : public ::testing::Test {
 protected:
  void spawn(awaitable<void> task) { asio::co_spawn(io_, std::move(task), asio::detached); }
  void spawn(awaitable<void> task, asio::cancellation_signal& cancel) {
    asio::co_spawn(io_, std::move(task),
                   asio::bind_cancellation_slot(cancel.slot(), asio::detached));
  }
  // Runs what can run now; returns how many handlers that were.
  std::size_t poll() {
    io_.restart();
    return io_.poll();
  }

  Log log_;
  asio::io_context io_{1};
  std::optional<Signal> signal_{io_.get_executor()};
};

TEST_F(SignalTest, WakesEverybodyWhoWaitsInTheOrderOfTheirComing) {
  for (const char* name : {"a", "b", "c"}) {
    spawn(wait_once(&*signal_, &log_, name));
  }
  poll();
  EXPECT_EQ(log_, Log{});
  signal_->notify();
  EXPECT_EQ(log_, Log{}) << "resumed inside notify()";
  poll();
  EXPECT_EQ(log_, (Log{"a", "b", "c"}));
}

TEST_F(SignalTest, IsNotRemembered) {
  signal_->notify();
  spawn(wait_twice(&*signal_, &log_, "a"));
  poll();
  EXPECT_EQ(log_, Log{});
  signal_->notify();
  poll();
  EXPECT_EQ(log_, Log{"a1"}) << "a notification reached a waiter that came after it";
  signal_->notify();
  signal_->notify();
  poll();
  EXPECT_EQ(log_, (Log{"a1", "a2"}));
}

TEST_F(SignalTest, ACancelledWaiterEndsAndTheOthersWaitOn) {
  asio::cancellation_signal cancel;
  spawn(wait_once(&*signal_, &log_, "a"));
  spawn(wait_once(&*signal_, &log_, "b"), cancel);
  spawn(wait_once(&*signal_, &log_, "c"));
  poll();
  cancel.emit(asio::cancellation_type::terminal);
  poll();
  EXPECT_EQ(log_, Log{"b aborted"});
  signal_->notify();
  poll();
  EXPECT_EQ(log_, (Log{"b aborted", "a", "c"}));
}

TEST_F(SignalTest, ACancelledWaiterIsForgotten) {
  for (int i = 0; i < 100; ++i) {
    asio::cancellation_signal cancel;
    spawn(wait_once(&*signal_, &log_, "a"), cancel);
    poll();
    cancel.emit(asio::cancellation_type::terminal);
    poll();
  }
  EXPECT_EQ(log_, Log(100, "a aborted"));
  signal_->notify();
  EXPECT_EQ(poll(), 0u) << "something was still waiting";
}

TEST_F(SignalTest, WhoWasNotifiedFirstIsNoLongerWaiting) {
  asio::cancellation_signal cancel;
  spawn(wait_twice(&*signal_, &log_, "a"), cancel);
  poll();
  signal_->notify();
  cancel.emit(asio::cancellation_type::terminal);
  poll();
  // The second wait was never begun: a cancelled coroutine may not wait for anything more.
  EXPECT_EQ(log_, Log{"a1"});
  signal_->notify();
  EXPECT_EQ(poll(), 0u);
}

TEST_F(SignalTest, ALaterWaitOfTheSameCoroutineCanBeCancelled) {
  asio::cancellation_signal cancel;
  spawn(wait_twice(&*signal_, &log_, "a"), cancel);
  poll();
  signal_->notify();
  poll();
  cancel.emit(asio::cancellation_type::terminal);
  poll();
  EXPECT_EQ(log_, (Log{"a1", "a2 aborted"}));
}

TEST_F(SignalTest, ACancellationThatThisCoroutineDoesNotTakeChangesNothing) {
  asio::cancellation_signal cancel;
  spawn(wait_once(&*signal_, &log_, "a"), cancel);
  poll();
  cancel.emit(asio::cancellation_type::none);
  cancel.emit(asio::cancellation_type::total);  // co_spawn() lets terminal ones through only
  poll();
  EXPECT_EQ(log_, Log{});
  signal_->notify();
  poll();
  EXPECT_EQ(log_, Log{"a"});
}

awaitable<void> wait_or(Signal* signal, asio::steady_timer* timer, Log* log) {
  using namespace asio::experimental::awaitable_operators;
  const auto first = co_await (signal->wait() || timer->async_wait(asio::use_awaitable));
  log->push_back(first.index() == 0 ? "signal" : "timer");
}

TEST_F(SignalTest, WaitsForItselfOrSomethingElse) {
  asio::steady_timer future(io_, std::chrono::hours(1));
  spawn(wait_or(&*signal_, &future, &log_));
  poll();
  signal_->notify();
  poll();
  EXPECT_EQ(log_, Log{"signal"});
  asio::steady_timer past(io_, std::chrono::hours(-1));
  spawn(wait_or(&*signal_, &past, &log_));
  poll();
  EXPECT_EQ(log_, (Log{"signal", "timer"}));
  signal_->notify();
  EXPECT_EQ(poll(), 0u) << "the losing side was still waiting";
}

TEST_F(SignalTest, DestroysWhatStillWaits) {
  asio::cancellation_signal cancel;
  spawn(wait_once(&*signal_, &log_, "a"), cancel);
  spawn(wait_once(&*signal_, &log_, "b"));
  poll();
  signal_.reset();
  poll();
  EXPECT_EQ(log_, (Log{"a destroyed", "b destroyed"}));
  cancel.emit(asio::cancellation_type::terminal);  // finds nobody
  poll();
  EXPECT_EQ(log_.size(), 2u);
}

}  // namespace
}  // namespace i2::rt
