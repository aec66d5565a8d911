// KeyValueStore: pairs of bytes on disk, changed in batches that happen wholly or not at all.
//
// RocksDB with its log synced for every batch. Thread-safe. One process at a time has it open.
// A write that fails leaves it closed for writing: whether the batch reached the disk shows when it
// is opened again.
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

  struct Change {
    Bytes key;
    std::optional<Bytes> value;  // none: erased
  };
  [[nodiscard]] const std::vector<Change>& changes() const { return changes_; }

 private:
  std::vector<Change> changes_;
};

class KeyValueStore {
 public:
  enum class Mode : std::uint8_t {
    kExisting,  // store.missing when there is none
    kCreate,    // makes one when there is none
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
  // On disk when it returns without an error.
  [[nodiscard]] Result<void> commit(const Batch& batch);

 private:
  struct Impl;
  explicit KeyValueStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace i2::store
