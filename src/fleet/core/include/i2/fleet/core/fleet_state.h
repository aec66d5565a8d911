// What the fleet's own module keeps in the replicated state: who belongs to it, who operates it,
// who issues its certificates, who orders its operations. Keys and values: docs/wire/state.md,
// "Fleet".
//
// Values were written by fleet_module.cc. They are decoded with errors all the same: a snapshot
// comes from another node.
#pragma once

#include <i2/fleet/core/epoch.h>
#include <i2/fleet/core/genesis.h>
#include <i2/fleet/core/operation.h>
#include <i2/trustchain/core/anchor.h>

namespace i2::fleet {

inline constexpr std::string_view kFleetModule = "fleet";
inline constexpr std::uint32_t kMachineVersion = 1;
inline constexpr UnixMillis kEpochMsDefault = 3600ULL * 1000;
inline constexpr std::size_t kReasonSizeMax = 256;
inline constexpr std::size_t kTagSizeMax = 64;

// SHA-256("i2/invite/v1" || SPKI of the invite's Ed25519 key): all that the ledger says of it.
using InviteId = Id256<struct InviteIdTag>;
using AnchorId = Id256<struct AnchorIdTag>;

struct FleetParameters {
  std::uint32_t machine_version = kMachineVersion;
  std::uint32_t proof_policy = 0;  // 0: an operation is proved by signature and nonce
  UnixMillis epoch_ms = kEpochMsDefault;
  friend bool operator==(const FleetParameters&, const FleetParameters&) = default;
};

struct OperatorSet {
  std::uint8_t required = 1;                      // m of n
  std::vector<trustchain::HybridPublicKey> keys;  // ascending by operator id
  friend bool operator==(const OperatorSet&, const OperatorSet&) = default;
};

enum class Admission : std::uint8_t { kGenesis = 1, kOperators = 2, kInvite = 3 };

struct MemberRecord {
  MemberInfo info;
  Admission by = Admission::kGenesis;
  OperationId operation;     // that admitted it; zero for the first member
  std::uint64_t height = 0;  // of the block that did; 0 for the first member
  friend bool operator==(const MemberRecord&, const MemberRecord&) = default;
};

enum class Departure : std::uint8_t { kLeft = 1, kExpelled = 2, kConvicted = 3 };

struct RevokedRecord {
  NodeId node_id;
  std::string name;  // that it had; free again
  Departure how = Departure::kLeft;
  UnixMillis at = 0;
  std::string reason;
  // A member in the states from the first to just before the second.
  std::uint64_t admitted_height = 0;
  std::uint64_t left_height = 0;
  friend bool operator==(const RevokedRecord&, const RevokedRecord&) = default;
};

struct InviteRecord {
  Role role = Role::kNode;
  UnixMillis expiry = 0;
  std::uint32_t uses_left = 1;
  bool revoked = false;
  std::string tag;  // for the operator who made it
  UnixMillis created = 0;
  friend bool operator==(const InviteRecord&, const InviteRecord&) = default;
};

// A validator that was caught lying, with the proof.
struct OffenceRecord {
  NodeId node;
  EpochNumber epoch = 0;
  UnixMillis at = 0;
  Bytes evidence;  // encoded (consensus/evidence.h)
  friend bool operator==(const OffenceRecord&, const OffenceRecord&) = default;
};

struct AccountRecord {
  std::uint64_t next_nonce = 0;
  OperationId last;  // zero before the first
  friend bool operator==(const AccountRecord&, const AccountRecord&) = default;
};

[[nodiscard]] InviteId invite_id(const crypto::PublicKey& invite_key);

// Keys.
[[nodiscard]] Bytes genesis_key();
[[nodiscard]] Bytes parameters_key();
[[nodiscard]] Bytes operators_key();
[[nodiscard]] Bytes root_key();
[[nodiscard]] Bytes member_key(ByteView node_or_its_beginning);
[[nodiscard]] Bytes revoked_key(ByteView node_or_empty);
[[nodiscard]] Bytes name_key(std::string_view name);
// Of those who had the name before.
[[nodiscard]] Bytes former_name_key(std::string_view name, ByteView node_or_empty);
[[nodiscard]] Bytes anchor_key(ByteView anchor_or_empty);
[[nodiscard]] Bytes invite_key(ByteView invite_or_empty);
[[nodiscard]] Bytes account_key(const AccountId& account);
[[nodiscard]] Bytes vote_key_key(const NodeId& node);
[[nodiscard]] Bytes validator_key(ByteView node_or_empty);
[[nodiscard]] Bytes epoch_key();
[[nodiscard]] Bytes past_epoch_key(EpochNumber number);
[[nodiscard]] Bytes last_block_key(EpochNumber number);
[[nodiscard]] Bytes confirmation_key(EpochNumber number, ByteView node_or_empty);
[[nodiscard]] Bytes offence_key(ByteView node_or_empty);

// Values.
[[nodiscard]] Bytes encode(const FleetParameters& value);
[[nodiscard]] Bytes encode(const OperatorSet& value);
[[nodiscard]] Bytes encode(const MemberRecord& value);
[[nodiscard]] Bytes encode(const RevokedRecord& value);
[[nodiscard]] Bytes encode(const InviteRecord& value);
[[nodiscard]] Bytes encode(const AccountRecord& value);
[[nodiscard]] Bytes encode(const OffenceRecord& value);
[[nodiscard]] Bytes encode(const consensus::VotePublicKey& value);
// Error: fleet.state_invalid.
[[nodiscard]] Result<MemberRecord> decode_member_record(ByteView value);
[[nodiscard]] Result<RevokedRecord> decode_revoked_record(ByteView value);
[[nodiscard]] Result<InviteRecord> decode_invite_record(ByteView value);
[[nodiscard]] Result<OffenceRecord> decode_offence_record(ByteView value);

// Whether an invite, as the state has it, may be used at `now`. Errors: trust.invite_unknown,
// trust.invite_revoked, trust.invite_used, trust.invite_expired.
[[nodiscard]] Result<void> check_invite(const std::optional<InviteRecord>& invite, UnixMillis now);

// Typed reading. Every function: fleet.state_invalid for a value that cannot be read; absence is
// not an error where the result is optional.
class FleetState {
 public:
  // `state` must outlive this view.
  explicit FleetState(const ports::StateReader& state) : state_(state) {}

