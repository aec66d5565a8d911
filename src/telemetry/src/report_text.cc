// A report as text. Formats: Prometheus exposition format 0.0.4, OpenMetrics 1.0.0, JSON.
#include <i2/telemetry/report.h>

#include <format>
#include <map>
#include <ranges>

#include "json_text.h"

namespace i2::telemetry {
namespace {

// A label's value in both formats, and a help text in OpenMetrics: backslash, quote and line feed
// are escaped. In a help text of the other format quotes stay.
std::string escaped(std::string_view text, bool quotes = true) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
    } else {
      if (c == '\\' || (c == '"' && quotes)) {
        out += '\\';
      }
      out += c;
    }
  }
  return out;
}

std::string labels_text(const std::vector<Label>& labels, std::string_view quantile = {}) {
  std::string out;
  for (const Label& label : labels) {
    out += std::format("{}{}=\"{}\"", out.empty() ? "" : ",", label.name, escaped(label.value));
  }
  if (!quantile.empty()) {
    out += std::format("{}quantile=\"{}\"", out.empty() ? "" : ",", quantile);
  }
  return out.empty() ? out : "{" + out + "}";
}

std::string_view type_of(Kind kind) {
  switch (kind) {
    case Kind::kCounter:
      return "counter";
    case Kind::kGauge:
      return "gauge";
    case Kind::kHistogram:
      return "summary";
  }
  return "gauge";
}

void append_sample(std::string& out, const Family& family, const Sample& sample) {
  const std::string labels = labels_text(sample.labels);
  if (const auto* const whole = std::get_if<std::uint64_t>(&sample.value)) {
    out += std::format("{}{} {}\n", family.name, labels, *whole);
  } else if (const auto* const number = std::get_if<double>(&sample.value)) {
    out += std::format("{}{} {}\n", family.name, labels, *number);
  } else {
    const auto& distribution = std::get<Distribution>(sample.value);
    for (const auto& [q, value] : distribution.quantiles) {
      out += std::format("{}{} {}\n", family.name, labels_text(sample.labels, std::format("{}", q)),
                         value);
    }
    out += std::format("{}_sum{} {}\n", family.name, labels, distribution.sum);
    out += std::format("{}_count{} {}\n", family.name, labels, distribution.count);
  }
}

std::string exposition(const Report& report, bool open_metrics) {
  std::string out;
  for (const Family& family : report.families()) {
    // OpenMetrics names a counter's family without the _total of its samples.
    std::string_view name = family.name;
    if (open_metrics && family.kind == Kind::kCounter && name.ends_with("_total")) {
      name.remove_suffix(6);
    }
    out += std::format("# HELP {} {}\n# TYPE {} {}\n", name, escaped(family.help, open_metrics),
                       name, type_of(family.kind));
    for (const Sample& sample : family.samples) {
      append_sample(out, family, sample);
    }
  }
  return open_metrics ? out + "# EOF\n" : out;
}

std::string value_json(const Sample& sample) {
  if (const auto* const whole = std::get_if<std::uint64_t>(&sample.value)) {
    return std::to_string(*whole);
  }
  if (const auto* const number = std::get_if<double>(&sample.value)) {
    return json_number(*number);
  }
  const auto& distribution = std::get<Distribution>(sample.value);
  std::string out = std::format("{{\"count\":{},\"sum\":{},\"max\":{}", distribution.count,
                                json_number(distribution.sum), json_number(distribution.max));
  for (const auto& [q, value] : distribution.quantiles) {
    std::string digits = std::format("{:g}", q * 100);  // 99.9
    std::erase(digits, '.');
    out += std::format(",\"p{}\":{}", digits, json_number(value));
  }
  return out + "}";
}

std::string family_json(const Family& family) {
  if (family.samples.size() == 1 && family.samples.front().labels.empty()) {
    return value_json(family.samples.front());
  }
  std::string out;
  for (const Sample& sample : family.samples) {
    std::string labels;
    for (const Label& label : sample.labels) {
      labels += std::format("{}{}:{}", labels.empty() ? "" : ",", json_text(label.name),
                            json_text(label.value));
    }
    out += std::format("{}{{\"labels\":{{{}}},\"value\":{}}}", out.empty() ? "" : ",", labels,
                       value_json(sample));
  }
  return "[" + out + "]";
}

}  // namespace

std::string to_prometheus(const Report& report) {
  return exposition(report, false);
}

std::string to_openmetrics(const Report& report) {
  return exposition(report, true);
}

std::string to_json(const Report& report) {
  std::map<std::string_view, std::string> layers;
  for (const Family& family : report.families()) {
    std::string& layer = layers[family.layer];
    layer += std::format("{}{}:{}", layer.empty() ? "" : ",", json_text(family.key),
                         family_json(family));
  }
  std::string out = std::format("{{\"time_ms\":{}", report.time());
  for (const auto& [name, content] : layers) {
    out += std::format(",{}:{{{}}}", json_text(name), content);
  }
  return out + "}";
}

}  // namespace i2::telemetry
