#include "summary.h"

#include <i2/wire/text.h>
#include <unistd.h>

#include <array>
#include <format>
#include <nlohmann/json.hpp>

#include "verbs.h"

namespace i2::app {

std::string host_name() {
  std::array<char, 256> text{};
  if (::gethostname(text.data(), text.size() - 1) != 0) {
    return "node";
  }
  std::string out;
  for (const char c : std::string_view(text.data())) {
    if (c == '.' || out.size() == 63) {
      break;
    }
    const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    const bool plain = (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9');
    if (plain || !out.empty()) {
      out += plain ? lower : '-';
    }
  }
  while (out.ends_with('-')) {
    out.pop_back();
  }
  return out.empty() ? "node" : out;
}

nlohmann::json summary_json(const fleet::NodeSummary& summary) {
  return {{"fleet", {{"name", summary.fleet_name}, {"chain_id", summary.chain_id.hex()}}},
          {"node",
           {{"name", summary.node_name},
            {"id", summary.node_id.hex()},
            {"short_id", wire::short_id(summary.node_id)}}},
          {"changed", summary.changed}};
}

std::string summary_text(const fleet::NodeSummary& summary) {
  return std::format("fleet  {}  {}\nnode   {}  {}\n", summary.fleet_name, summary.chain_id.hex(),
                     summary.node_name, wire::short_id(summary.node_id));
}

}  // namespace i2::app