  [[nodiscard]] Result<Genesis> genesis() const;
  [[nodiscard]] Result<FleetParameters> parameters() const;
  [[nodiscard]] Result<OperatorSet> operators() const;
  [[nodiscard]] Result<std::optional<MemberRecord>> member(const NodeId& node) const;
  [[nodiscard]] Result<std::optional<RevokedRecord>> revoked(const NodeId& node) const;
  [[nodiscard]] std::optional<NodeId> node_named(std::string_view name) const;
  // Whether a member had the name in the state of that height, which is not above this one's.
  [[nodiscard]] Result<bool> had_member(std::string_view name, std::uint64_t height) const;
  [[nodiscard]] Result<std::optional<InviteRecord>> invite(const InviteId& invite) const;
  [[nodiscard]] Result<AccountRecord> account(const AccountId& account) const;
  // Ascending by anchor id.
  [[nodiscard]] Result<std::vector<trustchain::AnchorRecord>> anchors() const;
  [[nodiscard]] std::uint64_t member_count() const;
  // What a member votes with, once it has said so.
  [[nodiscard]] Result<std::optional<consensus::VotePublicKey>> vote_key(const NodeId& node) const;
  // The members with that role, ascending; those of the present epoch are in its record.
  [[nodiscard]] std::vector<NodeId> validators() const;
  // The one that the next block belongs to.
  [[nodiscard]] Result<EpochRecord> epoch() const;
  // That one or one of the kPastEpochsMax before it; none for any other.
  [[nodiscard]] Result<std::optional<EpochRecord>> epoch(EpochNumber number) const;
  // With which an epoch ended that is remembered; none before the first block of the next one.
  [[nodiscard]] std::optional<BlockId> last_block(EpochNumber number) const;
  // The operations by which its validators have said so.
  [[nodiscard]] std::vector<OperationId> confirmations(EpochNumber number) const;
  // Ascending by node.
  [[nodiscard]] Result<std::vector<OffenceRecord>> offences() const;
  // When the root's keys left the node that made them; none while they are there.
  [[nodiscard]] Result<std::optional<UnixMillis>> root_exported() const;

 private:
  const ports::StateReader& state_;
};

}  // namespace i2::fleet
