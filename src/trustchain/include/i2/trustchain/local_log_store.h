// LocalLogStore: a log in a database of this node, which is synced once a round. Why a database and
// no files: docs/decisions/0011.
#pragma once

#include <i2/store/key_value_store.h>
#include <i2/trustchain/log_store.h>

#include <mutex>

namespace i2::trustchain {

class LocalLogStore final : public LogObjects, public LogLock {
 public:
  // Uses the keys that begin with 'o' and 'c'.
  explicit LocalLogStore(store::KeyValueStore& store) : store_(store) {}

  [[nodiscard]] Result<Bytes> get(std::string_view name) const override;
  [[nodiscard]] Result<void> create(std::span<const ct::StoredObject> objects) override;
  [[nodiscard]] Result<void> remove(std::span<const std::string> names) override;
  [[nodiscard]] Result<std::optional<std::string>> read() const override;
  [[nodiscard]] Result<void> swap(const std::optional<std::string>& expected,
                                  std::string_view next) override;

 private:
  store::KeyValueStore& store_;
  std::mutex changing_;  // what is looked at stays so until it is changed
};

}  // namespace i2::trustchain
