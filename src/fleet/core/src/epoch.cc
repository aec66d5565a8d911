#include <i2/crypto/hash.h>
#include <i2/fleet/core/epoch.h>

#include <algorithm>

namespace i2::fleet {
namespace {

constexpr std::uint16_t kEpochType = 0x0227;
constexpr std::uint16_t kPossessionType = 0x0213;
constexpr std::uint16_t kEpochVersion = 1;
constexpr std::string_view kSeedDomain = "i2/epoch-seed/v1";

std::unexpected<Error> invalid_epoch() {
  return fail("fleet.state_invalid", "the replicated state holds an epoch that cannot be read");
}

bool in_order(const std::vector<EpochValidator>& validators) {
  return std::ranges::adjacent_find(validators, std::ranges::greater_equal{},
                                    &EpochValidator::node) == validators.end();
}

}  // namespace

Bytes encode(const EpochRecord& record) {
  wire::CanonicalWriter w(kEpochType, kEpochVersion);
  w.u64(record.number);
  w.u64(record.first_height);
  w.u64(record.begin);
  w.u32(record.machine_version);
  w.fixed(record.seed);
  w.count(record.validators.size());
  for (const EpochValidator& validator : record.validators) {
    w.fixed(validator.node.view());
    consensus::write(w, validator.key);
  }
  return std::move(w).take();
}

Result<EpochRecord> decode_epoch_record(ByteView value) {
  wire::CanonicalReader r(value, kEpochType, kEpochVersion);
  EpochRecord out;
  out.number = r.u64();
  out.first_height = r.u64();
  out.begin = r.u64();
  out.machine_version = r.u32();
  out.seed = r.fixed<32>();
  const std::size_t count = r.count(consensus::kValidatorsMax);
  for (std::size_t i = 0; i < count && r.ok(); ++i) {
    EpochValidator validator;
    validator.node.bytes = r.fixed<32>();
    validator.key = consensus::read_vote_public_key(r);
    out.validators.push_back(std::move(validator));
  }
  if (!r.finish() || out.validators.empty() || !in_order(out.validators)) {
    return invalid_epoch();
  }
  return out;
}

EpochRecord first_epoch(const Genesis& genesis) {
  return {.number = 0,
          .first_height = 1,
          .begin = genesis.created,
          .machine_version = 1,
          .seed = chain_id(genesis).bytes,
          .validators = {{.node = genesis.first_member.node_id, .key = {}}}};
}

Hash256 next_seed(const Hash256& seed, const BlockId& previous) {
  crypto::Sha256 hash;
  hash.update(as_bytes(kSeedDomain));
  hash.update(seed);
  hash.update(previous.view());
  return hash.finish();
}

Result<consensus::ValidatorSet> validator_set(const ChainId& chain, const EpochRecord& epoch) {
  std::vector<consensus::Validator> validators;
  for (const EpochValidator& validator : epoch.validators) {
    auto key = consensus::make_verifier(validator.key);
    if (!key) {
      return invalid_epoch();
    }
    validators.push_back({.node = validator.node, .weight = 1, .key = *std::move(key)});
  }
  return consensus::ValidatorSet::create(chain, epoch.number, std::move(validators), epoch.seed);
}

std::size_t quorum(const EpochRecord& epoch) {
  return epoch.validators.size() * 2 / 3 + 1;
}

std::size_t tolerated(const EpochRecord& epoch) {
  return (epoch.validators.size() - 1) / 3;
}

Bytes possession_message(const ChainId& chain, const NodeId& node) {
  wire::CanonicalWriter w(kPossessionType, kEpochVersion);
  w.fixed(chain.view());
  w.fixed(node.view());
  Bytes out = to_bytes(as_bytes(kVoteKeyDomain.text));
  append(out, std::move(w).take());
  return out;
}

}  // namespace i2::fleet
