#include <i2/base/assert.h>
#include <i2/telemetry/histogram.h>

#include <algorithm>
#include <cmath>

namespace i2::telemetry {
namespace {

void increase(std::atomic<std::uint64_t>& cell, std::uint64_t more) {
  cell.store(cell.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
}

}  // namespace

std::uint64_t HistogramValue::quantile(double q) const {
  I2_ASSERT(q >= 0 && q <= 1);
  if (count == 0) {
    return 0;
  }
  // A product beyond 2^53 is rounded and could reach past the last record, hence min().
  const auto wanted = static_cast<std::uint64_t>(std::ceil(q * static_cast<double>(count)));
  const std::uint64_t rank = std::clamp<std::uint64_t>(wanted, 1, count);
  std::uint64_t seen = 0;
  std::size_t index = 0;
  while ((seen += buckets[index]) < rank) {
    ++index;
  }
  return std::min(Buckets::upper_edge(index), max);
}

double HistogramValue::mean() const {
  return count == 0 ? 0.0 : static_cast<double>(sum) / static_cast<double>(count);
}

void HistogramValue::merge(const HistogramValue& other) {
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    buckets[i] += other.buckets[i];
  }
  count += other.count;
  sum += other.sum;
  max = std::max(max, other.max);
}

void Histogram::record(std::uint64_t value) {
  increase(buckets_[Buckets::index_of(value)], 1);
  increase(sum_, value);
  if (value > max_.load(std::memory_order_relaxed)) {
    max_.store(value, std::memory_order_relaxed);
  }
}

HistogramValue Histogram::value() const {
  HistogramValue out;
  std::size_t highest = 0;
  for (std::size_t i = 0; i < out.buckets.size(); ++i) {
    out.buckets[i] = buckets_[i].load(std::memory_order_relaxed);
    out.count += out.buckets[i];
    if (out.buckets[i] != 0) {
      highest = i;
    }
  }
  out.sum = sum_.load(std::memory_order_relaxed);
  if (out.count > 0) {
    // A maximum seen earlier or later than its bucket is brought back into the highest bucket.
    out.max = std::clamp(max_.load(std::memory_order_relaxed), Buckets::lower_edge(highest),
                         Buckets::upper_edge(highest));
  }
  return out;
}

}  // namespace i2::telemetry
