// HeadFile: how far a database had come, in a small file beside it.
//
// A sequence number that only grows and a digest of what it stands for, synced after every commit
// and before anybody is told about it. A database that is behind its head file was rolled back or
// lost writes: an old backup, a copied directory, a disk that lied. Two slots are written in turn,
// so a crash in the middle of a write leaves the number before.
//
// File: 1024 bytes, two slots of 512: magic "i2-head1", owner (32), sequence (u64), digest (32),
// SHA-256 over those (32), zeros.
#pragma once

#include <i2/base/bytes.h>
#include <i2/base/error.h>

#include <filesystem>

namespace i2::store {

struct Head {
  std::uint64_t sequence = 0;
  Hash256 digest{};
  friend bool operator==(const Head&, const Head&) = default;
};

class HeadFile {
 public:
  // A new file, durable with its directory entry; one that is there is replaced. `owner`: whose
  // database it is, a chain id. Errors: store.disk_full, store.failed.
  [[nodiscard]] static Result<HeadFile> create(const std::filesystem::path& path,
                                               const Hash256& owner, const Head& head);
  // Errors: store.missing, store.damaged (no slot is readable, or of another owner), store.failed.
  [[nodiscard]] static Result<HeadFile> open(const std::filesystem::path& path,
                                             const Hash256& owner);
  ~HeadFile();
  HeadFile(HeadFile&& other) noexcept;
  HeadFile& operator=(HeadFile&& other) noexcept;

  [[nodiscard]] const Head& head() const { return head_; }
  // `head.sequence` is greater than the present one. On disk when it returns without an error.
  // Errors: store.disk_full, store.failed.
  [[nodiscard]] Result<void> advance(const Head& head);

 private:
  HeadFile(std::filesystem::path path, const Hash256& owner, int fd)
      : path_(std::move(path)), owner_(owner), fd_(fd) {}
  [[nodiscard]] Result<void> write_slot(const Head& head);

  std::filesystem::path path_;
  Hash256 owner_;
  int fd_;
  Head head_;
  std::size_t slot_ = 0;  // that holds it
};

}  // namespace i2::store
