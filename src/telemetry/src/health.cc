#include <i2/telemetry/health.h>

#include <algorithm>
#include <format>
#include <utility>

#include "json_text.h"

namespace i2::telemetry {

std::string_view name_of(Health health) {
  switch (health) {
    case Health::kOk:
      return "ok";
    case Health::kDegraded:
      return "degraded";
    case Health::kFailed:
      return "failed";
  }
  std::unreachable();
}

Health HealthReport::overall() const {
  Health out = Health::kOk;
  for (const LayerHealth& layer : layers) {
    out = std::max(out, layer.health);
  }
  return out;
}

std::string to_json(const HealthReport& report) {
  std::string layers;
  for (const LayerHealth& layer : report.layers) {
    layers += std::format("{}{}:{{\"status\":\"{}\"", layers.empty() ? "" : ",",
                          json_text(layer.layer), name_of(layer.health));
    layers += layer.reason.empty() ? "}" : ",\"reason\":" + json_text(layer.reason) + "}";
  }
  return std::format("{{\"status\":\"{}\",\"layers\":{{{}}}}}", name_of(report.overall()), layers);
}

}  // namespace i2::telemetry
