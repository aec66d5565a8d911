// All metrics of a program at one moment, as one immutable value, and its two texts.
//
// A Report is put together once (add, add_labelled) and then only read; whoever serves it holds a
// shared_ptr<const Report>. Values are already in the unit of the metric's name.
#pragma once

#include <i2/base/clock.h>
#include <i2/telemetry/metrics.h>

#include <string>
#include <variant>
#include <vector>

namespace i2::telemetry {

struct Label {
  std::string name;  // a metric word (metrics.h)
  std::string value;

  friend bool operator==(const Label&, const Label&) = default;
};

// What is shown of a histogram.
struct Distribution {
  struct Quantile {
    double q = 0;
    double value = 0;
  };
  std::uint64_t count = 0;
  double sum = 0;
  double max = 0;
  std::vector<Quantile> quantiles;  // 0.5, 0.9, 0.99, 0.999; empty while nothing is recorded
};

struct Sample {
  std::vector<Label> labels;
  std::variant<std::uint64_t, double, Distribution> value;
};

// One metric: name, help and its samples (more than one only with labels).
struct Family {
  std::string name;
  std::string layer;
  std::string key;
  std::string help;
  Kind kind = Kind::kCounter;
  std::vector<Sample> samples;
};

class Report {
 public:
  explicit Report(UnixMillis time) : time_(time) {}

  // Every metric of `snapshot`. The same set of metrics may come again with other labels.
  template <class M>
  void add(const Snapshot<M>& snapshot, const std::vector<Label>& labels = {}) {
    add_as({}, snapshot, labels);
  }
  // The same under the name of another layer: parts of what is shown as a sum under its own.
  template <class M>
  void add_as(std::string_view layer, const Snapshot<M>& snapshot,
              const std::vector<Label>& labels) {
    visit(snapshot, [&](const Description& description, const auto& value) {
      put(family(description, layer), description, labels, value);
    });
  }
  // A gauge that is not part of a set, for what has a value of its own in its labels (build info)
  // or a fraction (seconds).
  void add_gauge(std::string_view layer, std::string_view key, std::string_view help, double value,
                 std::vector<Label> labels = {});

  [[nodiscard]] UnixMillis time() const { return time_; }
  [[nodiscard]] const std::vector<Family>& families() const { return families_; }

 private:
  static void put(Family& to, const Description& description, const std::vector<Label>& labels,
                  std::uint64_t value);
  static void put(Family& to, const Description& description, const std::vector<Label>& labels,
                  std::int64_t value);
  static void put(Family& to, const Description& description, const std::vector<Label>& labels,
                  const HistogramValue& value);
  [[nodiscard]] Family& family(const Description& description, std::string_view as_layer);
  [[nodiscard]] Family& family(Family wanted);

  UnixMillis time_;
  std::vector<Family> families_;
};

// Prometheus text format 0.0.4 (text/plain; version=0.0.4; charset=utf-8). Histograms are
// summaries: their quantiles are exact to 1/32, which no fixed set of buckets would be.
[[nodiscard]] std::string to_prometheus(const Report& report);
// OpenMetrics 1.0 (application/openmetrics-text; version=1.0.0; charset=utf-8).
[[nodiscard]] std::string to_openmetrics(const Report& report);
// {"time_ms":1769860800123,"stoq":{"sent_bytes":1,"handshake_seconds":{"count":1,"sum":..,"p50":..}},...};
// a metric with labels is a list of objects {"labels":{...},"value":...}.
[[nodiscard]] std::string to_json(const Report& report);

}  // namespace i2::telemetry
