// A conversation with the daemon.
#pragma once

#include <i2/node/admin_client.h>
#include <i2/node/config.h>

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "options.h"

namespace i2::app {

// What a request came to: the result, or an error of the daemon or of the way to it.
struct Answer {
  std::string json;  // the result; empty after an error
  std::string code;  // of an error
  std::string message;
  [[nodiscard]] bool ok() const { return code.empty(); }
};

// For what a daemon answers at once.
inline constexpr Duration kShort = 10 * kSecond;

// Asks the daemon of `config`. `options.timeout`, or `default_timeout` without one (kNever: none),
// bounds the whole request. `descriptor` travels with it.
[[nodiscard]] Answer ask(const node::Config& config, const Options& options,
                         const node::AdminRequest& request, Duration default_timeout = kNever,
                         const std::function<void(const nlohmann::json&)>& on_progress = {},
                         std::optional<int> descriptor = std::nullopt);

// Where the configuration of this command line comes from.
[[nodiscard]] node::ConfigSources sources_of(const Options& options);
using ConfigOutcome = std::expected<node::LoadedConfig, std::vector<node::ConfigProblem>>;
void print_problems(const std::vector<node::ConfigProblem>& problems);
// The configuration as this command line sees it; problems have been printed when there is none.
[[nodiscard]] std::optional<node::LoadedConfig> read_config(const Options& options);

}  // namespace i2::app
