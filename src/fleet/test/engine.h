// What a sequencer is lent: a clock and a thread.
#pragma once

#include <i2/fleet/solo_sequencer.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace i2::fleet::testing {

class FixedClock final : public Clock {
 public:
  explicit FixedClock(UnixMillis at) : time(at) {}
  [[nodiscard]] Timestamp now() const override { return 0; }
  [[nodiscard]] UnixMillis unix_now() const override { return time; }
  std::atomic<UnixMillis> time;
};

// One thread that runs jobs in order.
class Worker {
 public:
  Worker() : thread_([this] { run(); }) {}
  ~Worker() {
    {
      const std::scoped_lock lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  [[nodiscard]] SoloSequencer::Post post() {
    return [this](std::function<void()> job) {
      const std::scoped_lock lock(mutex_);
      jobs_.push_back(std::move(job));
      changed_.notify_all();
    };
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
      if (jobs_.empty()) {
        return;
      }
      auto job = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      job();
      lock.lock();
    }
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> jobs_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace i2::fleet::testing
