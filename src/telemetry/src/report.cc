#include <i2/telemetry/report.h>

#include <algorithm>
#include <array>
#include <format>

namespace i2::telemetry {
namespace {

constexpr std::array kQuantiles{0.5, 0.9, 0.99, 0.999};

Distribution distribution_of(const HistogramValue& value, double scale) {
  Distribution out{.count = value.count,
                   .sum = static_cast<double>(value.sum) * scale,
                   .max = static_cast<double>(value.max) * scale,
                   .quantiles = {}};
  if (value.count > 0) {
    for (const double q : kQuantiles) {
      out.quantiles.push_back({.q = q, .value = static_cast<double>(value.quantile(q)) * scale});
    }
  }
  return out;
}

}  // namespace

Family& Report::family(Family wanted) {
  const auto found = std::ranges::find(families_, wanted.name, &Family::name);
  if (found != families_.end()) {
    return *found;
  }
  families_.push_back(std::move(wanted));
  return families_.back();
}

Family& Report::family(const Description& description, std::string_view as_layer) {
  std::string name(description.name);
  const std::string_view layer = as_layer.empty() ? description.layer : as_layer;
  name.replace(name.find('_') + 1, description.layer.size(), layer);
  return family({.name = std::move(name),
                 .layer = std::string(layer),
                 .key = std::string(description.key),
                 .help = std::string(description.help),
                 .kind = description.kind,
                 .samples = {}});
}

void Report::put(Family& to, const Description& description, const std::vector<Label>& labels,
                 std::uint64_t value) {
  Sample sample{.labels = labels, .value = value};
  if (description.scale != 1) {
    sample.value = static_cast<double>(value) * description.scale;
  }
  to.samples.push_back(std::move(sample));
}

void Report::put(Family& to, const Description& description, const std::vector<Label>& labels,
                 std::int64_t value) {
  to.samples.push_back({.labels = labels, .value = static_cast<double>(value) * description.scale});
}

void Report::put(Family& to, const Description& description, const std::vector<Label>& labels,
                 const HistogramValue& value) {
  to.samples.push_back({.labels = labels, .value = distribution_of(value, description.scale)});
}

void Report::add_gauge(std::string_view layer, std::string_view key, std::string_view help,
                       double value, std::vector<Label> labels) {
  family({.name = std::format("i2_{}_{}", layer, key),
          .layer = std::string(layer),
          .key = std::string(key),
          .help = std::string(help),
          .kind = Kind::kGauge,
          .samples = {}})
      .samples.push_back({.labels = std::move(labels), .value = value});
}

}  // namespace i2::telemetry
