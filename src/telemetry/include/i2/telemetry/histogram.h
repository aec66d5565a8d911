// A histogram of unsigned integers with buckets that grow with the value (log-linear, as in
// HdrHistogram): values below 64 are exact, above that each power of two has 32 buckets, so that an
// edge of the bucket of a value is within 1/32 of the value.
//
// Size: fixed, 1 920 buckets, 15 KiB; the whole range of uint64_t. Recording touches two or three
// cache lines. Threading: as every cell (cells.h).
#pragma once

#include <i2/telemetry/cells.h>

#include <array>
#include <bit>
#include <cstddef>

namespace i2::telemetry {

// Where the buckets lie.
struct Buckets {
  static constexpr unsigned kLinearBits = 5;
  static constexpr std::size_t kPerPower = std::size_t{1} << kLinearBits;
  static constexpr std::size_t kCount = (64 - kLinearBits + 1) * kPerPower;

  [[nodiscard]] static constexpr std::size_t index_of(std::uint64_t value) {
    // The leading bit and the kLinearBits after it select the bucket, the rest is dropped.
    const unsigned dropped = dropped_bits(static_cast<unsigned>(std::bit_width(value)));
    return dropped * kPerPower + static_cast<std::size_t>(value >> dropped);
  }
  // Smallest and largest value of a bucket.
  [[nodiscard]] static constexpr std::uint64_t lower_edge(std::size_t index) {
    const std::size_t dropped = index < 2 * kPerPower ? 0 : index / kPerPower - 1;
    return static_cast<std::uint64_t>(index - dropped * kPerPower) << dropped;
  }
  [[nodiscard]] static constexpr std::uint64_t upper_edge(std::size_t index) {
    return index + 1 < kCount ? lower_edge(index + 1) - 1 : UINT64_MAX;
  }

 private:
  static constexpr unsigned dropped_bits(unsigned width) {
    return width > kLinearBits + 1 ? width - kLinearBits - 1 : 0;
  }
};

// A histogram at one moment: plain numbers that can be copied, merged and asked.
struct HistogramValue {
  std::array<std::uint64_t, Buckets::kCount> buckets{};
  std::uint64_t count = 0;  // always the sum of the buckets
  std::uint64_t sum = 0;    // of the recorded values, modulo 2^64
  std::uint64_t max = 0;    // the largest recorded value, exactly

  // The value that a fraction `q` (0 to 1) of the records does not exceed; at most 1/32 too high,
  // never too low. 0 while nothing is recorded; quantile(1) is max.
  [[nodiscard]] std::uint64_t quantile(double q) const;
  // 0 while nothing is recorded.
  [[nodiscard]] double mean() const;
  void merge(const HistogramValue& other);

  friend bool operator==(const HistogramValue&, const HistogramValue&) = default;
};

class Histogram {
 public:
  static constexpr Kind kKind = Kind::kHistogram;
  using Value = HistogramValue;

  void record(std::uint64_t value);
  // While the writer goes on, a record may be in the buckets and not yet in `sum`, or the other way
  // round; `count` and `max` always agree with the buckets.
  [[nodiscard]] Value value() const;
  static void merge(Value& into, const Value& from) { into.merge(from); }

 private:
  std::array<std::atomic<std::uint64_t>, Buckets::kCount> buckets_{};
  std::atomic<std::uint64_t> sum_{0};
  std::atomic<std::uint64_t> max_{0};
};

}  // namespace i2::telemetry
