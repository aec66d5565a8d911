#include <gtest/gtest.h>
#include <i2/telemetry/health.h>
#include <i2/telemetry/report.h>

namespace i2::telemetry {
namespace {

using ReportedMetrics = Metrics<"test", Metric<Counter, "sent", Unit::kBytes, "Payload \"sent\"">,
                                Metric<Gauge, "connections", Unit::kNone, "Open now">,
                                Metric<Histogram, "handshake", Unit::kNanoseconds, "How long">>;

ReportedMetrics& filled(ReportedMetrics& metrics) {
  metrics.get<"sent_bytes">().add(1452);
  metrics.get<"connections">().set(3);
  for (int i = 0; i < 100; ++i) {
    metrics.get<"handshake_seconds">().record(16);
  }
  return metrics;
}

TEST(Report, Prometheus) {
  ReportedMetrics metrics;
  Report report(1'769'860'800'123);
  report.add(Snapshot(filled(metrics)));
  report.add_gauge("build", "info", "What runs", 1, {{"version", "0.1 \"x\"\n"}});
  EXPECT_EQ(to_prometheus(report),
            "# HELP i2_test_sent_bytes_total Payload \"sent\"\n"
            "# TYPE i2_test_sent_bytes_total counter\n"
            "i2_test_sent_bytes_total 1452\n"
            "# HELP i2_test_connections Open now\n"
            "# TYPE i2_test_connections gauge\n"
            "i2_test_connections 3\n"
            "# HELP i2_test_handshake_seconds How long\n"
            "# TYPE i2_test_handshake_seconds summary\n"
            "i2_test_handshake_seconds{quantile=\"0.5\"} 1.6e-08\n"
            "i2_test_handshake_seconds{quantile=\"0.9\"} 1.6e-08\n"
            "i2_test_handshake_seconds{quantile=\"0.99\"} 1.6e-08\n"
            "i2_test_handshake_seconds{quantile=\"0.999\"} 1.6e-08\n"
            "i2_test_handshake_seconds_sum 1.6000000000000001e-06\n"
            "i2_test_handshake_seconds_count 100\n"
            "# HELP i2_build_info What runs\n"
            "# TYPE i2_build_info gauge\n"
            "i2_build_info{version=\"0.1 \\\"x\\\"\\n\"} 1\n");
}

TEST(Report, OpenMetricsNamesCountersWithoutTotalAndEnds) {
  ReportedMetrics metrics;
  Report report(0);
  report.add(Snapshot(filled(metrics)));
  const std::string text = to_openmetrics(report);
  EXPECT_NE(text.find("# HELP i2_test_sent_bytes Payload \\\"sent\\\"\n"
                      "# TYPE i2_test_sent_bytes counter\n"
                      "i2_test_sent_bytes_total 1452\n"),
            text.npos)
      << text;
  EXPECT_TRUE(text.ends_with("# EOF\n"));
}

TEST(Report, Json) {
  ReportedMetrics metrics;
  Report report(1'769'860'800'123);
  report.add(Snapshot(filled(metrics)));
  report.add_gauge("build", "info", "What runs", 1, {{"version", "0.1"}});
  EXPECT_EQ(to_json(report),
            "{\"time_ms\":1769860800123,"
            "\"build\":{\"info\":[{\"labels\":{\"version\":\"0.1\"},\"value\":1}]},"
            "\"test\":{\"sent_bytes\":1452,\"connections\":3,\"handshake_seconds\":{\"count\":100,"
            "\"sum\":1.6000000000000001e-06,\"max\":1.6e-08,\"p50\":1.6e-08,\"p90\":1.6e-08,"
            "\"p99\":1.6e-08,\"p999\":1.6e-08}}}");
}

TEST(Report, AnEmptyHistogramHasNoQuantiles) {
  ReportedMetrics metrics;
  Report report(0);
  report.add(Snapshot(metrics));
  const std::string text = to_prometheus(report);
  EXPECT_EQ(text.find("quantile"), text.npos);
  EXPECT_NE(text.find("i2_test_handshake_seconds_count 0\n"), text.npos);
}

TEST(Report, PartsHaveNamesOfTheirOwn) {
  ReportedMetrics metrics;
  const Snapshot snapshot(filled(metrics));
  Report report(0);
  report.add(snapshot);
  report.add_as("test_worker", snapshot, {{"worker", "0"}});
  report.add_as("test_worker", snapshot, {{"worker", "1"}});
  const std::string text = to_prometheus(report);
  EXPECT_NE(text.find("i2_test_sent_bytes_total 1452\n"), text.npos);
  EXPECT_NE(text.find("i2_test_worker_sent_bytes_total{worker=\"0\"} 1452\n"
                      "i2_test_worker_sent_bytes_total{worker=\"1\"} 1452\n"),
            text.npos)
      << text;
}

TEST(Health, IsThatOfTheWorstLayer) {
  HealthReport report;
  EXPECT_EQ(report.overall(), Health::kOk);
  report.layers = {{.layer = "trust", .health = Health::kOk, .reason = ""},
                   {.layer = "disk", .health = Health::kDegraded, .reason = "1 \"MiB\" left"}};
  EXPECT_EQ(report.overall(), Health::kDegraded);
  EXPECT_EQ(to_json(report),
            "{\"status\":\"degraded\",\"layers\":{\"trust\":{\"status\":\"ok\"},"
            "\"disk\":{\"status\":\"degraded\",\"reason\":\"1 \\\"MiB\\\" left\"}}}");
  report.layers.push_back({.layer = "x", .health = Health::kFailed, .reason = "y"});
  EXPECT_EQ(report.overall(), Health::kFailed);
}

}  // namespace
}  // namespace i2::telemetry
