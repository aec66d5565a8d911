// The daemon as a process: rights, signals, limits, service manager, exit code.
#pragma once

#include <i2/node/config.h>
#include <i2/node/exit_code.h>
#include <i2/node/safety.h>

#include <string>

namespace i2::node {

struct DaemonOptions {
  Mode mode = Mode::kDevelopment;
  ConfigSources sources;        // for a reload
  bool federated = false;       // kProduction
  bool root_authority = false;  // kBootstrap: found a fleet of these names if there is none
  std::string fleet;
  std::string node_name;
};

// Runs a node in the foreground until SIGTERM or SIGINT: then it drains and returns kOk. SIGHUP
// reads the sources again, and the members of the fleet. A second SIGTERM or SIGINT ends the
// process at once. Started as root it becomes `[node] user` first. Why a node did not start is
// logged and tells the exit code. Call it on the main thread, once, before the process has any
// other.
//
// Under systemd (sd_notify(3)): READY, RELOADING, STOPPING and, with WatchdogSec=, WATCHDOG as long
// as every loop of the node answers.
[[nodiscard]] ExitCode run_daemon(const DaemonOptions& options, LoadedConfig loaded);

}  // namespace i2::node
