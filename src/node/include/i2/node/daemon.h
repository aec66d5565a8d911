// The daemon as a process: signals, limits, exit code.
#pragma once

#include <i2/node/config.h>
#include <i2/node/exit_code.h>

namespace i2::node {

// Runs a node in the foreground until SIGTERM or SIGINT: then it drains and returns kOk. SIGHUP
// reads `sources` again, and the members of the fleet. A second SIGTERM or SIGINT ends the process
// at once. Why a node did not start is logged and tells the exit code. Call it on the main thread,
// once, before the process has any other.
[[nodiscard]] ExitCode run_daemon(ConfigSources sources, LoadedConfig loaded);

}  // namespace i2::node
