#include <gtest/gtest.h>
#include <i2/rt/clock.h>
#include <i2/rt/runtime.h>
#include <i2/rt/signal.h>
#include <sched.h>

#include <atomic>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <future>
#include <set>
#include <stdexcept>
#include <thread>

namespace i2::rt {
namespace {

namespace asio = boost::asio;
using asio::awaitable;

constexpr std::chrono::seconds kPatience{60};

template <class T>
T get(std::future<T> future) {
  if (future.wait_for(kPatience) != std::future_status::ready) {
    std::fputs("a task did not end\n", stderr);
    std::abort();
  }
  return future.get();
}

template <class T>
T run(const asio::any_io_executor& executor, awaitable<T> task) {
  return get(asio::co_spawn(executor, std::move(task), asio::use_future));
}

std::thread::id thread_of(const asio::any_io_executor& executor) {
  return get(asio::post(executor, asio::use_future([] { return std::this_thread::get_id(); })));
}

constexpr RuntimeConfig kTwoWorkers{.workers = 2, .pool_threads = 2, .worker_cpus = {}};

TEST(Runtime, EachLoopHasOneThreadOfItsOwn) {
  const Runtime runtime(kTwoWorkers);
  ASSERT_EQ(runtime.worker_count(), 2u);
  std::set<std::thread::id> threads{std::this_thread::get_id()};
  for (const auto& executor : {runtime.worker(0), runtime.worker(1), runtime.control()}) {
    const std::thread::id first = thread_of(executor);
    EXPECT_TRUE(threads.insert(first).second);
    for (int i = 0; i < 10; ++i) {
      EXPECT_EQ(thread_of(executor), first);
    }
  }
  EXPECT_FALSE(threads.contains(thread_of(runtime.pool())));
}

TEST(Runtime, ChoosesTheNumberOfWorkers) {
  const Runtime runtime({.workers = 0, .pool_threads = 0, .worker_cpus = {}});
  const std::size_t cores = std::max(1u, std::thread::hardware_concurrency());
  EXPECT_EQ(runtime.worker_count(), std::max<std::size_t>(1, cores - 1));
  EXPECT_NE(thread_of(runtime.pool()), std::thread::id());
}

TEST(Runtime, PinsAWorkerToItsCore) {
  cpu_set_t allowed;
  ASSERT_EQ(sched_getaffinity(0, sizeof allowed, &allowed), 0);
  int last = -1;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(static_cast<std::size_t>(cpu), &allowed)) {
      last = cpu;
    }
  }
  const Runtime runtime({.workers = 1, .pool_threads = 1, .worker_cpus = {last}});
  EXPECT_EQ(get(asio::post(runtime.worker(0), asio::use_future([] { return sched_getcpu(); }))),
            last);
}

TEST(Runtime, StopWaitsForWhatRunsAndDropsTheRest) {
  Runtime runtime(kTwoWorkers);
  std::promise<void> started;
  std::promise<void> release;
  std::atomic<bool> finished = false;
  std::atomic<bool> second_ran = false;
  asio::post(runtime.worker(0), [&] {
    started.set_value();
    release.get_future().wait();
    finished = true;
  });
  get(started.get_future());
  asio::post(runtime.worker(0), [&] { second_ran = true; });
  EXPECT_FALSE(runtime.stopped());
  std::thread stopper([&] { runtime.stop(); });
  // The other loops end first or last, the one that is busy not before it is released.
  release.set_value();
  stopper.join();
  EXPECT_TRUE(runtime.stopped());
  EXPECT_TRUE(finished);
  const bool ran = second_ran;
  asio::post(runtime.worker(1), [&] { second_ran = true; });
  asio::post(runtime.control(), [&] { second_ran = true; });
  asio::post(runtime.pool(), [&] { second_ran = true; });
  runtime.stop();  // again: nothing happens
  EXPECT_EQ(second_ran, ran) << "something ran after stop()";
}

// Counts its destruction.
struct Witness {
  std::atomic<int>* count;
  explicit Witness(std::atomic<int>* counter) : count(counter) {}
  ~Witness() { ++*count; }
  Witness(const Witness&) = delete;
  Witness& operator=(const Witness&) = delete;
};

