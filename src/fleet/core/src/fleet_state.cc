#include <i2/consensus/evidence.h>
#include <i2/fleet/core/fleet_state.h>
#include <i2/trustchain/core/leaf.h>

#include <algorithm>

#include "root_record.h"

namespace i2::fleet {
namespace {

constexpr std::uint16_t kStateVersion = 1;
constexpr std::uint16_t kParametersType = 0x0220;
constexpr std::uint16_t kOperatorsType = 0x0221;
constexpr std::uint16_t kMemberRecordType = 0x0222;
constexpr std::uint16_t kRevokedType = 0x0223;
constexpr std::uint16_t kInviteType = 0x0224;
constexpr std::uint16_t kAccountType = 0x0225;
constexpr std::uint16_t kRootType = 0x0226;
constexpr std::uint16_t kVoteKeyType = 0x0228;
constexpr std::uint16_t kOffenceType = 0x0229;
constexpr trustchain::Domain kInviteDomain{"i2/invite/v1"};

Bytes key(std::string_view what, ByteView rest = {}) {
  Bytes out = to_bytes(as_bytes(kFleetModule));
  append(out, as_bytes(what));
  append(out, rest);
  return out;
}

Bytes big_endian(EpochNumber number) {
  Bytes out;
  wire::Writer(out).u64(number);
  return out;
}

std::unexpected<Error> invalid_state(std::string_view what) {
  return fail("fleet.state_invalid",
              "the replicated state holds " + std::string(what) + " that cannot be read");
}

bool is_role(Role role) {
  return role == Role::kNode || role == Role::kValidator;
}

}  // namespace

InviteId invite_id(const crypto::PublicKey& invite_key) {
  return InviteId{trustchain::object_id(kInviteDomain, invite_key.spki())};
}

Bytes genesis_key() {
  return key("/genesis");
}
Bytes parameters_key() {
  return key("/parameters");
}
Bytes operators_key() {
  return key("/operators");
}
Bytes root_key() {
  return key("/root");
}
Bytes member_key(ByteView node_or_its_beginning) {
  return key("/member/", node_or_its_beginning);
}
Bytes revoked_key(ByteView node_or_empty) {
  return key("/revoked/", node_or_empty);
}
Bytes name_key(std::string_view name) {
  return key("/name/", as_bytes(name));
}
// A name has no '/'.
Bytes former_name_key(std::string_view name, ByteView node_or_empty) {
  Bytes rest = to_bytes(as_bytes(name));
  rest.push_back('/');
  append(rest, node_or_empty);
  return key("/former/", rest);
}
Bytes anchor_key(ByteView anchor_or_empty) {
  return key("/anchor/", anchor_or_empty);
}
Bytes invite_key(ByteView invite_or_empty) {
  return key("/invite/", invite_or_empty);
}
Bytes account_key(const AccountId& account) {
  return key("/account/", account.view());
}

Bytes vote_key_key(const NodeId& node) {
  return key("/vote-key/", node.view());
}
Bytes validator_key(ByteView node_or_empty) {
  return key("/validator/", node_or_empty);
}
Bytes epoch_key() {
  return key("/epoch");
}
Bytes past_epoch_key(EpochNumber number) {
  return key("/past/", big_endian(number));
}
Bytes last_block_key(EpochNumber number) {
  return key("/last/", big_endian(number));
}
Bytes confirmation_key(EpochNumber number, ByteView node_or_empty) {
  Bytes rest = big_endian(number);
  append(rest, node_or_empty);
  return key("/confirmed/", rest);
}
Bytes offence_key(ByteView node_or_empty) {
  return key("/offence/", node_or_empty);
}

Bytes encode(const FleetParameters& value) {
  wire::CanonicalWriter w(kParametersType, kStateVersion);
  w.u32(value.machine_version);
  w.u32(value.proof_policy);
  w.u64(value.epoch_ms);
  return std::move(w).take();
}

Bytes encode(const OperatorSet& value) {
  wire::CanonicalWriter w(kOperatorsType, kStateVersion);
  w.u8(value.required);
  w.count(value.keys.size());
  for (const auto& operator_key : value.keys) {
    write(w, operator_key);
  }
  return std::move(w).take();
}

Bytes encode(const MemberRecord& value) {
  wire::CanonicalWriter w(kMemberRecordType, kStateVersion);
  write(w, value.info);
  w.u8(static_cast<std::uint8_t>(value.by));
  w.fixed(value.operation.view());
  w.u64(value.height);
  return std::move(w).take();
}

Bytes encode(const RevokedRecord& value) {
  wire::CanonicalWriter w(kRevokedType, kStateVersion);
  w.fixed(value.node_id.view());
  w.text(value.name);
  w.u8(static_cast<std::uint8_t>(value.how));
  w.u64(value.at);
  w.text(value.reason);
  w.u64(value.admitted_height);
  w.u64(value.left_height);
  return std::move(w).take();
}

Bytes encode(const InviteRecord& value) {
  wire::CanonicalWriter w(kInviteType, kStateVersion);
  w.u8(static_cast<std::uint8_t>(value.role));
  w.u64(value.expiry);
  w.u32(value.uses_left);
  w.boolean(value.revoked);
  w.text(value.tag);
  w.u64(value.created);
  return std::move(w).take();
}

Bytes encode(const AccountRecord& value) {
  wire::CanonicalWriter w(kAccountType, kStateVersion);
  w.u64(value.next_nonce);
  w.fixed(value.last.view());
  return std::move(w).take();
}

Bytes encode(const OffenceRecord& value) {
  wire::CanonicalWriter w(kOffenceType, kStateVersion);
  w.fixed(value.node.view());
  w.u64(value.epoch);
  w.u64(value.at);
  w.bytes(value.evidence);
  return std::move(w).take();
}

Bytes encode(const consensus::VotePublicKey& value) {
  wire::CanonicalWriter w(kVoteKeyType, kStateVersion);
  consensus::write(w, value);
  return std::move(w).take();
}

Bytes encode(const RootRecord& value) {
  wire::CanonicalWriter w(kRootType, kStateVersion);
  w.u64(value.exported_at);
  return std::move(w).take();
}

Result<MemberRecord> decode_member_record(ByteView value) {
  wire::CanonicalReader r(value, kMemberRecordType, kStateVersion);
  MemberRecord out;
  out.info = read_member_info(r);
  out.by = Admission{r.u8()};
  out.operation.bytes = r.fixed<32>();
  out.height = r.u64();
  if (!r.finish() || out.by < Admission::kGenesis || out.by > Admission::kInvite) {
    return invalid_state("a member");
  }
  return out;
}

Result<RevokedRecord> decode_revoked_record(ByteView value) {
  wire::CanonicalReader r(value, kRevokedType, kStateVersion);
  RevokedRecord out;
  out.node_id.bytes = r.fixed<32>();
  out.name = r.text(trustchain::kNameSizeMax);
  out.how = Departure{r.u8()};
  out.at = r.u64();
  out.reason = r.text(kReasonSizeMax);
  out.admitted_height = r.u64();
  out.left_height = r.u64();
  if (!r.finish() || out.how < Departure::kLeft || out.how > Departure::kConvicted) {
    return invalid_state("a former member");
  }
  return out;
}

Result<InviteRecord> decode_invite_record(ByteView value) {
  wire::CanonicalReader r(value, kInviteType, kStateVersion);
  InviteRecord out;
  out.role = Role{r.u8()};
  out.expiry = r.u64();
  out.uses_left = r.u32();
  out.revoked = r.boolean();
  out.tag = r.text(kTagSizeMax);
  out.created = r.u64();
  if (!r.finish() || !is_role(out.role)) {
    return invalid_state("an invite");
  }
  return out;
}

Result<OffenceRecord> decode_offence_record(ByteView value) {
  wire::CanonicalReader r(value, kOffenceType, kStateVersion);
  OffenceRecord out;
  out.node.bytes = r.fixed<32>();
  out.epoch = r.u64();
  out.at = r.u64();
  out.evidence = to_bytes(r.bytes(consensus::kEvidenceSizeMax));
  return r.finish() ? Result<OffenceRecord>(std::move(out)) : invalid_state("an offence");
}

Result<void> check_invite(const std::optional<InviteRecord>& invite, UnixMillis now) {
  if (!invite) {
    return fail("trust.invite_unknown", "the fleet knows no such invite: ask for a new one");
  }
  if (invite->revoked) {
    return fail("trust.invite_revoked", "the invite was taken back: ask for a new one");
  }
  if (invite->uses_left == 0) {
    return fail("trust.invite_used", "the invite has been used: ask for a new one");
  }
  if (now >= invite->expiry) {
    return fail("trust.invite_expired", "the invite has expired: ask for a new one");
  }
  return {};
}

Result<Genesis> FleetState::genesis() const {
  const auto value = state_.get(genesis_key());
  if (!value) {
    return invalid_state("no genesis, or one");
  }
  return decode_genesis(*value);
}

Result<FleetParameters> FleetState::parameters() const {
  const auto value = state_.get(parameters_key());
  wire::CanonicalReader r(value.value_or(ByteView{}), kParametersType, kStateVersion);
  FleetParameters out;
  out.machine_version = r.u32();
  out.proof_policy = r.u32();
  out.epoch_ms = r.u64();
  return r.finish() ? Result<FleetParameters>(out) : invalid_state("parameters");
}

Result<OperatorSet> FleetState::operators() const {
  const auto value = state_.get(operators_key());
  wire::CanonicalReader r(value.value_or(ByteView{}), kOperatorsType, kStateVersion);
  OperatorSet out;
  out.required = r.u8();
  const std::size_t count = r.count(kOperatorsMax);
  for (std::size_t i = 0; i < count && r.ok(); ++i) {
    out.keys.push_back(trustchain::read_public_key(r));
  }
  if (!r.finish() || out.required < 1 || out.required > out.keys.size()) {
    return invalid_state("operators");
  }
  return out;
}

Result<std::optional<MemberRecord>> FleetState::member(const NodeId& node) const {
  const auto value = state_.get(member_key(node.view()));
  if (!value) {
    return std::nullopt;
  }
  I2_TRY_VALUE(auto out, decode_member_record(*value));
  return std::optional(std::move(out));
}

Result<std::optional<RevokedRecord>> FleetState::revoked(const NodeId& node) const {
  const auto value = state_.get(revoked_key(node.view()));
  if (!value) {
    return std::nullopt;
  }
  I2_TRY_VALUE(auto out, decode_revoked_record(*value));
  return std::optional(std::move(out));
}

std::optional<NodeId> FleetState::node_named(std::string_view name) const {
  const auto value = state_.get(name_key(name));
  NodeId out;
  if (!value || value->size() != out.bytes.size()) {
    return std::nullopt;
  }
  std::memcpy(out.bytes.data(), value->data(), value->size());
  return out;
}

Result<bool> FleetState::had_member(std::string_view name, std::uint64_t height) const {
  if (!trustchain::is_name(name)) {
    return false;
  }
  if (const auto node = node_named(name)) {
    I2_TRY_VALUE(const auto present, member(*node));
    if (present && height >= present->height) {
      return true;
    }
  }
  const std::size_t prefix = former_name_key(name, {}).size();
  Result<bool> out = false;
  state_.scan(former_name_key(name, {}), {}, [&](ByteView at, ByteView) {
    const auto value = state_.get(revoked_key(at.subspan(prefix)));
    const auto former = decode_revoked_record(value.value_or(ByteView{}));
    if (!former) {
      out = fail(former.error());
    } else {
      out = height >= former->admitted_height && height < former->left_height;
    }
    return former && !*out;
  });
  return out;
}

Result<std::optional<InviteRecord>> FleetState::invite(const InviteId& invite) const {
  const auto value = state_.get(fleet::invite_key(invite.view()));
  if (!value) {
    return std::nullopt;
  }
  I2_TRY_VALUE(auto out, decode_invite_record(*value));
  return std::optional(std::move(out));
}

Result<AccountRecord> FleetState::account(const AccountId& account) const {
  const auto value = state_.get(account_key(account));
  if (!value) {
    return AccountRecord{};
  }
  wire::CanonicalReader r(*value, kAccountType, kStateVersion);
  AccountRecord out;
  out.next_nonce = r.u64();
  out.last.bytes = r.fixed<32>();
  return r.finish() ? Result<AccountRecord>(out) : invalid_state("an account");
}

Result<std::vector<trustchain::AnchorRecord>> FleetState::anchors() const {
  std::vector<trustchain::AnchorRecord> out;
  bool good = true;
  state_.scan(anchor_key({}), {}, [&](ByteView, ByteView value) {
    auto anchor = trustchain::decode_anchor(value);
    good = anchor.has_value();
    if (good) {
      out.push_back(*std::move(anchor));
    }
    return good;
  });
  return good ? Result<std::vector<trustchain::AnchorRecord>>(std::move(out))
              : invalid_state("an anchor");
}

Result<std::optional<consensus::VotePublicKey>> FleetState::vote_key(const NodeId& node) const {
  const auto value = state_.get(vote_key_key(node));
  if (!value) {
    return std::nullopt;
  }
  wire::CanonicalReader r(*value, kVoteKeyType, kStateVersion);
  auto out = consensus::read_vote_public_key(r);
  return r.finish() ? Result<std::optional<consensus::VotePublicKey>>(std::move(out))
                    : invalid_state("a vote key");
}

std::vector<NodeId> FleetState::validators() const {
  std::vector<NodeId> out;
  const std::size_t prefix = validator_key({}).size();
  state_.scan(validator_key({}), {}, [&](ByteView at, ByteView) {
    NodeId node;
    if (at.size() == prefix + node.bytes.size()) {
      std::ranges::copy(at.subspan(prefix), node.bytes.begin());
      out.push_back(node);
    }
    return true;
  });
  return out;
}

Result<EpochRecord> FleetState::epoch() const {
  return decode_epoch_record(state_.get(epoch_key()).value_or(ByteView{}));
}

Result<std::optional<EpochRecord>> FleetState::epoch(EpochNumber number) const {
  I2_TRY_VALUE(EpochRecord present, epoch());
  if (present.number == number) {
    return std::optional(std::move(present));
  }
  const auto value = state_.get(past_epoch_key(number));
  if (!value) {
    return std::nullopt;
  }
  I2_TRY_VALUE(EpochRecord out, decode_epoch_record(*value));
  return std::optional(std::move(out));
}

std::optional<BlockId> FleetState::last_block(EpochNumber number) const {
  const auto value = state_.get(last_block_key(number));
  BlockId out;
  if (!value || value->size() != out.bytes.size()) {
    return std::nullopt;
  }
  std::ranges::copy(*value, out.bytes.begin());
  return out;
}

std::vector<OperationId> FleetState::confirmations(EpochNumber number) const {
  std::vector<OperationId> out;
  state_.scan(confirmation_key(number, {}), {}, [&out](ByteView, ByteView value) {
    OperationId id;
    if (value.size() == id.bytes.size()) {
      std::ranges::copy(value, id.bytes.begin());
      out.push_back(id);
    }
    return true;
  });
  return out;
}

Result<std::vector<OffenceRecord>> FleetState::offences() const {
  std::vector<OffenceRecord> out;
  bool good = true;
  state_.scan(offence_key({}), {}, [&](ByteView, ByteView value) {
    auto record = decode_offence_record(value);
    good = record.has_value();
    if (good) {
      out.push_back(*std::move(record));
    }
    return good;
  });
  return good ? Result<std::vector<OffenceRecord>>(std::move(out)) : invalid_state("an offence");
}

std::uint64_t FleetState::member_count() const {
  return state_.count(member_key({}));
}

Result<std::optional<UnixMillis>> FleetState::root_exported() const {
  const auto value = state_.get(root_key());
  if (!value) {
    return std::nullopt;
  }
  wire::CanonicalReader r(*value, kRootType, kStateVersion);
  const UnixMillis at = r.u64();
  return r.finish() ? Result<std::optional<UnixMillis>>(at) : invalid_state("a root record");
}

}  // namespace i2::fleet
