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
#include <utility>

#include "options.h"
#include "output.h"
#include "remote.h"
#include "verbs.h"

namespace i2::app {
namespace {

using node::ExitCode;

using Verb = ExitCode (*)(const Options&, const node::Config&);

constexpr std::array<std::pair<std::string_view, Verb>, 15> kVerbs{{
    {"init", run_init},
    {"provision", run_provision},
    {"join", run_join},
    {"status", run_status},
    {"peers", run_peers},
    {"path", run_path},
    {"ping", run_ping},
    {"send", run_send},
    {"recv", run_recv},
    {"bench", run_bench},
    {"invite", run_invite},
    {"expel", run_expel},
    {"leave", run_leave},
    {"operator", run_operator},
    {"root", run_root},
}};

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
  const auto config = read_config(*options);
  if (!config) {
    return ExitCode::kUsage;
  }
  if (options->verb == "check-config") {
    out.result({{"ok", true}}, "ok\n");
    return ExitCode::kOk;
  }
  if (options->verb == "development") {
    return node::run_daemon(*config);
  }
  for (const auto& [name, verb] : kVerbs) {
    if (name == options->verb) {
      return verb(*options, *config);
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
