// A node that founded a fleet nobody joined may become one of another fleet.
#pragma once

#include <i2/fleet/data_dir.h>
#include <i2/fleet/membership.h>

#include <variant>

namespace i2::fleet {

// `there` is a node of another fleet than the wanted one. Error: fleet.already_member.
[[nodiscard]] std::unexpected<Error> already_member(const std::filesystem::path& dir,
                                                    const NodeSummary& there);

// A data directory that is about to become a node, locked for it.
struct Claim {
  DataDirLock lock;
  bool replaces = false;  // a node that is alone in another fleet
};
// Claims `dir` for a node of `fleet`; the node that is there, if it is of that fleet. Errors:
// fleet.already_member when it is of another one and not to be replaced, or not alone in it;
// node.data_dir_*, node.file_failed, those of opening its ledger.
[[nodiscard]] Result<std::variant<Claim, NodeSummary>> claim(const std::filesystem::path& dir,
                                                             const ChainId& fleet, bool replace);

}  // namespace i2::fleet
