// KeyValueStore: pairs of bytes on disk, changed in batches that happen wholly or not at all.
//
// RocksDB, whose log is synced with a batch or when sync() says so. Thread-safe. One process at a
// time has it open. A write that fails leaves it closed for writing: whether the batch reached the
// disk shows when it is opened again.
#pragma once

#include <i2/base/bytes.h>
#include <i2/base/error.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace i2::store {

class Batch {
 public:
  void put(Bytes key, Bytes value) {
    changes_.push_back({.key = std::move(key), .value = std::move(value)});
  }
  void erase(Bytes key) { changes_.push_back({.key = std::move(key), .value = std::nullopt}); }
  // Everything whose key begins with these bytes, of which the last one is not 255, and that is not
  // put by this batch.
  void erase_all(Bytes prefix) { erased_.push_back(std::move(prefix)); }

  struct Change {
    Bytes key;
    std::optional<Bytes> value;  // none: erased
  };
  [[nodiscard]] const std::vector<Change>& changes() const { return changes_; }
  [[nodiscard]] const std::vector<Bytes>& erased() const { return erased_; }

 private:
  std::vector<Change> changes_;
  std::vector<Bytes> erased_;
};

class KeyValueStore {
 public:
  enum class Mode : std::uint8_t {
    kExisting,  // store.missing when there is none
    kCreate,    // makes one when there is none
    kView,      // for reading, as it is now, also while another process has it open for writing
  };
  // `dir`: a directory of its own, whose parent exists. Errors: store.missing, store.locked,
  // store.damaged, store.version, store.disk_full, store.failed.
  [[nodiscard]] static Result<std::unique_ptr<KeyValueStore>> open(const std::filesystem::path& dir,
                                                                   Mode mode);
  ~KeyValueStore();
  KeyValueStore(const KeyValueStore&) = delete;
  KeyValueStore& operator=(const KeyValueStore&) = delete;

  // Errors of all of these: store.damaged, store.disk_full, store.failed.
  [[nodiscard]] Result<std::optional<Bytes>> get(ByteView key) const;
  // Pairs whose key begins with `prefix`, ascending, until `visit` says false.
  [[nodiscard]] Result<void> scan(
      ByteView prefix, const std::function<bool(ByteView key, ByteView value)>& visit) const;
  // The same from `first` on.
  [[nodiscard]] Result<void> scan_from(
      ByteView first, ByteView prefix,
      const std::function<bool(ByteView key, ByteView value)>& visit) const;
  struct Pair {
    Bytes key;
    Bytes value;
  };
  // Of those whose key begins with `prefix`: the first one from `key` on, the last one up to it.
  [[nodiscard]] Result<std::optional<Pair>> first_from(ByteView key, ByteView prefix) const;
  [[nodiscard]] Result<std::optional<Pair>> last_to(ByteView key, ByteView prefix) const;
  enum class Durability : std::uint8_t {
    kSynced,  // on disk when commit() returns, with everything before it
    kLater,   // survives this process; on disk after the next sync(), in order
  };
  [[nodiscard]] Result<void> commit(const Batch& batch,
                                    Durability durability = Durability::kSynced);
  // All that commit() has returned for is on disk when this returns without an error.
  [[nodiscard]] Result<void> sync();

 private:
  struct Impl;
  explicit KeyValueStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace i2::store
