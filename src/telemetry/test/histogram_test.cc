#include <gtest/gtest.h>
#include <i2/telemetry/histogram.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <vector>

namespace i2::telemetry {
namespace {

TEST(Buckets, CoverTheRangeWithoutGapsOrOverlaps) {
  EXPECT_EQ(Buckets::lower_edge(0), 0U);
  EXPECT_EQ(Buckets::upper_edge(Buckets::kCount - 1), UINT64_MAX);
  for (std::size_t i = 0; i < Buckets::kCount; ++i) {
    ASSERT_LE(Buckets::lower_edge(i), Buckets::upper_edge(i));
    ASSERT_EQ(Buckets::index_of(Buckets::lower_edge(i)), i);
    ASSERT_EQ(Buckets::index_of(Buckets::upper_edge(i)), i);
    if (i > 0) {
      ASSERT_EQ(Buckets::upper_edge(i - 1) + 1, Buckets::lower_edge(i));
    }
  }
}

TEST(Buckets, AreExactBelow64AndWithinOneIn32Above) {
  for (std::size_t i = 0; i < Buckets::kCount; ++i) {
    const std::uint64_t lower = Buckets::lower_edge(i);
    const std::uint64_t spread = Buckets::upper_edge(i) - lower;
    ASSERT_LE(spread, lower / 32) << i;
    if (lower < 64) {
      ASSERT_EQ(spread, 0U);
    }
  }
}

TEST(Histogram, AnEmptyOneIsZero) {
  const auto value = std::make_unique<Histogram>()->value();
  EXPECT_EQ(value, HistogramValue{});
  EXPECT_EQ(value.quantile(0.5), 0U);
  EXPECT_EQ(value.mean(), 0.0);
}

TEST(Histogram, SmallValuesAreExact) {
  Histogram histogram;
  for (std::uint64_t value = 1; value <= 50; ++value) {
    histogram.record(value);
  }
  const HistogramValue value = histogram.value();
  EXPECT_EQ(value.count, 50U);
  EXPECT_EQ(value.sum, 1275U);
  EXPECT_EQ(value.max, 50U);
  EXPECT_EQ(value.mean(), 25.5);
  EXPECT_EQ(value.quantile(0), 1U);
  EXPECT_EQ(value.quantile(0.5), 25U);
  EXPECT_EQ(value.quantile(0.501), 26U);
  EXPECT_EQ(value.quantile(0.99), 50U);
  EXPECT_EQ(value.quantile(1), 50U);
}

TEST(Histogram, TakesTheLargestValue) {
  Histogram histogram;
  histogram.record(UINT64_MAX);
  histogram.record(0);
  const HistogramValue value = histogram.value();
  EXPECT_EQ(value.max, UINT64_MAX);
  EXPECT_EQ(value.quantile(1), UINT64_MAX);
  EXPECT_EQ(value.quantile(0.5), 0U);
  EXPECT_EQ(value.buckets.back(), 1U);
}

TEST(Histogram, QuantilesAreWithinTheirBoundOfTheSortedValues) {
  std::mt19937_64 random(1);
  Histogram histogram;
  std::vector<std::uint64_t> sorted;
  for (int i = 0; i < 20'000; ++i) {
    // Spread over twelve powers of ten.
    const std::uint64_t value = random() >> (random() % 40 + 20);
    sorted.push_back(value);
    histogram.record(value);
  }
  std::ranges::sort(sorted);
  const HistogramValue value = histogram.value();
  for (const double q : {0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 1.0}) {
    const auto rank = static_cast<std::size_t>(std::ceil(q * static_cast<double>(sorted.size())));
    const std::uint64_t exact = sorted[std::max<std::size_t>(rank, 1) - 1];
    EXPECT_GE(value.quantile(q), exact) << q;
    EXPECT_LE(value.quantile(q), exact + exact / 32) << q;
  }
  EXPECT_EQ(value.max, sorted.back());
}

TEST(Histogram, MergedIsAsIfOneHadRecordedAll) {
  std::mt19937_64 random(2);
  Histogram one;
  Histogram other;
  Histogram all;
  for (int i = 0; i < 2'000; ++i) {
    const std::uint64_t value = random() >> (random() % 60);
    (i % 3 == 0 ? one : other).record(value);
    all.record(value);
  }
  HistogramValue merged = one.value();
  merged.merge(other.value());
  EXPECT_EQ(merged, all.value());
}

TEST(HistogramDeathTest, AQuantileIsAFraction) {
  const HistogramValue value;
  EXPECT_DEATH(static_cast<void>(value.quantile(99)), "assertion failed");
}

}  // namespace
}  // namespace i2::telemetry
