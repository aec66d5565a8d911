// The node's metrics as JSON, Prometheus text and OpenMetrics.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace i2::node {

struct MetricValue {
  std::string_view layer;
  std::string_view key;  // "sent_bytes"; counters get _total in the texts
  std::string_view help;
  bool counter = true;
  double value = 0;
};
using MetricValues = std::vector<MetricValue>;

[[nodiscard]] std::string to_json(const MetricValues& values);
// Text format 0.0.4.
[[nodiscard]] std::string to_prometheus(const MetricValues& values);
[[nodiscard]] std::string to_openmetrics(const MetricValues& values);

}  // namespace i2::node
