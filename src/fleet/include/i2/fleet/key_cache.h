// KeyCache: the keys that a node's state machine has read before. Thread-safe.
#pragma once

#include <i2/fleet/core/state_machine.h>

#include <map>
#include <mutex>

namespace i2::fleet {

class KeyCache final : public KnownKeys {
 public:
  static constexpr std::size_t kMembersMax = 1024;

  [[nodiscard]] std::shared_ptr<const OperatorSet> operators(ByteView value) const override {
    const std::scoped_lock lock(mutex_);
    return operators_ != nullptr && equal(value_, value) ? operators_ : nullptr;
  }
  void keep(ByteView value, std::shared_ptr<const OperatorSet> operators) override {
    const std::scoped_lock lock(mutex_);
    value_ = to_bytes(value);
    operators_ = std::move(operators);
  }
  [[nodiscard]] std::optional<trustchain::HybridPublicKey> member(
      const AccountId& id) const override {
    const std::scoped_lock lock(mutex_);
    const auto at = members_.find(id);
    return at == members_.end() ? std::nullopt : std::optional(at->second);
  }
  void keep(const AccountId& id, const trustchain::HybridPublicKey& key) override {
    const std::scoped_lock lock(mutex_);
    if (members_.size() >= kMembersMax) {
      members_.clear();
    }
    members_.insert_or_assign(id, key);
  }

 private:
  mutable std::mutex mutex_;
  Bytes value_;
  std::shared_ptr<const OperatorSet> operators_;  // shared: as KnownKeys says
  std::map<AccountId, trustchain::HybridPublicKey> members_;
};

}  // namespace i2::fleet
