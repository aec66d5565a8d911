// Databases of which one write fails when a test says so.
#pragma once

#include <i2/store/key_value_store.h>

#include <mutex>
#include <utility>
#include <vector>

namespace i2::trustchain::testing {

// Stands before the commit() and sync() of every KeyValueStore of the process (--wrap,
// CMakeLists.txt). After the one that fails, its database is closed for writing, as a real one is.
// Whether it reached the disk shows after reopening(), which has to come before the database is
// opened again.
class FailingWrites {
 public:
  enum class Way : std::uint8_t { kNotDone, kDone, kDiskFull };  // kDone: it is on disk after all

  // The write after `passing` others.
  void fail_after(std::size_t passing, Way way) {
    const std::scoped_lock lock(mutex_);
    left_ = passing;
    way_ = way;
    failed_ = nullptr;
    has_failed_ = false;
    unsynced_.clear();
  }
  [[nodiscard]] bool has_failed() const {
    const std::scoped_lock lock(mutex_);
    return has_failed_;
  }
  // Whether a database is closed for writing, and whether it is this one.
  [[nodiscard]] bool is_closed() const {
    const std::scoped_lock lock(mutex_);
    return failed_ != nullptr;
  }
  [[nodiscard]] bool is_closed(const store::KeyValueStore& one) const {
    const std::scoped_lock lock(mutex_);
    return failed_ == &one;
  }
  void reopening();

  [[nodiscard]] Result<void> commit(store::KeyValueStore& to, const store::Batch& batch,
                                    store::KeyValueStore::Durability durability);
  [[nodiscard]] Result<void> sync(store::KeyValueStore& to);

 private:
  enum class Turn : std::uint8_t { kPass, kFail, kClosed };
  [[nodiscard]] Turn turn(store::KeyValueStore& to);
  [[nodiscard]] std::unexpected<Error> error() const;

  mutable std::mutex mutex_;  // the rest
  std::size_t left_ = SIZE_MAX;
  Way way_ = Way::kNotDone;
  bool has_failed_ = false;
  store::KeyValueStore* failed_ = nullptr;
  store::Batch later_;  // what the failed commit() leaves on disk
  // What takes back each commit() that was not synced, of the database that has such.
  std::vector<std::pair<store::KeyValueStore*, store::Batch>> unsynced_;
};

[[nodiscard]] FailingWrites& failing_writes();

}  // namespace i2::trustchain::testing