// Each waits on its executor for what runs on the next one.
awaitable<void> wait_for_ever(std::vector<asio::any_io_executor> rest, std::atomic<int>* destroyed,
                              std::atomic<int>* waiting) {
  const Witness witness(destroyed);
  ++*waiting;
  if (rest.empty()) {
    co_await sleep_for(std::chrono::hours(1));
  } else {
    const auto next = rest.front();
    rest.erase(rest.begin());
    co_await asio::co_spawn(next, wait_for_ever(std::move(rest), destroyed, waiting),
                            asio::use_awaitable);
  }
}

// Whatever order the contexts are destroyed in, some coroutine holds on to one that went first.
TEST(Runtime, DestroysWhatWaitsAcrossItsLoops) {
  std::atomic<int> destroyed = 0;
  std::atomic<int> waiting = 0;
  int expected = 0;
  {
    const Runtime runtime(kTwoWorkers);
    const std::vector<asio::any_io_executor> all{runtime.worker(0), runtime.worker(1),
                                                 runtime.control(), runtime.pool()};
    for (const auto& first : all) {
      for (const auto& second : all) {
        asio::co_spawn(first, wait_for_ever({second}, &destroyed, &waiting), asio::detached);
        asio::co_spawn(first, wait_for_ever({second, first, second}, &destroyed, &waiting),
                       asio::detached);
        expected += 2 + 4;
      }
    }
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (waiting < expected && std::chrono::steady_clock::now() < until) {
      std::this_thread::yield();
    }
    ASSERT_EQ(waiting, expected);
    EXPECT_EQ(destroyed, 0);
  }
  EXPECT_EQ(destroyed, expected);
}

// --- run_on

struct Threads {
  std::thread::id before, work, after;
};

// Neither copyable nor default-constructible, as results may be.
struct Answer {
  explicit Answer(int number) : value(std::make_unique<int>(number)) {}
  std::unique_ptr<int> value;
};

awaitable<int> ask(asio::any_io_executor pool, Threads* threads) {
  threads->before = std::this_thread::get_id();
  const auto work = [threads] {
    threads->work = std::this_thread::get_id();
    return Answer(42);
  };
  const Answer answer = co_await run_on(pool, work);
  threads->after = std::this_thread::get_id();
  co_return *answer.value;
}

TEST(RunOn, WorksOnThePoolAndReturnsHome) {
  const Runtime runtime(kTwoWorkers);
  const std::thread::id home = thread_of(runtime.worker(1));
  for (int i = 0; i < 100; ++i) {
    Threads threads;
    EXPECT_EQ(run(runtime.worker(1), ask(runtime.pool(), &threads)), 42);
    EXPECT_EQ(threads.before, home);
    EXPECT_EQ(threads.after, home);
    EXPECT_NE(threads.work, home);
  }
}

awaitable<std::string> fail_on(asio::any_io_executor pool, Threads* threads) {
  const auto work = []() -> int { throw std::runtime_error("no luck"); };
  try {
    (void)co_await run_on(pool, work);
  } catch (const std::runtime_error& error) {
    threads->after = std::this_thread::get_id();
    co_return error.what();
  }
  co_return "nothing was thrown";
}

TEST(RunOn, BringsAnExceptionHome) {
  const Runtime runtime(kTwoWorkers);
  Threads threads;
  EXPECT_EQ(run(runtime.worker(0), fail_on(runtime.pool(), &threads)), "no luck");
  EXPECT_EQ(threads.after, thread_of(runtime.worker(0)));
}

struct Interruption {
  std::promise<void> started;
  std::promise<void> release;
  std::thread::id after;
  bool aborted = false;
};

awaitable<int> work_and_sleep(asio::any_io_executor pool, Interruption* interruption) {
  const auto work = [interruption] {
    interruption->started.set_value();
    interruption->release.get_future().wait();
    return 7;
  };
  const int result = co_await run_on(pool, work);
  interruption->after = std::this_thread::get_id();
  try {
    co_await sleep_for(std::chrono::hours(1));
  } catch (const boost::system::system_error& error) {
    interruption->aborted = error.code() == asio::error::operation_aborted;
  }
  co_return result;
}

