// One worker counts while another thread takes snapshots. Under ThreadSanitizer this shows that
// there is no data race; everywhere it shows that what a reader sees never goes backwards and ends
// exact.
#include <gtest/gtest.h>
#include <i2/telemetry/metrics.h>

#include <latch>
#include <thread>

namespace i2::telemetry {
namespace {

using WorkerMetrics =
    Metrics<"test", Metric<Counter, "done", Unit::kNone, "Items done">,
            Metric<Gauge, "open", Unit::kNone, "Items open">,
            Metric<Histogram, "duration", Unit::kNanoseconds, "Time for one item">>;

constexpr std::uint64_t kItems = 200'000;

TEST(Concurrency, AReaderMaySnapshotWhileTheWriterCounts) {
  WorkerMetrics metrics;
  std::latch reader_ready(1);
  std::atomic<bool> finished = false;
  std::thread writer([&] {
    reader_ready.wait();
    for (std::uint64_t item = 1; item <= kItems; ++item) {
      metrics.get<"open">().set(1);
      metrics.get<"duration_seconds">().record(item);
      metrics.get<"done">().add();
      metrics.get<"open">().set(0);
    }
    finished.store(true);
  });

  Snapshot<WorkerMetrics> before;
  reader_ready.count_down();
  bool last = false;
  while (!last) {
    last = finished.load();
    const Snapshot<WorkerMetrics> now(metrics);
    const HistogramValue& durations = now.get<"duration_seconds">();
    ASSERT_GE(now.get<"done">(), before.get<"done">());
    ASSERT_GE(durations.count, before.get<"duration_seconds">().count);
    ASSERT_TRUE(now.get<"open">() == 0 || now.get<"open">() == 1);
    // Values ascend, so the maximum must lie in the highest bucket that was seen.
    ASSERT_EQ(durations.quantile(1), durations.max);
    before = now;
  }
  writer.join();

  EXPECT_EQ(before.get<"done">(), kItems);
  EXPECT_EQ(before.get<"duration_seconds">().count, kItems);
  EXPECT_EQ(before.get<"duration_seconds">().sum, kItems * (kItems + 1) / 2);
  EXPECT_EQ(before.get<"duration_seconds">().max, kItems);
}

}  // namespace
}  // namespace i2::telemetry
