// The configuration of a running daemon: where it came from, and what a reload makes of it.
//
// Settings that are kLive follow the sources at reload(); all others stay as they were at the
// start, and every reload says which of them the daemon would have to be started again for.
// Thread-safe.
#pragma once

#include <i2/node/config.h>

#include <functional>
#include <mutex>

namespace i2::node {

class ConfigKeeper {
 public:
  // `on_change` is called by reload() with the new configuration, on its thread.
  ConfigKeeper(ConfigSources sources, LoadedConfig loaded,
               std::function<void(const Config&)> on_change);
  ConfigKeeper(const ConfigKeeper&) = delete;
  ConfigKeeper& operator=(const ConfigKeeper&) = delete;

  struct Outcome {
    ConfigChanges changes;  // `restart` counts from the start, `live` from the last reload
    std::vector<ConfigProblem> warnings;
  };
  // Reads all sources again. With a problem nothing changes.
  [[nodiscard]] std::expected<Outcome, std::vector<ConfigProblem>> reload();

  // As it is in effect now.
  [[nodiscard]] Config config() const;
  [[nodiscard]] std::vector<SettingOrigin> values() const;

 private:
  const ConfigSources sources_;
  const std::function<void(const Config&)> on_change_;
  mutable std::mutex mutex_;
  LoadedConfig running_;
};

}  // namespace i2::node
