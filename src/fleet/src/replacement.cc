#include "replacement.h"

#include <i2/fleet/ledger.h>

#include <format>

#include "ledger_files.h"
#include "setup.h"

namespace i2::fleet {
namespace {

namespace fs = std::filesystem;

Result<std::size_t> count_members(const fs::path& dir) {
  I2_TRY_VALUE(const DataDirVersion version, read_version(dir));
  if (!version.has_ledger) {
    I2_TRY_VALUE(const MemberSet set, read_ledger(dir));
    return set.size();
  }
  const StateMachine machine;
  I2_TRY_VALUE(const auto ledger, open_ledger(dir, machine));
  const auto chain = ledger->chain();
  I2_TRY_VALUE(const MemberSet set, MemberSet::from_state(chain->state, chain->head.height));
  return set.size();
}

// The node in `dir`, if there is one.
Result<std::optional<NodeSummary>> node_there(const fs::path& dir, const ChainId& fleet,
                                              bool replace) {
  I2_TRY_VALUE(const DataDirState state, inspect_data_dir(dir));
  if (state != DataDirState::kComplete) {
    return std::nullopt;
  }
  I2_TRY_VALUE(auto there, describe_node(dir));
  if (there.chain_id != fleet && !replace) {
    return already_member(dir, there);
  }
  return std::optional(std::move(there));
}

Result<void> check_alone(const fs::path& dir, const NodeSummary& there) {
  I2_TRY_VALUE(const std::size_t members, count_members(dir));
  if (members > 1) {
    return fail("fleet.already_member",
                std::format("'{}' is node '{}' of fleet '{}', which has {} members; only a node "
                            "that is alone can be replaced: choose another data directory",
                            dir.string(), there.node_name, there.fleet_name, members));
  }
  return {};
}

}  // namespace

std::unexpected<Error> already_member(const fs::path& dir, const NodeSummary& there) {
  return fail("fleet.already_member",
              std::format("'{}' already is node '{}' of fleet '{}'; choose another data directory "
                          "(`join --replace` puts a node aside that is alone in its fleet)",
                          dir.string(), there.node_name, there.fleet_name));
}

Result<std::variant<Claim, NodeSummary>> claim(const fs::path& dir, const ChainId& fleet,
                                               bool replace) {
  using Out = std::variant<Claim, NodeSummary>;
  I2_TRY_VALUE(auto there, node_there(dir, fleet, replace));
  if (there && there->chain_id == fleet) {
    return Out(*std::move(there));
  }
  I2_TRY(make_data_dir(dir));
  I2_TRY_VALUE(auto lock, DataDirLock::acquire(dir));
  I2_TRY_VALUE(there, node_there(dir, fleet, replace));  // before, it was anybody's
  if (there && there->chain_id == fleet) {
    return Out(*std::move(there));
  }
  if (there) {
    I2_TRY(check_alone(dir, *there));
  }
  return Out(Claim{.lock = std::move(lock), .replaces = there.has_value()});
}

}  // namespace i2::fleet
