// The verbs about the daemon's own configuration.
#include <format>
#include <nlohmann/json.hpp>

#include "reload.h"
#include "verbs.h"
#include "verbs_json.h"

namespace i2::node {

using nlohmann::json;

Task<Result<std::string>> Verbs::config_reload(AdminCallPtr) {
  I2_CO_TRY_VALUE(const ConfigKeeper::Outcome outcome,
                  reload_config(parts_.config, parts_.transport, parts_.log));
  json warnings = json::array();
  for (const ConfigProblem& warning : outcome.warnings) {
    warnings.push_back(warning.to_string());
  }
  co_return to_line({{"applied", outcome.changes.live},
                     {"restart", outcome.changes.restart},
                     {"warnings", std::move(warnings)}});
}

Task<Result<std::string>> Verbs::config_show(AdminCallPtr) {
  const LoadedConfig running{.config = {}, .warnings = {}, .values = parts_.config.values()};
  json settings = json::array();
  for (const SettingOrigin& entry : running.values) {
    settings.push_back(
        {{"name", std::format("[{}] {}", entry.setting->section, entry.setting->key)},
         {"section", entry.setting->section},
         {"key", entry.setting->key},
         {"value", entry.value},
         {"origin", entry.origin},
         {"live", entry.setting->standing == Standing::kLive}});
  }
  co_return to_line({{"settings", std::move(settings)},
                     {"toml", to_toml(running, false)},
                     {"toml_with_origins", to_toml(running, true)}});
}

}  // namespace i2::node
