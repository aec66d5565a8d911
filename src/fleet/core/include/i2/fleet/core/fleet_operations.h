// The bodies of the fleet's own kinds of operation. docs/wire/operation.md, "Kinds".
//
// All of them are marked high. A body is canonical, of the type that is also its kind.
#pragma once

#include <i2/consensus/evidence.h>
#include <i2/consensus/vote_key.h>
#include <i2/fleet/core/join_proof.h>
#include <i2/fleet/core/operation.h>
#include <i2/trustchain/core/trust_operations.h>

#include <concepts>
#include <span>
#include <variant>

namespace i2::fleet {

inline constexpr std::uint16_t kCreateInvite = 0x0401;
inline constexpr std::uint16_t kRevokeInvite = 0x0402;
inline constexpr std::uint16_t kAdmit = 0x0403;
inline constexpr std::uint16_t kRegister = 0x0404;
inline constexpr std::uint16_t kLeave = 0x0405;
inline constexpr std::uint16_t kExpel = 0x0406;
inline constexpr std::uint16_t kSetRole = 0x0407;
inline constexpr std::uint16_t kAddAnchor = 0x0408;
inline constexpr std::uint16_t kRemoveAnchor = 0x0409;
inline constexpr std::uint16_t kChangeOperators = 0x040a;
inline constexpr std::uint16_t kSetParameters = 0x040b;
inline constexpr std::uint16_t kRootExported = 0x040c;
inline constexpr std::uint16_t kSetVoteKey = 0x040d;
inline constexpr std::uint16_t kConvict = 0x040e;
inline constexpr std::uint16_t kConfirmEpoch = 0x040f;

inline constexpr std::uint32_t kInviteUsesMax = 1000;
inline constexpr UnixMillis kInviteLifeMsMax = 30ULL * 24 * 3600 * 1000;

// By an operator: one that may be used `uses` times before `expiry`. Never for a validator.
struct CreateInvite {
  InviteId invite;
  Role role = Role::kNode;
  UnixMillis expiry = 0;
  std::uint32_t uses = 1;
  std::string tag;
};
// By an operator.
struct RevokeInvite {
  InviteId invite;
};
// By any member, its sponsor: the newcomer's proof and the name it gets.
struct Admit {
  JoinProof proof;
  std::string name;
};
// By anybody with an account: a member record that operators have signed.
struct Register {
  Member member;
};
// By the member itself.
struct Leave {};
// By an operator; a validator by as many as the fleet requires.
struct Expel {
  NodeId node;
  std::string reason;
};
// By as many operators as the fleet requires, like all that follow.
struct SetRole {
  NodeId node;
  Role role = Role::kNode;
};
// Signed by the root too. The first one of a fleet needs no operator: its first member, whose it
// is, hands it in.
struct AddAnchor {
  trustchain::AnchorRecord anchor;
};
struct RemoveAnchor {
  AnchorId anchor;
};
struct ChangeOperators {
  std::vector<trustchain::HybridPublicKey> add;  // ascending by operator id
  std::vector<OperatorId> remove;                // ascending
  std::uint8_t required = 1;                     // from then on
};
struct SetParameters {
  FleetParameters parameters;
};
// By an operator: the root's keys are no longer on the node that made them.
struct RootExported {};
// By a member: what it votes with as a validator, from the next epoch on.
struct SetVoteKey {
  consensus::VotePublicKey key;
  Bytes possession;  // the key's signature of possession_message()
};
// By any member: the proof that a validator of `epoch` has lied.
struct Convict {
  EpochNumber epoch = 0;
  consensus::Evidence evidence;
};
// By a validator of an epoch that is over: that it ended with this block. Votes are Ed25519; this
// is signed with Falcon too, as all operations of the fleet are.
struct ConfirmEpoch {
  EpochNumber epoch = 0;
  BlockId last;
};

using FleetOperation = std::variant<CreateInvite, RevokeInvite, Admit, Register, Leave, Expel,
                                    SetRole, AddAnchor, RemoveAnchor, ChangeOperators,
                                    SetParameters, RootExported, SetVoteKey, Convict, ConfirmEpoch>;

[[nodiscard]] std::uint16_t kind_of(const FleetOperation& operation);
[[nodiscard]] Bytes encode(const FleetOperation& operation);
// Form only. Error: fleet.operation_malformed, also for a kind that is not of these.
[[nodiscard]] Result<FleetOperation> decode_fleet_operation(std::uint16_t kind, ByteView body);

// A change of the state that an account asks for, of whichever layer. An operation of one converts.
struct Request {
  Request() = default;
  template <std::convertible_to<FleetOperation> T>
  Request(const T& change)
      : Request(of(FleetOperation(change))) {}  // NOLINT(google-explicit-constructor)
  template <std::convertible_to<trustchain::TrustOperation> T>
  Request(const T& change)  // NOLINT(google-explicit-constructor)
      : Request(of(trustchain::TrustOperation(change))) {}

  std::uint16_t kind = 0;
  bool high = false;  // signed with Falcon too
  Bytes body;

 private:
  static Request of(const FleetOperation& change);
  static Request of(const trustchain::TrustOperation& change);
};

// Makes the operation ask for these: for one by itself, for several as a batch.
void set_body(Operation& operation, std::span<const Request> changes);
// Whether it has to be signed with Falcon too.
[[nodiscard]] bool is_high(std::span<const Request> changes);

}  // namespace i2::fleet
