// When an epoch ends and who orders operations in the next one.
#include <algorithm>

#include "fleet_rules.h"

namespace i2::fleet {
namespace {

bool has_key(const EpochValidator& validator) {
  return !validator.key.ed25519.empty();
}

// Nobody gets in who cannot vote, and as long as one of the present validators cannot, nobody else
// does: the fleet must not lose those that it has.
Result<std::vector<EpochValidator>> following(const FleetState& state, const EpochRecord& present) {
  I2_TRY_VALUE(auto out, validators_with_keys(state));
  const bool present_cannot = std::ranges::any_of(out, [&present](const EpochValidator& v) {
    return !has_key(v) && std::ranges::contains(present.validators, v.node, &EpochValidator::node);
  });
  std::erase_if(out, [](const EpochValidator& v) { return !has_key(v); });
  if (present_cannot || out.empty() || !check_size(out)) {
    return present.validators;
  }
  return out;
}

void forget_epoch(ports::StateWriter& writer, EpochNumber number) {
  std::vector<Bytes> keys{past_epoch_key(number)};
  if (writer.get(last_block_key(number))) {
    keys.push_back(last_block_key(number));
  }
  writer.scan(confirmation_key(number, {}), {}, [&keys](ByteView key, ByteView) {
    keys.push_back(to_bytes(key));
    return true;
  });
  for (const Bytes& key : keys) {
    writer.erase(key);
  }
}

}  // namespace

Result<std::vector<EpochValidator>> validators_with_keys(const FleetState& state) {
  std::vector<EpochValidator> out;
  for (const NodeId& node : state.validators()) {
    I2_TRY_VALUE(auto key, state.vote_key(node));
    out.push_back({.node = node, .key = std::move(key).value_or(consensus::VotePublicKey{})});
  }
  return out;
}

Result<void> check_size(const std::vector<EpochValidator>& validators) {
  const bool hybrid = std::ranges::any_of(
      validators, [](const EpochValidator& v) { return !v.key.falcon.empty(); });
  const std::size_t most = hybrid ? kHybridValidatorsMax : consensus::kValidatorsMax;
  if (validators.size() > most) {
    return fail("fleet.validators_full",
                "a fleet has at most " + std::to_string(most) + " validators" +
                    (hybrid ? " when one of them votes with Falcon too" : ""));
  }
  return {};
}

Result<bool> FleetModule::end_block(ports::StateWriter& writer, const ports::BlockContext& block,
                                    const BlockId& previous) {
  const FleetState state(writer);
  I2_TRY_VALUE(const EpochRecord present, state.epoch());
  I2_TRY_VALUE(const FleetParameters parameters, state.parameters());
  if (present.number > 0 && block.height == present.first_height) {
    writer.put(last_block_key(present.number - 1), previous.view());
  }
  I2_TRY_VALUE(auto validators, following(state, present));
  if (validators == present.validators && block.time < present.begin + parameters.epoch_ms) {
    return false;
  }
  writer.put(past_epoch_key(present.number), encode(present));
  if (present.number >= kPastEpochsMax) {
    forget_epoch(writer, present.number - kPastEpochsMax);
  }
  writer.put(epoch_key(), encode(EpochRecord{.number = present.number + 1,
                                             .first_height = block.height + 1,
                                             .begin = block.time,
                                             .machine_version = parameters.machine_version,
                                             .seed = next_seed(present.seed, previous),
                                             .validators = std::move(validators)}));
  return true;
}

Result<NodeId> convicted(const FleetState& state, const ChainId& chain, const Convict& body) {
  I2_TRY_VALUE(const auto epoch, state.epoch(body.epoch));
  if (!epoch || epoch->validators.size() < 2) {
    return fail("fleet.evidence_old", "the evidence is from epoch " + std::to_string(body.epoch) +
                                          ", whose validators are not known any more");
  }
  I2_TRY_VALUE(const auto set, validator_set(chain, *epoch));
  I2_TRY_VALUE(const consensus::ValidatorIndex who, consensus::convict(set, body.evidence));
  return set.at(who).node;
}

}  // namespace i2::fleet
