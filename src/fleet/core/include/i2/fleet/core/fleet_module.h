// FleetModule: members, operators, invites, anchors and parameters as a part of the replicated
// state. The rules: docs/wire/operation.md, "Kinds".
#pragma once

#include <i2/fleet/core/fleet_operations.h>
#include <i2/ports/registry.h>

namespace i2::fleet {

inline constexpr std::size_t kInvitesMax = 10'000;
// An invite that has expired is remembered for at least so long, to name the reason; then until
// another one needs its place.
inline constexpr UnixMillis kInviteMemoryMs = 30ULL * 24 * 3600 * 1000;
inline constexpr UnixMillis kEpochMsMin = 60'000;
inline constexpr UnixMillis kEpochMsMax = 24ULL * 3600 * 1000;

class FleetModule final : public ports::StateModule, public ports::Registry {
 public:
  // The state of a fleet before its first block.
  static void begin(ports::StateWriter& state, const Genesis& genesis);
  // After the operations of a block, of which there may be none: begins another epoch when the
  // present one is over or others are to validate. Whether it did. `previous`: the block before.
  // Error: fleet.state_invalid.
  [[nodiscard]] static Result<bool> end_block(ports::StateWriter& state,
                                              const ports::BlockContext& block,
                                              const BlockId& previous);

  [[nodiscard]] std::string_view name() const override { return kFleetModule; }
  [[nodiscard]] std::span<const ports::OperationKind> kinds() const override;
  [[nodiscard]] Result<void> decode(std::uint16_t kind, ByteView body) const override;
  // Errors: fleet.operation_account (not for this type of account), fleet.operation_approvals (too
  // few operators), trust.invite_unknown, trust.invite_revoked, trust.invite_used,
  // trust.invite_expired, trust.join_proof, fleet.invite_invalid, fleet.member_foreign,
  // fleet.member_signature, fleet.member_conflict, trust.member_unknown, trust.member_revoked,
  // fleet.name_taken, fleet.members_full, fleet.anchors_full, fleet.anchor_unknown,
  // fleet.anchor_needed, trust.anchor_invalid, fleet.sequencer_needed, fleet.operators_invalid,
  // fleet.parameter_unsupported, fleet.vote_key_needed, fleet.vote_key_invalid,
  // fleet.validators_full, fleet.evidence_old, fleet.confirmation_invalid, consensus.key_invalid,
  // consensus.evidence_invalid, fleet.state_invalid.
  [[nodiscard]] Result<void> validate(const ports::StateReader& state,
                                      const ports::OperationView& operation,
                                      const ports::BlockContext& block) const override;
  [[nodiscard]] Result<void> apply(ports::StateWriter& state, const ports::OperationView& operation,
                                   const ports::BlockContext& block) const override;

  // ports::Registry.
  [[nodiscard]] Result<std::size_t> operators_required(
      const ports::StateReader& state) const override;
  [[nodiscard]] ports::Standing standing(const ports::StateReader& state,
                                         const AccountId& account) const override;
  [[nodiscard]] Result<bool> holds_anchor(const ports::StateReader& state,
                                          const AccountId& account) const override;
  [[nodiscard]] Result<std::vector<Anchor>> anchors(const ports::StateReader& state) const override;
  [[nodiscard]] Result<std::string> fleet_name(const ports::StateReader& state) const override;
  [[nodiscard]] Result<bool> had_member(const ports::StateReader& state, std::string_view name,
                                        std::uint64_t height) const override;
};

}  // namespace i2::fleet
