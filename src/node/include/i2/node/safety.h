// What stands in the way of running a node in production. Pure: facts in, reasons out.
#pragma once

#include <i2/node/config.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace i2::node {

enum class Mode : std::uint8_t {
  kDevelopment,
  kProduction,
  kBootstrap,  // founds a fleet if there is none, then as development
  kTransport,  // connections and certificates alone
  kGateway,    // as kTransport, and HTTP
};
[[nodiscard]] std::string_view name_of(Mode mode);

// What the machine says.
struct SafetyFacts {
  bool runs_as_root = false;   // after [node] user
  bool decides_alone = false;  // for all that --federated asks for
  UnixMillis now = 0;
  std::optional<std::uint32_t> data_dir_mode;     // permission bits, when it is there
  std::optional<std::uint32_t> config_file_mode;  // of --config
  bool config_file_of_other = false;              // belongs to neither root nor the daemon's user
};
// `federated`: --federated. It reads the ledger then, of a data directory that no daemon uses.
[[nodiscard]] SafetyFacts gather_facts(const Config& config,
                                       const std::optional<std::filesystem::path>& file,
                                       bool federated, UnixMillis now);

// Every reason not to start `mode`, empty when there is none. Code: node.unsafe, for a mode that
// the file is not meant for node.mode_differs.
[[nodiscard]] std::vector<Error> reasons_against(const Config& config, Mode mode,
                                                 const SafetyFacts& facts);

}  // namespace i2::node
