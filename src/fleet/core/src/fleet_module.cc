#include <i2/fleet/core/fleet_module.h>

#include <algorithm>

#include "fleet_rules.h"

namespace i2::fleet {
namespace {

// Alone is what later steps would have to be judged anew after (who the operators are, who was
// convicted), what somebody finds in its block by its id, and what any member may do again and
// again though it costs much more than its size suggests.
constexpr ports::OperationKind kKinds[] = {
    {.kind = kCreateInvite, .name = "invite.create", .high = true},
    {.kind = kRevokeInvite, .name = "invite.revoke", .high = true},
    {.kind = kAdmit, .name = "member.admit", .high = true},
    {.kind = kRegister, .name = "member.register", .high = true},
    {.kind = kLeave, .name = "member.leave", .high = true},
    {.kind = kExpel, .name = "member.expel", .high = true},
    {.kind = kSetRole, .name = "member.role", .high = true},
    {.kind = kAddAnchor, .name = "anchor.add", .high = true},
    {.kind = kRemoveAnchor, .name = "anchor.remove", .high = true},
    {.kind = kChangeOperators, .name = "operators.change", .high = true, .alone = true},
    {.kind = kSetParameters, .name = "parameters.set", .high = true},
    {.kind = kRootExported, .name = "root.exported", .high = true},
    {.kind = kSetVoteKey, .name = "validator.key", .high = true, .alone = true},
    {.kind = kConvict, .name = "validator.convict", .high = true, .alone = true},
    {.kind = kConfirmEpoch, .name = "validator.confirm", .high = true, .alone = true},
};

}  // namespace

void FleetModule::begin(ports::StateWriter& state, const Genesis& genesis) {
  state.put(genesis_key(), encode(genesis));
  state.put(parameters_key(),
            encode(FleetParameters{.machine_version = kMachineVersion,
                                   .proof_policy = genesis.parameters.proof_policy,
                                   .epoch_ms = kEpochMsDefault}));
  state.put(operators_key(),
            encode(OperatorSet{.required = genesis.operators_required, .keys = genesis.operators}));
  put_member(
      state,
      {.info = genesis.first_member, .by = Admission::kGenesis, .operation = {}, .height = 0});
  state.put(epoch_key(), encode(first_epoch(genesis)));
}

std::span<const ports::OperationKind> FleetModule::kinds() const {
  return kKinds;
}

Result<void> FleetModule::decode(std::uint16_t kind, ByteView body) const {
  I2_TRY(decode_fleet_operation(kind, body));
  return {};
}

Result<void> FleetModule::validate(const ports::StateReader& state,
                                   const ports::OperationView& operation,
                                   const ports::BlockContext& block) const {
  I2_TRY_VALUE(const auto body, decode_fleet_operation(operation.kind, operation.body));
  const Rules rules{
      .state = FleetState(state), .raw = state, .operation = operation, .block = block};
  return std::visit([&rules](const auto& typed) { return check(rules, typed); }, body);
}

Result<void> FleetModule::apply(ports::StateWriter& state, const ports::OperationView& operation,
                                const ports::BlockContext& block) const {
  I2_TRY_VALUE(const auto body, decode_fleet_operation(operation.kind, operation.body));
  const Change change{
      .state = FleetState(state), .writer = state, .operation = operation, .block = block};
  return std::visit([&change](const auto& typed) { return perform(change, typed); }, body);
}

Result<std::size_t> FleetModule::operators_required(const ports::StateReader& state) const {
  I2_TRY_VALUE(const OperatorSet operators, FleetState(state).operators());
  return operators.required;
}

ports::Standing FleetModule::standing(const ports::StateReader& state,
                                      const AccountId& account) const {
  if (!state.get(member_key(account.view()))) {
    return ports::Standing::kOther;
  }
  return state.get(validator_key(account.view())) ? ports::Standing::kValidator
                                                  : ports::Standing::kMember;
}

Result<bool> FleetModule::holds_anchor(const ports::StateReader& state,
                                       const AccountId& account) const {
  I2_TRY_VALUE(const auto anchors, FleetState(state).anchors());
  return std::ranges::contains(anchors, NodeId{account.bytes}, &trustchain::AnchorRecord::holder);
}

Result<std::vector<ports::Registry::Anchor>> FleetModule::anchors(
    const ports::StateReader& state) const {
  I2_TRY_VALUE(auto records, FleetState(state).anchors());
  std::vector<Anchor> out;
  for (trustchain::AnchorRecord& record : records) {
    out.push_back({.certificate = std::move(record.certificate), .holder = record.holder});
  }
  return out;
}

Result<std::string> FleetModule::fleet_name(const ports::StateReader& state) const {
  I2_TRY_VALUE(Genesis genesis, FleetState(state).genesis());
  return std::move(genesis.fleet_name);
}

Result<bool> FleetModule::had_member(const ports::StateReader& state, std::string_view name,
                                     std::uint64_t height) const {
  return FleetState(state).had_member(name, height);
}

}  // namespace i2::fleet
