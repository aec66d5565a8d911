// Vote keys for tests: fast, deterministic, and secret only by agreement.
#pragma once

#include <i2/consensus/validator_set.h>
#include <i2/crypto/hash.h>

namespace i2::consensus::testing {

class TestKey final : public VoteSigner, public VoteVerifier {
 public:
  explicit TestKey(std::uint64_t number) {
    for (std::size_t i = 0; i < sizeof number; ++i) {
      secret_[i] = static_cast<std::uint8_t>(number >> 8 * i);
    }
  }
  [[nodiscard]] Result<Bytes> sign(ByteView message) const override {
    return to_bytes(crypto::sha256({secret_, message}));
  }
  [[nodiscard]] bool verify(ByteView message, ByteView signature) const override {
    return equal(crypto::sha256({secret_, message}), signature);
  }

 private:
  Hash256 secret_{};
};

// Validators 0 to weights.size() - 1, each with its number as key and node id.
struct TestSet {
  std::vector<std::shared_ptr<TestKey>> keys;
  std::shared_ptr<const ValidatorSet> set;
};

[[nodiscard]] inline TestSet make_set(const std::vector<Weight>& weights, EpochNumber epoch = 0,
                                      std::uint8_t chain = 1) {
  TestSet out;
  std::vector<Validator> validators;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    out.keys.push_back(std::make_shared<TestKey>(1000 + i));
    Validator validator{.node = {}, .weight = weights[i], .key = out.keys.back()};
    validator.node.bytes[1] = static_cast<std::uint8_t>(i);
    validators.push_back(std::move(validator));
  }
  Hash256 seed{};
  seed[0] = static_cast<std::uint8_t>(epoch);
  ChainId id;
  id.bytes[0] = chain;
  out.set = std::make_shared<const ValidatorSet>(
      ValidatorSet::create(id, epoch, std::move(validators), seed).value());
  return out;
}

}  // namespace i2::consensus::testing
