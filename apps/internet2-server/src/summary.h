// What the verbs that make a node have in common.
#pragma once

#include <i2/fleet/membership.h>

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace i2::app {

[[nodiscard]] nlohmann::json summary_json(const fleet::NodeSummary& summary);
[[nodiscard]] std::string summary_text(const fleet::NodeSummary& summary);

}  // namespace i2::app
