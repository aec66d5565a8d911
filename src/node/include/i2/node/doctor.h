// Looking at a machine for what keeps a node from working well. Nothing is changed.
#pragma once

#include <i2/node/config.h>

#include <string>
#include <vector>

namespace i2::node {

enum class Verdict : std::uint8_t { kOk, kWarn, kFail };
// "ok", "warn", "fail".
[[nodiscard]] std::string_view name_of(Verdict verdict);

struct Check {
  std::string name;  // "udp_segmentation"
  Verdict verdict = Verdict::kOk;
  std::string finding;  // what is the case
  std::string remedy;   // what to do about it; empty when it is well
};

// Every check of the machine and of the node's files, in a fixed order. `daemon_runs`: one answers
// on the socket of `config`, so the port may well be in use. Takes well under a second.
[[nodiscard]] std::vector<Check> examine(const Config& config, bool daemon_runs);

}  // namespace i2::node
