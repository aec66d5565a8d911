#include <i2/node/config_keeper.h>

#include "settings.h"

namespace i2::node {

ConfigKeeper::ConfigKeeper(ConfigSources sources, LoadedConfig loaded,
                           std::function<void(const Config&)> on_change)
    : sources_(std::move(sources)), on_change_(std::move(on_change)), running_(std::move(loaded)) {}

std::expected<ConfigKeeper::Outcome, std::vector<ConfigProblem>> ConfigKeeper::reload() {
  auto wanted = load_config(sources_);
  if (!wanted) {
    return std::unexpected(std::move(wanted).error());
  }
  Outcome out{.changes = {}, .warnings = std::move(wanted->warnings)};
  Config now;
  {
    const std::scoped_lock lock(mutex_);
    out.changes = compare(running_, *wanted);
    for (std::size_t i = 0; i < running_.values.size(); ++i) {
      if (running_.values[i].setting->standing == Standing::kLive) {
        running_.values[i] = wanted->values[i];
      }
    }
    copy_live(running_.config, *wanted);
    now = running_.config;
  }
  on_change_(now);
  return out;
}

Config ConfigKeeper::config() const {
  const std::scoped_lock lock(mutex_);
  return running_.config;
}

std::vector<SettingOrigin> ConfigKeeper::values() const {
  const std::scoped_lock lock(mutex_);
  return running_.values;
}

}  // namespace i2::node
