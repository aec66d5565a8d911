// A node that founded a fleet nobody joined may become one of another fleet.
#pragma once

#include <i2/fleet/membership.h>

namespace i2::fleet {

// `there` is a node of another fleet than the wanted one. Error: fleet.already_member.
[[nodiscard]] std::unexpected<Error> already_member(const std::filesystem::path& dir,
                                                    const NodeSummary& there);

// The node in `dir`, if there is one. Errors: fleet.already_member when it is of another fleet and
// not to be replaced; node.data_dir_*, those of describe_node().
[[nodiscard]] Result<std::optional<NodeSummary>> node_there(const std::filesystem::path& dir,
                                                            const ChainId& fleet, bool replace);

// Whether `there`, the node in the locked `dir`, is alone in its fleet. Errors:
// fleet.already_member, those of opening its ledger.
[[nodiscard]] Result<void> check_alone(const std::filesystem::path& dir, const NodeSummary& there);

}  // namespace i2::fleet
