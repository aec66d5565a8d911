// AppendLog: a short log in which every append is durable when it returns, at the price of one
// write.
//
// For what has to be remembered before something is said, and can be forgotten soon: two halves of
// fixed size, written in turn. start_over() begins the other half with what is still needed. Blocks
// are written once between two starts, so that a torn write harms nothing that was durable before.
//
// File: two halves, each a whole number of 4096-byte blocks of zeros, over which frames are
// written. A frame begins at a block: magic "i2-log01", owner (32), generation (u64, of the half),
// sequence (u64, over the whole life of the log, from 1 on), size (u32), the records (each a u32
// length and bytes), SHA-256 over everything before (32). The half with the higher generation
// counts.
//
// One process and one thread at a time.
#pragma once

#include <i2/base/bytes.h>
#include <i2/base/error.h>

#include <filesystem>
#include <span>
#include <vector>

namespace i2::store {

class AppendLog {
 public:
  // A new file with no records, durable with its directory entry; one that is there is replaced.
  // `half_size`: a multiple of 4096. Errors: store.disk_full, store.failed.
  [[nodiscard]] static Result<AppendLog> create(const std::filesystem::path& path,
                                                const Hash256& owner, std::size_t half_size);
  // What a torn last write left is dropped. Errors: store.missing, store.damaged (a frame in the
  // middle cannot be read, or there is none of this owner), store.failed.
  [[nodiscard]] static Result<AppendLog> open(const std::filesystem::path& path,
                                              const Hash256& owner);
  ~AppendLog();
  AppendLog(AppendLog&& other) noexcept;
  AppendLog& operator=(AppendLog&& other) noexcept;

  // As found by open(); appended ones are not added.
  [[nodiscard]] const std::vector<Bytes>& records() const { return records_; }
  void drop_records() { records_ = {}; }
  // Of the last frame.
  [[nodiscard]] std::uint64_t sequence() const { return sequence_; }
  // Whether records of so many bytes together still fit.
  [[nodiscard]] bool fits(std::span<const Bytes> records) const;

  // Together or not at all. They fit. After an error nothing more is taken until it is opened
  // again. Errors: store.disk_full, store.failed.
  [[nodiscard]] Result<void> append(std::span<const Bytes> records);
  // The log holds these alone from now on; they fit into an empty half. Errors: as append().
  [[nodiscard]] Result<void> start_over(std::span<const Bytes> records);

 private:
  AppendLog(std::filesystem::path path, const Hash256& owner, int fd, std::size_t half_size)
      : path_(std::move(path)), owner_(owner), fd_(fd), half_size_(half_size) {}
  struct Half {
    std::uint64_t generation = 0;  // 0: empty
    std::uint64_t sequence = 0;    // of its last frame
    std::size_t used = 0;
    std::vector<Bytes> records;
  };
  [[nodiscard]] Result<Half> read_half(std::size_t which) const;
  [[nodiscard]] Result<void> write_frame(std::span<const Bytes> records);

  std::filesystem::path path_;
  Hash256 owner_;
  int fd_;
  std::size_t half_size_;
  std::size_t half_ = 0;
  std::uint64_t generation_ = 0;
  std::uint64_t sequence_ = 0;
  std::size_t used_ = 0;
  bool failed_ = false;
  std::vector<Bytes> records_;
};

}  // namespace i2::store
