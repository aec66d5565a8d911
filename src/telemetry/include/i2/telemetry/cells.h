// The cells that code counts in: Counter and Gauge (Histogram: histogram.h).
//
// Threading: one thread writes a cell, any thread may read it. Writes are relaxed loads and stores
// without a lock prefix, so two writers would lose updates.
//
// A cell has a Value, what a snapshot of it holds, and merge(), which adds the Value of another
// worker.
#pragma once

#include <atomic>
#include <cstdint>

namespace i2::telemetry {

enum class Kind : std::uint8_t { kCounter, kGauge, kHistogram };

// What has happened since the start; never decreases.
class Counter {
 public:
  static constexpr Kind kKind = Kind::kCounter;
  using Value = std::uint64_t;

  void add(std::uint64_t more = 1) { value_.store(value() + more, std::memory_order_relaxed); }
  [[nodiscard]] Value value() const { return value_.load(std::memory_order_relaxed); }
  static void merge(Value& into, Value from) { into += from; }

 private:
  std::atomic<Value> value_{0};
};

// What is the case now. The gauges of several workers add up: hold an amount, not a ratio, wherever
// there is more than one worker.
class Gauge {
 public:
  static constexpr Kind kKind = Kind::kGauge;
  using Value = std::int64_t;

  void set(std::int64_t value) { value_.store(value, std::memory_order_relaxed); }
  void add(std::int64_t more) { set(value() + more); }
  [[nodiscard]] Value value() const { return value_.load(std::memory_order_relaxed); }
  static void merge(Value& into, Value from) { into += from; }

 private:
  std::atomic<Value> value_{0};
};

}  // namespace i2::telemetry
