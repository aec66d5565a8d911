// How a program's layers are, as a value: what /health, `i2 status` and the service manager show.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace i2::telemetry {

enum class Health : std::uint8_t {
  kOk,
  kDegraded,  // works, with less than it should have
  kFailed,    // does not do what it is there for
};
// "ok", "degraded", "failed".
[[nodiscard]] std::string_view name_of(Health health);

struct LayerHealth {
  std::string layer;
  Health health = Health::kOk;
  std::string reason;  // for a person; empty when it is well

  friend bool operator==(const LayerHealth&, const LayerHealth&) = default;
};

struct HealthReport {
  std::vector<LayerHealth> layers;  // in the order in which they start

  // That of the layer that is worst off.
  [[nodiscard]] Health overall() const;
  friend bool operator==(const HealthReport&, const HealthReport&) = default;
};

// {"status":"degraded","layers":{"trust":{"status":"degraded","reason":"..."},...}}
[[nodiscard]] std::string to_json(const HealthReport& report);

}  // namespace i2::telemetry
