// internet2-server: the daemon and, called as `i2` or with a verb, its client.
//
// Where to read on: options.h (the command line), src/node/src/compose.cc (what the daemon is made
// of).
#include <i2/node/daemon.h>

#include <array>
#include <cstdio>
#include <exception>
#include <format>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "options.h"
#include "output.h"
#include "remote.h"
#include "verbs.h"

namespace i2::app {
namespace {

using node::ExitCode;

using Verb = ExitCode (*)(const Options&, const node::Config&);

constexpr std::array<std::pair<std::string_view, Verb>, 25> kVerbs{{
    {"init", run_init},           {"provision", run_provision}, {"join", run_join},
    {"status", run_status},       {"peers", run_peers},         {"path", run_path},
    {"ping", run_ping},           {"send", run_send},           {"recv", run_recv},
    {"bench", run_bench},         {"metrics", run_metrics},     {"doctor", run_doctor},
    {"invite", run_invite},       {"expel", run_expel},         {"leave", run_leave},
    {"operator", run_operator},   {"root", run_root},           {"validator", run_validator},
    {"consensus", run_consensus}, {"backup", run_backup},       {"restore", run_restore},
    {"acme", run_acme},           {"cert", run_cert},           {"ct", run_ct},
    {"token", run_token},
}};

constexpr std::array<std::pair<std::string_view, node::Mode>, 4> kModes{{
    {"development", node::Mode::kDevelopment},
    {"production", node::Mode::kProduction},
    {"bootstrap", node::Mode::kBootstrap},
    {"gateway", node::Mode::kGateway},
}};

std::optional<node::Mode> mode_of(const Options& options) {
  for (const auto& [name, mode] : kModes) {
    if (name == options.verb) {
      return mode;
    }
  }
  if (options.verb.empty() && options.program == "stoq-transport") {
    return node::Mode::kTransport;
  }
  return std::nullopt;
}

ExitCode run(int argc, char** argv) {
  const auto options = parse(argc, argv);
  if (!options) {
    return options.error();
  }
  const Output out(*options);
  if (options->verb == "version") {
    out.result({{"version", I2_VERSION}}, std::format("internet2-server {}\n", I2_VERSION));
    return ExitCode::kOk;
  }
  if (options->verb == "completion") {
    return run_completion(*options);
  }
  if (options->verb == "config") {
    return run_config(*options);
  }
  if (options->verb == "check-config") {
    return run_config_check(*options);
  }
  auto loaded = read_config(*options);
  if (!loaded) {
    return ExitCode::kUsage;
  }
  if (const auto mode = mode_of(*options)) {
    return node::run_daemon({.mode = *mode,
                             .sources = sources_of(*options),
                             .federated = options->federated,
                             .root_authority = options->root_authority,
                             .fleet = options->fleet,
                             .node_name = options->name.empty() ? host_name() : options->name},
                            std::move(*loaded));
  }
  for (const auto& [name, verb] : kVerbs) {
    if (name == options->verb) {
      return verb(*options, loaded->config);
    }
  }
  return ExitCode::kUsage;
}

}  // namespace
}  // namespace i2::app

int main(int argc, char** argv) {
  try {
    return static_cast<int>(i2::app::run(argc, argv));
  } catch (const std::exception& failure) {
    std::fputs(std::format("internet2-server: {}\n", failure.what()).c_str(), stderr);
    return static_cast<int>(i2::node::ExitCode::kFailure);
  }
}
