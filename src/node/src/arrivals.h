// Tells commands that wait for a file that one has come. On the control executor.
#pragma once

#include <i2/rt/signal.h>

#include <cstdint>

namespace i2::node {

class Arrivals {
 public:
  explicit Arrivals(const boost::asio::any_io_executor& control) : changed_(control) {}
  [[nodiscard]] std::uint64_t count() const { return count_; }
  void add() {
    ++count_;
    changed_.notify();
  }
  // The next add() or wake(); look at count() again afterwards.
  [[nodiscard]] boost::asio::awaitable<void> wait() { return changed_.wait(); }
  void wake() { changed_.notify(); }

 private:
  std::uint64_t count_ = 0;
  rt::Signal changed_;
};

}  // namespace i2::node
