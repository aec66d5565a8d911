// Exit codes of the programs, derived from error codes in one place (docs/errors.md lists both).
#pragma once

#include <string_view>

namespace i2::node {

enum class ExitCode : int {
  kOk = 0,
  kFailure = 1,
  kUsage = 2,
  kNoDaemon = 3,  // or this directory is no node yet
  kUnreachable = 4,
  kDenied = 5,
  kTimeout = 6,
  kExhausted = 7,  // a limit, a quota or the disk
  kIntegrity = 8,  // something is not what it claims to be
};

// `code` is a "layer.reason" string; one that is not in the table is a kFailure.
[[nodiscard]] ExitCode exit_code(std::string_view code);

}  // namespace i2::node
