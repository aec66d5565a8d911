// Places for a log in tests: back ends, and one that fails when it is told to.
#pragma once

#include <i2/trustchain/local_log_store.h>
#include <i2/trustchain/log_index.h>
#include <i2/trustchain/testing/temp_dir.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace i2::trustchain::testing {

// A back end on disk, as a process that starts finds it.
class LocalBackEnd {
 public:
  explicit LocalBackEnd(const fs::path& dir)
      : database_(store::KeyValueStore::open(dir, store::KeyValueStore::Mode::kCreate).value()),
        store_(*database_),
        index_(*database_) {}
  LogObjects& objects() { return store_; }
  LogLock& lock() { return store_; }
  LogIndex& index() { return index_; }
  store::KeyValueStore& database() { return *database_; }

 private:
  std::unique_ptr<store::KeyValueStore> database_;
  LocalLogStore store_;
  LogIndex index_;
};

// Passes everything on but the operation whose turn it is to fail. After that one everything fails,
// as with a disk that is gone.
class FailingStore final : public LogObjects, public LogLock {
 public:
  enum class Way : std::uint8_t { kNotDone, kDone };  // what the failed operation has done

  FailingStore(LogObjects& objects, LogLock& lock) : objects_(objects), lock_(lock) {}
  // The operation after `passing` others that change something.
  void fail_after(std::size_t passing, Way way) {
    left_ = passing;
    way_ = way;
  }
  [[nodiscard]] bool has_failed() const { return failed_; }

  [[nodiscard]] Result<Bytes> get(std::string_view name) const override {
    return objects_.get(name);
  }
  [[nodiscard]] Result<void> create(std::span<const ct::StoredObject> objects) override {
    return perform([&] { return objects_.create(objects); });
  }
  [[nodiscard]] Result<void> remove(std::span<const std::string> names) override {
    return perform([&] { return objects_.remove(names); });
  }
  [[nodiscard]] Result<std::optional<std::string>> read() const override { return lock_.read(); }
  [[nodiscard]] Result<void> swap(const std::optional<std::string>& expected,
                                  std::string_view next) override {
    return perform([&] { return lock_.swap(expected, next); });
  }

 private:
  template <class Operation>
  Result<void> perform(Operation operation) {
    if (left_ > 0) {
      --left_;
      return operation();
    }
    if (!std::exchange(failed_, true) && way_ == Way::kDone) {
      EXPECT_EQ(code(operation()), "ok");
    }
    return fail("store.failed", "told to fail");
  }

  LogObjects& objects_;
  LogLock& lock_;
  std::size_t left_ = SIZE_MAX;
  Way way_ = Way::kNotDone;
  bool failed_ = false;
};

}  // namespace i2::trustchain::testing
