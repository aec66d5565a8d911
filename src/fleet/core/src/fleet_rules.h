// What each kind of fleet operation requires and does.
#pragma once

#include <i2/fleet/core/fleet_module.h>

namespace i2::fleet {

struct Rules {
  FleetState state;
  const ports::StateReader& raw;
  const ports::OperationView& operation;
  const ports::BlockContext& block;
};

// fleet_rules.cc: whether it may be done.
[[nodiscard]] Result<void> check(const Rules& rules, const CreateInvite& body);
[[nodiscard]] Result<void> check(const Rules& rules, const RevokeInvite& body);
[[nodiscard]] Result<void> check(const Rules& rules, const Admit& body);
[[nodiscard]] Result<void> check(const Rules& rules, const Register& body);
[[nodiscard]] Result<void> check(const Rules& rules, const Leave& body);
[[nodiscard]] Result<void> check(const Rules& rules, const Expel& body);
[[nodiscard]] Result<void> check(const Rules& rules, const SetRole& body);
[[nodiscard]] Result<void> check(const Rules& rules, const AddAnchor& body);
[[nodiscard]] Result<void> check(const Rules& rules, const RemoveAnchor& body);
[[nodiscard]] Result<void> check(const Rules& rules, const ChangeOperators& body);
[[nodiscard]] Result<void> check(const Rules& rules, const SetParameters& body);
[[nodiscard]] Result<void> check(const Rules& rules, const RootExported& body);
[[nodiscard]] Result<void> check(const Rules& rules, const SetVoteKey& body);
[[nodiscard]] Result<void> check(const Rules& rules, const Convict& body);
[[nodiscard]] Result<void> check(const Rules& rules, const ConfirmEpoch& body);

// The operators after `body`. Error: fleet.operators_invalid.
[[nodiscard]] Result<OperatorSet> changed_operators(const OperatorSet& now,
                                                    const ChangeOperators& body);

struct Change {
  FleetState state;
  ports::StateWriter& writer;
  const ports::OperationView& operation;
  const ports::BlockContext& block;
};

// fleet_changes.cc: doing it, after check().
[[nodiscard]] Result<void> perform(const Change& change, const CreateInvite& body);
[[nodiscard]] Result<void> perform(const Change& change, const RevokeInvite& body);
[[nodiscard]] Result<void> perform(const Change& change, const Admit& body);
[[nodiscard]] Result<void> perform(const Change& change, const Register& body);
[[nodiscard]] Result<void> perform(const Change& change, const Leave& body);
[[nodiscard]] Result<void> perform(const Change& change, const Expel& body);
[[nodiscard]] Result<void> perform(const Change& change, const SetRole& body);
[[nodiscard]] Result<void> perform(const Change& change, const AddAnchor& body);
[[nodiscard]] Result<void> perform(const Change& change, const RemoveAnchor& body);
[[nodiscard]] Result<void> perform(const Change& change, const ChangeOperators& body);
[[nodiscard]] Result<void> perform(const Change& change, const SetParameters& body);
[[nodiscard]] Result<void> perform(const Change& change, const RootExported& body);
[[nodiscard]] Result<void> perform(const Change& change, const SetVoteKey& body);
[[nodiscard]] Result<void> perform(const Change& change, const Convict& body);
[[nodiscard]] Result<void> perform(const Change& change, const ConfirmEpoch& body);

// Whether there are as many invites as there may be.
[[nodiscard]] bool invites_full(const ports::StateReader& state);
// Those that make room then.
[[nodiscard]] std::vector<Bytes> old_invites(const ports::StateReader& state, UnixMillis now);

// The record and the name of a member, and whether it is a validator.
void put_member(ports::StateWriter& state, const MemberRecord& record);

// fleet_epochs.cc. Whom evidence convicts. Errors: fleet.evidence_old, consensus.evidence_invalid.
[[nodiscard]] Result<NodeId> convicted(const FleetState& state, const ChainId& chain,
                                       const Convict& body);
// Whether these could be the validators of an epoch. Errors: fleet.validators_full.
[[nodiscard]] Result<void> check_size(const std::vector<EpochValidator>& validators);
// The validators with their vote keys; without one the key is empty.
[[nodiscard]] Result<std::vector<EpochValidator>> validators_with_keys(const FleetState& state);

}  // namespace i2::fleet
