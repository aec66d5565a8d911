// The daemon as a process: signals, limits, exit code.
#pragma once

#include <i2/node/config.h>
#include <i2/node/exit_code.h>

namespace i2::node {

// Runs a node in the foreground until SIGTERM or SIGINT: then it drains and returns kOk. SIGHUP
// reloads. A second SIGTERM or SIGINT ends the process at once. Raises the limit of open files to
// the hard one. Why a node did not start is logged and tells the exit code. Call it on the main
// thread, once, before the process has any other.
[[nodiscard]] ExitCode run_daemon(const Config& config);

}  // namespace i2::node