TEST(RunOn, ACancellationWaitsForTheWork) {
  const Runtime runtime(kTwoWorkers);
  asio::cancellation_signal cancel;
  Interruption interruption;
  auto result = asio::co_spawn(runtime.worker(0), work_and_sleep(runtime.pool(), &interruption),
                               asio::bind_cancellation_slot(cancel.slot(), asio::use_future));
  get(interruption.started.get_future());
  cancel.emit(asio::cancellation_type::terminal);
  (void)thread_of(runtime.worker(0));  // the cancellation has arrived there
  interruption.release.set_value();
  EXPECT_EQ(get(std::move(result)), 7);
  EXPECT_EQ(interruption.after, thread_of(runtime.worker(0)));
  EXPECT_TRUE(interruption.aborted);
}

// --- switch_to

awaitable<Threads> visit(asio::any_io_executor other) {
  Threads threads;
  threads.before = std::this_thread::get_id();
  co_await switch_to(other);
  threads.work = std::this_thread::get_id();
  co_await sleep_for(std::chrono::nanoseconds(1));
  threads.after = std::this_thread::get_id();
  co_return threads;
}

TEST(SwitchTo, GoesThereUntilTheNextWait) {
  const Runtime runtime(kTwoWorkers);
  for (int i = 0; i < 100; ++i) {
    const Threads threads = run(runtime.worker(0), visit(runtime.control()));
    EXPECT_EQ(threads.before, thread_of(runtime.worker(0)));
    EXPECT_EQ(threads.work, thread_of(runtime.control()));
    EXPECT_EQ(threads.after, thread_of(runtime.worker(0)));
  }
}

// --- sleep_for

awaitable<Duration> measured_sleep(Duration delay) {
  const SystemClock clock;
  const Timestamp begin = clock.now();
  co_await sleep_for(std::chrono::nanoseconds(delay));
  co_return clock.now() - begin;
}

TEST(SleepFor, TakesItsTime) {
  const Runtime runtime(kTwoWorkers);
  EXPECT_GE(run(runtime.control(), measured_sleep(20 * kMillisecond)), 20 * kMillisecond);
}

awaitable<bool> aborted_sleep(std::promise<void>* started) {
  started->set_value();
  try {
    co_await sleep_for(std::chrono::hours(1));
  } catch (const boost::system::system_error& error) {
    co_return error.code() == asio::error::operation_aborted;
  }
  co_return false;
}

TEST(SleepFor, EndsWhenCancelled) {
  const Runtime runtime(kTwoWorkers);
  asio::cancellation_signal cancel;
  std::promise<void> started;
  auto result = asio::co_spawn(runtime.control(), aborted_sleep(&started),
                               asio::bind_cancellation_slot(cancel.slot(), asio::use_future));
  get(started.get_future());
  cancel.emit(asio::cancellation_type::terminal);
  EXPECT_TRUE(get(std::move(result)));
}

// --- a signal between threads, as it is meant to be used

struct Shared {
  explicit Shared(const asio::any_io_executor& executor) : signal(executor) {}
  Signal signal;
  bool ready = false;
};

awaitable<bool> wait_ready(std::shared_ptr<Shared> shared) {
  while (!shared->ready) {
    co_await shared->signal.wait();
  }
  co_return true;
}

TEST(SignalOfARuntime, IsNotifiedAndCancelledFromOtherThreads) {
  const Runtime runtime(kTwoWorkers);
  for (int i = 0; i < 200; ++i) {
    const auto shared = std::make_shared<Shared>(runtime.worker(0));
    asio::cancellation_signal cancel;
    auto result = asio::co_spawn(runtime.worker(0), wait_ready(shared),
                                 asio::bind_cancellation_slot(cancel.slot(), asio::use_future));
    // Either may come first; both do their part on the executor of the signal.
    asio::post(runtime.worker(0), [shared] {
      shared->ready = true;
      shared->signal.notify();
    });
    cancel.emit(asio::cancellation_type::terminal);
    try {
      EXPECT_TRUE(get(std::move(result)));
    } catch (const boost::system::system_error& error) {
      EXPECT_EQ(error.code(), asio::error::operation_aborted);
    }
  }
}

}  // namespace
}  // namespace i2::rt
