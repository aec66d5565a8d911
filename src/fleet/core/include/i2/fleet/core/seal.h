// Seals: why a block is final, and who can say so. docs/wire/block.md, "Seal".
//
// A sealed header is a snapshot point: it says which state the fleet had, without what led to it.
#pragma once

#include <i2/consensus/proposal.h>
#include <i2/fleet/core/fleet_state.h>
#include <i2/fleet/core/state_snapshot.h>

#include <memory>
#include <variant>

namespace i2::fleet {

inline constexpr std::uint16_t kSealType = 0x0212;
inline constexpr std::uint16_t kSnapshotPointType = 0x0209;
inline constexpr std::size_t kSealSizeMax = 256 * 1024;  // encoded
inline constexpr std::uint16_t kEpochLinkType = 0x0214;
inline constexpr std::size_t kEpochLinkSizeMax = 512 * 1024;  // encoded

// The signature of a validator that is alone, or the votes of several.
using BlockSeal = std::variant<trustchain::HybridSignature, consensus::Seal>;

struct SealedHeader {
  BlockHeader header;
  BlockSeal seal;
  friend bool operator==(const SealedHeader&, const SealedHeader&) = default;
};

[[nodiscard]] inline consensus::PayloadId payload_id(const BlockId& block) {
  return consensus::PayloadId{block.bytes};
}

// Error: crypto.sign.
[[nodiscard]] Result<SealedHeader> sign_header(const BlockHeader& header,
                                               const trustchain::HybridKey& validator);

// How somebody who knows the genesis learns who seals now: the last block of an epoch after which
// the validators are others, sealed by those before, and the proof that the state it leads to names
// the new ones.
//
// Votes of the usual suite are not post-quantum. Where a quorum of those before has also confirmed
// the epoch's end by operations (ConfirmEpoch), which are signed with Falcon, these come along.
struct EpochLink {
  struct Confirmation {
    trustchain::HybridPublicKey identity;
    Bytes operation;  // encoded
    friend bool operator==(const Confirmation&, const Confirmation&) = default;
  };
  SealedHeader boundary;
  Bytes proof;  // of epoch_key()
  // Of the only validator from then on; none when there are several.
  std::optional<trustchain::HybridPublicKey> sole;
  std::vector<Confirmation> confirmations;  // of a quorum, or none
  friend bool operator==(const EpochLink&, const EpochLink&) = default;
};

// `state`: that the boundary names. Error: fleet.state_invalid.
[[nodiscard]] Result<EpochLink> make_link(SealedHeader boundary, const StateTree& state);
[[nodiscard]] Bytes encode(const EpochLink& link);
// Form only. Error: fleet.block_invalid.
[[nodiscard]] Result<EpochLink> decode_link(ByteView encoding);

// In which the block of this height was sealed that led to `state`: the one before the state's own,
// if it was the last of it. Error: fleet.state_invalid.
[[nodiscard]] Result<EpochRecord> sealing_epoch(const FleetState& state, std::uint64_t height);

// Who seals the blocks of one epoch. A value; may be shared between threads.
class Authority {
 public:
  // `sole`: the identity of the only validator; unused when there are several. Error:
  // fleet.state_invalid.
  [[nodiscard]] static Result<Authority> create(const ChainId& chain, EpochRecord epoch,
                                                const trustchain::HybridPublicKey& sole);
  // Of a fleet's first epoch.
  [[nodiscard]] static Authority of(const Genesis& genesis);
  // Of the state's present epoch. Error: fleet.state_invalid.
  [[nodiscard]] static Result<Authority> of(const FleetState& state);
  // Of the epoch that `link` leads to, from this one or a later one with the same validators. Its
  // confirmations, where it has some, are checked too.
  // Errors: fleet.block_invalid, fleet.snapshot_invalid, fleet.state_invalid.
  [[nodiscard]] Result<Authority> after(const EpochLink& link) const;
  // Of a later epoch with the same validators. Error: fleet.block_invalid: they are not the same.
  [[nodiscard]] Result<Authority> in(const EpochRecord& epoch) const;

  [[nodiscard]] const EpochRecord& epoch() const { return epoch_; }
  // Null when one validator is alone.
  [[nodiscard]] const std::shared_ptr<const consensus::ValidatorSet>& validators() const {
    return validators_;
  }
  // Error: fleet.block_invalid.
  [[nodiscard]] Result<void> verify(const SealedHeader& sealed) const;

 private:
  Authority() = default;
  ChainId chain_;
  EpochRecord epoch_;
  std::shared_ptr<const consensus::ValidatorSet> validators_;  // shared: with engines
  trustchain::HybridPublicKey sole_;
};

[[nodiscard]] Bytes encode(const BlockSeal& seal);
// Form only. Error: fleet.block_invalid.
[[nodiscard]] Result<BlockSeal> decode_seal(ByteView encoding);
[[nodiscard]] Bytes encode(const SealedHeader& sealed);
// Form only. Error: fleet.block_invalid.
[[nodiscard]] Result<SealedHeader> decode_snapshot_point(ByteView encoding);

}  // namespace i2::fleet
