// The receiver's side of one file on disk: the part, its journal, the final name. Blocking; for the
// pool.
//
//   <inbox>/<sender>/.<transfer id>.part      the bytes so far
//   <inbox>/<sender>/.<transfer id>.journal   how many of them are surely on the disk
//
// One object at a time for a transfer, one call at a time, except that a Checkpoint may run beside
// write().
#pragma once

#include <i2/base/clock.h>
#include <i2/crypto/hash.h>
#include <i2/stoq/core/chunk.h>
#include <i2/stoq/core/file_codec.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "descriptor.h"

namespace i2::stoq {

class FilePart {
 public:
  struct Place {
    std::filesystem::path inbox;
    std::string sender;  // is_file_name()
    core::TransferId id;
    std::string name;  // is_file_name()
    std::uint64_t size = 0;
    bool existing_differs = false;
  };
  struct Stored {
    std::filesystem::path path;
    Hash256 sha256{};
  };
  // Makes the bytes written before it was taken durable, then the journal that says so.
  class Checkpoint {
   public:
    // Error: file.no_space, file.inbox_denied, file.write_failed.
    [[nodiscard]] Result<void> run() const;

   private:
    friend class FilePart;
    int file_ = -1;  // of the FilePart, which outlives this
    std::filesystem::path journal_;
    core::FileJournal content_;
  };

  // Goes on from the journal where there is one, after hashing the part's bytes again; or stands
  // for the finished file of this name and size, when there is one. Errors as of Checkpoint::run().
  [[nodiscard]] static Result<std::unique_ptr<FilePart>> open(Place place);

  // Bytes that need not be sent.
  [[nodiscard]] std::uint64_t offset() const { return offset_; }
  [[nodiscard]] std::uint64_t written() const { return written_; }

  // Appends. Errors as of Checkpoint::run().
  [[nodiscard]] Result<void> write(const std::vector<core::Chunk>& chunks);
  [[nodiscard]] Checkpoint checkpoint() const;
  // Whether there is more to make durable than offset() said.
  [[nodiscard]] bool worth_keeping() const { return file_ && written_ > offset_; }

  // All bytes are there: compares hashes, makes the file durable under its final name. None when
  // this stood for a finished file that turned out to be another one. Error: file.hash_mismatch
  // (the part is deleted), and those of Checkpoint::run().
  [[nodiscard]] Result<std::optional<Stored>> finish(const Hash256& expected);
  // Deletes part and journal.
  void discard();

 private:
  explicit FilePart(Place place);
  [[nodiscard]] bool stands_for_existing();
  [[nodiscard]] Result<void> open_part();
  [[nodiscard]] Result<void> check_space() const;
  [[nodiscard]] Result<std::filesystem::path> rename_to_free_name(const Hash256& content) const;

  Place place_;
  std::filesystem::path directory_;
  std::filesystem::path part_;
  std::filesystem::path journal_;
  Descriptor file_;  // none: stands for a finished file
  std::uint64_t offset_ = 0;
  std::uint64_t written_ = 0;  // offset_ included
  crypto::Sha256 hash_;
};

// SHA-256 of the file at `path`; none when it cannot be read.
[[nodiscard]] std::optional<Hash256> hash_file(const std::filesystem::path& path);

// Bytes of all files below `inbox`, without the parts `in_use`.
[[nodiscard]] std::uint64_t inbox_size(const std::filesystem::path& inbox,
                                       const std::function<bool(const core::TransferId&)>& in_use);

// Deletes parts and journals of `directory` untouched for `age_max`, except those `in_use`.
void delete_old_parts(const std::filesystem::path& directory, Duration age_max,
                      const std::function<bool(const core::TransferId&)>& in_use);

}  // namespace i2::stoq
