#include <i2/fleet/core/fleet_operations.h>
#include <i2/fleet/core/seal.h>

#include <algorithm>
#include <set>

namespace i2::fleet {
namespace {

constexpr std::uint16_t kSealVersion = 1;
constexpr std::uint8_t kSignatureTag = 1;
constexpr std::uint8_t kVotesTag = 2;
constexpr std::size_t kPointSizeMax = kSealSizeMax + 1024;

std::unexpected<Error> unsealed(std::string why) {
  return fail("fleet.block_invalid", "the block is not sealed: " + std::move(why));
}

void write(wire::CanonicalWriter& w, const BlockSeal& seal) {
  if (const auto* signature = std::get_if<trustchain::HybridSignature>(&seal)) {
    w.u8(kSignatureTag);
    trustchain::write(w, *signature);
  } else {
    w.u8(kVotesTag);
    consensus::write(w, std::get<consensus::Seal>(seal));
  }
}

BlockSeal read_block_seal(wire::CanonicalReader& r) {
  switch (r.u8()) {
    case kSignatureTag:
      return trustchain::read_signature(r);
    case kVotesTag:
      return consensus::read_seal(r);
    default:
      r.fail();
      return {};
  }
}

// That a quorum of `epoch`'s validators has said that it ended with `last`.
Result<void> check_confirmations(const ChainId& chain, const EpochRecord& epoch,
                                 const BlockId& last,
                                 const std::vector<EpochLink::Confirmation>& confirmations) {
  std::set<NodeId> nodes;
  for (const EpochLink::Confirmation& one : confirmations) {
    const NodeId node = trustchain::node_id(one.identity);
    I2_TRY_VALUE(const Operation operation, decode_operation(one.operation));
    I2_TRY_VALUE(const auto body, decode_fleet_operation(operation.kind, operation.body));
    const auto* const confirmed = std::get_if<ConfirmEpoch>(&body);
    if (confirmed == nullptr || confirmed->epoch != epoch.number || confirmed->last != last ||
        operation.chain_id != chain || operation.account != account_of(node) ||
        !std::ranges::contains(epoch.validators, node, &EpochValidator::node)) {
      return unsealed("a confirmation is about something else");
    }
    I2_TRY(verify_signature(operation, one.identity, true));
    nodes.insert(node);
  }
  return confirmations.empty() || nodes.size() >= quorum(epoch)
             ? Result<void>{}
             : unsealed("too few validators have confirmed the end of their epoch");
}

}  // namespace

Result<SealedHeader> sign_header(const BlockHeader& header,
                                 const trustchain::HybridKey& validator) {
  I2_TRY_VALUE(auto signature, validator.sign(kBlockDomain, encode(header)));
  return SealedHeader{.header = header, .seal = std::move(signature)};
}

Result<EpochRecord> sealing_epoch(const FleetState& state, std::uint64_t height) {
  I2_TRY_VALUE(EpochRecord present, state.epoch());
  if (present.first_height <= height) {
    return present;
  }
  I2_TRY_VALUE(auto before, state.epoch(present.number - 1));
  if (!before) {
    return fail("fleet.state_invalid", "the state does not know the epoch before its own");
  }
  return *std::move(before);
}

Result<Authority> Authority::create(const ChainId& chain, EpochRecord epoch,
                                    const trustchain::HybridPublicKey& sole) {
  Authority out;
  out.chain_ = chain;
  out.epoch_ = std::move(epoch);
  if (out.epoch_.validators.size() > 1) {
    I2_TRY_VALUE(auto set, validator_set(chain, out.epoch_));
    out.validators_ = std::make_shared<const consensus::ValidatorSet>(std::move(set));
    return out;
  }
  if (trustchain::node_id(sole) != out.epoch_.validators.front().node) {
    return fail("fleet.state_invalid", "the only validator has another identity");
  }
  out.sole_ = sole;
  return out;
}

Authority Authority::of(const Genesis& genesis) {
  return create(chain_id(genesis), first_epoch(genesis), genesis.first_member.identity).value();
}

Result<Authority> Authority::after(const EpochLink& link) const {
  // The epoch it is sealed in may be a later one than this: its number is in the votes.
  I2_TRY_VALUE(const Bytes value, read_proof(link.boundary.header.state, epoch_key(), link.proof));
  I2_TRY_VALUE(EpochRecord next, decode_epoch_record(value));
  EpochRecord before = epoch_;
  if (next.number == 0 || next.number <= before.number ||
      next.first_height != link.boundary.header.height + 1) {
    return unsealed("it does not end an epoch");
  }
  before.number = next.number - 1;
  I2_TRY_VALUE(const Authority sealing, in(before));
  I2_TRY(sealing.verify(link.boundary));
  I2_TRY(check_confirmations(chain_, before, id(link.boundary.header), link.confirmations));
  return create(chain_, std::move(next), link.sole.value_or(sole_));
}

Result<Authority> Authority::in(const EpochRecord& epoch) const {
  if (epoch.validators != epoch_.validators || epoch.number < epoch_.number) {
    return unsealed("its epoch has other validators than the fleet is known to have");
  }
  return create(chain_, epoch, sole_);
}

Result<Authority> Authority::of(const FleetState& state) {
  I2_TRY_VALUE(const Genesis genesis, state.genesis());
  I2_TRY_VALUE(EpochRecord epoch, state.epoch());
  trustchain::HybridPublicKey sole;
  if (epoch.validators.size() == 1) {
    I2_TRY_VALUE(const auto member, state.member(epoch.validators.front().node));
    if (!member) {
      return fail("fleet.state_invalid", "the only validator is not a member");
    }
    sole = member->info.identity;
  }
  return create(chain_id(genesis), std::move(epoch), sole);
}

Result<void> Authority::verify(const SealedHeader& sealed) const {
  if (const auto* signature = std::get_if<trustchain::HybridSignature>(&sealed.seal)) {
    return validators_ == nullptr && sealed.header.proposer == trustchain::node_id(sole_) &&
                   sole_.verify(kBlockDomain, encode(sealed.header), *signature)
               ? Result<void>{}
               : unsealed("it is not signed by the member that orders this fleet's operations");
  }
  const auto& votes = std::get<consensus::Seal>(sealed.seal);
  return validators_ != nullptr && votes.proposal.payload == payload_id(id(sealed.header)) &&
                 consensus::verify(*validators_, votes)
             ? Result<void>{}
             : unsealed("two thirds of this fleet's validators have not voted for it");
}

Result<EpochLink> make_link(SealedHeader boundary, const StateTree& state) {
  EpochLink out{.boundary = std::move(boundary),
                .proof = prove(state, epoch_key()),
                .sole = {},
                .confirmations = {}};
  I2_TRY_VALUE(const EpochRecord epoch, FleetState(state).epoch());
  if (epoch.validators.size() == 1) {
    I2_TRY_VALUE(const auto member, FleetState(state).member(epoch.validators.front().node));
    if (!member) {
      return fail("fleet.state_invalid", "the only validator is not a member");
    }
    out.sole = member->info.identity;
  }
  return out;
}

Bytes encode(const EpochLink& link) {
  wire::CanonicalWriter w(kEpochLinkType, kSealVersion);
  w.bytes(encode(link.boundary));
  w.bytes(link.proof);
  w.boolean(link.sole.has_value());
  if (link.sole) {
    trustchain::write(w, *link.sole);
  }
  w.count(link.confirmations.size());
  for (const EpochLink::Confirmation& one : link.confirmations) {
    trustchain::write(w, one.identity);
    w.bytes(one.operation);
  }
  return std::move(w).take();
}

Result<EpochLink> decode_link(ByteView encoding) {
  wire::CanonicalReader r(encoding, kEpochLinkType, kSealVersion);
  auto boundary = decode_snapshot_point(r.bytes(kPointSizeMax));
  EpochLink out;
  out.proof = to_bytes(r.bytes(kChunkSizeMax));
  if (r.boolean()) {
    out.sole = trustchain::read_public_key(r);
  }
  const std::size_t count = r.count(consensus::kValidatorsMax);
  for (std::size_t i = 0; i < count && r.ok(); ++i) {
    EpochLink::Confirmation one{.identity = trustchain::read_public_key(r), .operation = {}};
    one.operation = to_bytes(r.bytes(kOperationSizeMax));
    out.confirmations.push_back(std::move(one));
  }
  if (!r.finish() || !boundary || encoding.size() > kEpochLinkSizeMax) {
    return fail("fleet.block_invalid", "the link between epochs is malformed");
  }
  out.boundary = *std::move(boundary);
  return out;
}

Bytes encode(const BlockSeal& seal) {
  wire::CanonicalWriter w(kSealType, kSealVersion);
  write(w, seal);
  return std::move(w).take();
}

Result<BlockSeal> decode_seal(ByteView encoding) {
  wire::CanonicalReader r(encoding, kSealType, kSealVersion);
  BlockSeal out = read_block_seal(r);
  return encoding.size() <= kSealSizeMax && r.finish() ? Result<BlockSeal>(std::move(out))
                                                       : unsealed("its seal is malformed");
}

Bytes encode(const SealedHeader& sealed) {
  wire::CanonicalWriter w(kSnapshotPointType, kSealVersion);
  fleet::write(w, sealed.header);
  write(w, sealed.seal);
  return std::move(w).take();
}

Result<SealedHeader> decode_snapshot_point(ByteView encoding) {
  wire::CanonicalReader r(encoding, kSnapshotPointType, kSealVersion);
  SealedHeader out;
  out.header = read_block_header(r);
  out.seal = read_block_seal(r);
  if (!r.finish()) {
    return fail("fleet.block_invalid", "the snapshot point is malformed");
  }
  return out;
}

}  // namespace i2::fleet
