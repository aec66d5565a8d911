#include <gtest/gtest.h>
#include <i2/telemetry/metrics.h>

#include <string>
#include <vector>

namespace i2::telemetry {
namespace {

using TestMetrics =
    Metrics<"stoq", Metric<Counter, "sent", Unit::kBytes, "Payload given to the socket">,
            Metric<Counter, "sent_packets", Unit::kNone, "Packets given to the socket">,
            Metric<Gauge, "connections", Unit::kNone, "Open connections">,
            Metric<Gauge, "loss", Unit::kPartsPerMillion, "Packets declared lost">,
            Metric<Histogram, "handshake", Unit::kNanoseconds, "Time to a confirmed handshake">>;

TEST(Metrics, NamesFollowFromTheDefinition) {
  std::vector<std::string> names;
  std::vector<std::string> keys;
  for (const Description& description : TestMetrics::kDescriptions) {
    names.emplace_back(description.name);
    keys.emplace_back(description.key);
    EXPECT_EQ(description.layer, "stoq");
  }
  EXPECT_EQ(names, (std::vector<std::string>{"i2_stoq_sent_bytes_total",
                                             "i2_stoq_sent_packets_total", "i2_stoq_connections",
                                             "i2_stoq_loss_ratio", "i2_stoq_handshake_seconds"}));
  EXPECT_EQ(keys, (std::vector<std::string>{"sent_bytes", "sent_packets", "connections",
                                            "loss_ratio", "handshake_seconds"}));
  const Description& handshake = TestMetrics::kDescriptions[4];
  EXPECT_EQ(handshake.help, "Time to a confirmed handshake");
  EXPECT_EQ(handshake.kind, Kind::kHistogram);
  EXPECT_EQ(handshake.unit, Unit::kNanoseconds);
  EXPECT_DOUBLE_EQ(2'500'000 * handshake.scale, 0.0025);
}

TEST(Metrics, WordsAreLowerCaseAndSinglySeparated) {
  for (const std::string_view good : {"a", "sent", "tls13_failures", "a_b_c2"}) {
    EXPECT_TRUE(is_metric_word(good)) << good;
  }
  for (const std::string_view bad :
       {"", "Sent", "_sent", "sent_", "a__b", "1st", "a-b", "a b", "a_2"}) {
    EXPECT_FALSE(is_metric_word(bad)) << bad;
  }
}

TEST(Metrics, CellsAreFoundByKey) {
  TestMetrics metrics;
  metrics.get<"sent_bytes">().add(1452);
  metrics.get<"sent_packets">().add();
  metrics.get<"connections">().set(3);
  metrics.get<"connections">().add(-1);
  const TestMetrics& readable = metrics;
  EXPECT_EQ(readable.get<"sent_bytes">().value(), 1452U);
  EXPECT_EQ(readable.get<"sent_packets">().value(), 1U);
  EXPECT_EQ(readable.get<"connections">().value(), 2);
}

TEST(Metrics, InstancesDoNotShareCacheLines) {
  EXPECT_EQ(alignof(TestMetrics), 64U);
  EXPECT_EQ(sizeof(TestMetrics) % 64, 0U);
}

struct Line {
  std::string name;
  double value;
  friend bool operator==(const Line&, const Line&) = default;
};

// What an exporter does: plain values, and a quantile for histograms.
struct Lines {
  std::vector<Line>& out;
  void operator()(const Description& d, std::uint64_t value) const {
    out.push_back({std::string(d.name), static_cast<double>(value) * d.scale});
  }
  void operator()(const Description& d, std::int64_t value) const {
    out.push_back({std::string(d.name), static_cast<double>(value) * d.scale});
  }
  void operator()(const Description& d, const HistogramValue& value) const {
    out.push_back({std::string(d.name), static_cast<double>(value.quantile(0.5)) * d.scale});
  }
};

TEST(Metrics, SnapshotsOfWorkersMergeAndAreVisitedInOrder) {
  std::array<TestMetrics, 2> workers;
  workers[0].get<"sent_bytes">().add(100);
  workers[0].get<"connections">().set(2);
  workers[0].get<"handshake_seconds">().record(10);
  workers[0].get<"handshake_seconds">().record(10);
  workers[1].get<"sent_bytes">().add(11);
  workers[1].get<"connections">().set(-1);
  workers[1].get<"loss_ratio">().set(250'000);
  workers[1].get<"handshake_seconds">().record(60);

  Snapshot<TestMetrics> all;
  for (const TestMetrics& worker : workers) {
    all.merge(Snapshot(worker));
  }
  workers[0].get<"sent_bytes">().add(1);  // a snapshot does not follow
  EXPECT_EQ(all.get<"sent_bytes">(), 111U);
  EXPECT_EQ(all.get<"handshake_seconds">().count, 3U);

  std::vector<Line> lines;
  visit(all, Lines{lines});
  EXPECT_EQ(lines, (std::vector<Line>{{"i2_stoq_sent_bytes_total", 111},
                                      {"i2_stoq_sent_packets_total", 0},
                                      {"i2_stoq_connections", 1},
                                      {"i2_stoq_loss_ratio", 0.25},
                                      {"i2_stoq_handshake_seconds", 10 * 1e-9}}));
}

}  // namespace
}  // namespace i2::telemetry
