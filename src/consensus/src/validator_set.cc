#include <i2/base/assert.h>
#include <i2/consensus/validator_set.h>
#include <i2/crypto/hash.h>

#include <algorithm>
#include <limits>

namespace i2::consensus {
namespace {

constexpr std::string_view kLeadersDomain = "i2/leaders/v1";

// By the hash of each validator with the seed: a permutation that nobody can steer.
std::vector<ValidatorIndex> leaders(const std::vector<Validator>& validators, const Hash256& seed) {
  std::vector<std::pair<Hash256, ValidatorIndex>> ranked;
  for (std::size_t i = 0; i < validators.size(); ++i) {
    ranked.emplace_back(crypto::sha256({as_bytes(kLeadersDomain), seed, validators[i].node.view()}),
                        static_cast<ValidatorIndex>(i));
  }
  std::ranges::sort(ranked);
  std::vector<ValidatorIndex> out;
  for (const auto& entry : ranked) {
    out.push_back(entry.second);
  }
  return out;
}

}  // namespace

Result<ValidatorSet> ValidatorSet::create(const ChainId& chain, EpochNumber epoch,
                                          std::vector<Validator> validators, const Hash256& seed) {
  const auto invalid = [](const char* why) {
    return fail("consensus.set_invalid", std::string("not a set of validators: ") + why);
  };
  if (validators.empty() || validators.size() > kValidatorsMax) {
    return invalid("it is empty or too large");
  }
  ValidatorSet out;
  for (const Validator& validator : validators) {
    if (validator.weight == 0 ||
        validator.weight > std::numeric_limits<Weight>::max() / kValidatorsMax) {
      return invalid("a weight is not possible");
    }
    if (validator.key == nullptr) {
      return invalid("a key is missing");
    }
    out.weight_ += validator.weight;
  }
  if (!std::ranges::is_sorted(validators, {}, &Validator::node) ||
      std::ranges::adjacent_find(validators, {}, &Validator::node) != validators.end()) {
    return invalid("it is not in order");
  }
  out.chain_ = chain;
  out.epoch_ = epoch;
  out.order_ = leaders(validators, seed);
  out.validators_ = std::move(validators);
  return out;
}

std::optional<ValidatorIndex> ValidatorSet::find(const NodeId& node) const {
  const auto at = std::ranges::lower_bound(validators_, node, {}, &Validator::node);
  if (at == validators_.end() || at->node != node) {
    return std::nullopt;
  }
  return static_cast<ValidatorIndex>(at - validators_.begin());
}

ValidatorIndex ValidatorSet::leader(View view) const {
  I2_ASSERT(view > 0);
  return order_[(view - 1) % order_.size()];
}

}  // namespace i2::consensus
