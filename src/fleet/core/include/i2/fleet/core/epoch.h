// Epochs: who may seal blocks, and for how long. docs/wire/state.md, "Fleet".
//
// Validators change between epochs only. The block after which an epoch is over says so by the
// state it leads to: that one has the next epoch's record.
#pragma once

#include <i2/consensus/validator_set.h>
#include <i2/consensus/vote_key.h>
#include <i2/fleet/core/block.h>
#include <i2/fleet/core/genesis.h>

#include <memory>

namespace i2::fleet {

using consensus::EpochNumber;

inline constexpr trustchain::Domain kVoteKeyDomain{"i2/vote-key/v1"};
// Epochs that a state remembers: evidence from older ones convicts nobody.
inline constexpr std::size_t kPastEpochsMax = 32;
// Of one set. Fewer when one of them votes with Falcon too: its signatures are 24 times as long.
inline constexpr std::size_t kHybridValidatorsMax = 16;

struct EpochValidator {
  NodeId node;
  consensus::VotePublicKey key;  // none of one that is alone and never voted: it seals as itself
  friend bool operator==(const EpochValidator&, const EpochValidator&) = default;
};

struct EpochRecord {
  EpochNumber number = 0;
  std::uint64_t first_height = 1;
  UnixMillis begin = 0;  // time of the block before
  std::uint32_t machine_version = 1;
  Hash256 seed{};                          // of the order in which validators lead
  std::vector<EpochValidator> validators;  // ascending by node
  friend bool operator==(const EpochRecord&, const EpochRecord&) = default;
};

[[nodiscard]] Bytes encode(const EpochRecord& record);
// Error: fleet.state_invalid.
[[nodiscard]] Result<EpochRecord> decode_epoch_record(ByteView value);

// The one that a fleet begins with: its first member alone.
[[nodiscard]] EpochRecord first_epoch(const Genesis& genesis);
// The seed of the epoch that follows one, after the block `previous`.
[[nodiscard]] Hash256 next_seed(const Hash256& seed, const BlockId& previous);
// Of an epoch with two validators or more. Error: fleet.state_invalid.
[[nodiscard]] Result<consensus::ValidatorSet> validator_set(const ChainId& chain,
                                                            const EpochRecord& epoch);
// How many of them have to agree.
[[nodiscard]] std::size_t quorum(const EpochRecord& epoch);
// How many validators may lie or be away without harm.
[[nodiscard]] std::size_t tolerated(const EpochRecord& epoch);

// What a member signs with a vote key to show that it has it.
[[nodiscard]] Bytes possession_message(const ChainId& chain, const NodeId& node);

}  // namespace i2::fleet
