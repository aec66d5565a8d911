// What a log keeps itself in: objects that are written once, and the last signed checkpoint.
//
// What create() and remove() have returned for is on disk, in the order of the calls, at the latest
// when the next swap() of the lock that is used with the objects has returned: an object store may
// write each at once, one database may sync once for all. test/log_store_test.cc is what every back
// end has to pass. Thread-safe; one process at a time.
#pragma once

#include <i2/trustchain/core/ct/sequencing.h>

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace i2::trustchain {

class LogObjects {
 public:
  virtual ~LogObjects() = default;
  // Errors: trust.log_object_missing, store.*.
  [[nodiscard]] virtual Result<Bytes> get(std::string_view name) const = 0;
  // In their order, each wholly or not at all. An object that is there with the same bytes is fine.
  // Errors: trust.log_object_differs (it is there with others and stays), store.*. Some of the
  // objects may be there after an error.
  [[nodiscard]] virtual Result<void> create(std::span<const ct::StoredObject> objects) = 0;
  // In their order. Absent objects are fine. Errors: store.*.
  [[nodiscard]] virtual Result<void> remove(std::span<const std::string> names) = 0;
};

class LogLock {
 public:
  virtual ~LogLock() = default;
  // The last signed checkpoint; none when no log was ever made here. Errors: store.*.
  [[nodiscard]] virtual Result<std::optional<std::string>> read() const = 0;
  // Durable when it returns. After an error, except trust.log_lock_lost, `next` may have replaced
  // the checkpoint or not. Errors: trust.log_lock_lost (it is not `expected`: another writer has
  // been here), store.*.
  [[nodiscard]] virtual Result<void> swap(const std::optional<std::string>& expected,
                                          std::string_view next) = 0;
};

// Of the log whose checkpoint this is; none when no log was ever made here. Errors: those of
// LogLock::read(), trust.checkpoint_invalid, trust.note_invalid.
[[nodiscard]] Result<std::optional<std::string>> origin_of(const LogLock& lock);

}  // namespace i2::trustchain
