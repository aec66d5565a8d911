// ValidatorSet: who votes in one epoch, with which weight and key, and who leads which view.
//
// n >= 3f + 1 by weight: a quorum is floor(2W/3) + 1, so that any two quorums share more than a
// third of the weight. Immutable; may be shared between threads.
#pragma once

#include <i2/base/error.h>
#include <i2/base/ids.h>

#include <memory>
#include <optional>
#include <vector>

namespace i2::consensus {

// Of a fleet: 0, 1, 2, ... Validators change between epochs only.
using EpochNumber = std::uint64_t;
// Of an epoch: 1, 2, ...; 0 stands for what the epoch before has ended with.
using View = std::uint64_t;
// A validator's place in its set.
using ValidatorIndex = std::uint16_t;
using Weight = std::uint64_t;

inline constexpr std::size_t kValidatorsMax = 128;
// Of one vote or proposal: Ed25519, with Falcon-1024 behind it in the hybrid suite.
inline constexpr std::size_t kVoteSignatureSizeMax = 64 + 1462;

// The public half of a vote key.
class VoteVerifier {
 public:
  virtual ~VoteVerifier() = default;
  [[nodiscard]] virtual bool verify(ByteView message, ByteView signature) const = 0;
};

// The private half.
class VoteSigner {
 public:
  virtual ~VoteSigner() = default;
  // Error: crypto.sign.
  [[nodiscard]] virtual Result<Bytes> sign(ByteView message) const = 0;
};

struct Validator {
  NodeId node;
  Weight weight = 1;
  std::shared_ptr<const VoteVerifier> key;  // shared: by the copies of a set
};

class ValidatorSet {
 public:
  // `validators`: 1 to kValidatorsMax, strictly ascending by node, weights from 1 on. `seed`: of
  // the order in which they lead; nobody must have been able to choose it. Error:
  // consensus.set_invalid.
  [[nodiscard]] static Result<ValidatorSet> create(const ChainId& chain, EpochNumber epoch,
                                                   std::vector<Validator> validators,
                                                   const Hash256& seed);

  [[nodiscard]] const ChainId& chain_id() const { return chain_; }
  [[nodiscard]] EpochNumber epoch() const { return epoch_; }
  [[nodiscard]] std::size_t size() const { return validators_.size(); }
  [[nodiscard]] const Validator& at(ValidatorIndex index) const { return validators_[index]; }
  [[nodiscard]] std::optional<ValidatorIndex> find(const NodeId& node) const;
  [[nodiscard]] Weight weight() const { return weight_; }
  [[nodiscard]] Weight quorum() const { return weight_ / 3 * 2 + weight_ % 3 * 2 / 3 + 1; }
  // How much weight may lie without harm: the largest f with W >= 3f + 1.
  [[nodiscard]] Weight tolerated() const { return (weight_ - 1) / 3; }
  [[nodiscard]] ValidatorIndex leader(View view) const;

 private:
  ValidatorSet() = default;

  ChainId chain_;
  EpochNumber epoch_ = 0;
  std::vector<Validator> validators_;
  std::vector<ValidatorIndex> order_;  // who leads views 1, 2, ..., and again
  Weight weight_ = 0;
};

}  // namespace i2::consensus
