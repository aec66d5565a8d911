#include "http_metrics.h"

#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

namespace i2::node {
namespace {

std::string number(double value) {
  std::array<char, 32> text{};
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr};
}

std::string name_of(const MetricValue& value) {
  return "i2_" + std::string(value.layer) + "_" + std::string(value.key);
}

}  // namespace

std::string to_json(const MetricValues& values) {
  nlohmann::json out = nlohmann::json::object();
  for (const MetricValue& value : values) {
    const auto whole = static_cast<std::int64_t>(value.value);
    auto& place = out[std::string(value.layer)][std::string(value.key)];
    if (static_cast<double>(whole) == value.value) {
      place = whole;
    } else {
      place = value.value;
    }
  }
  return out.dump();
}

std::string to_prometheus(const MetricValues& values) {
  std::string out;
  for (const MetricValue& value : values) {
    const std::string name = name_of(value) + (value.counter ? "_total" : "");
    out += "# HELP " + name + " " + std::string(value.help) + "\n";
    out += "# TYPE " + name + (value.counter ? " counter\n" : " gauge\n");
    out += name + " " + number(value.value) + "\n";
  }
  return out;
}

// OpenMetrics 1.0: the family of a counter is named without _total, and the text has an end.
std::string to_openmetrics(const MetricValues& values) {
  std::string out;
  for (const MetricValue& value : values) {
    const std::string name = name_of(value);
    out += "# TYPE " + name + (value.counter ? " counter\n" : " gauge\n");
    out += "# HELP " + name + " " + std::string(value.help) + "\n";
    out += name + (value.counter ? "_total " : " ") + number(value.value) + "\n";
  }
  return out + "# EOF\n";
}

}  // namespace i2::node
