// The sender's file: read once from start to end, hashed on the way. Blocking; for the pool.
#pragma once

#include <i2/base/error.h>
#include <i2/crypto/hash.h>
#include <i2/stoq/core/chunk.h>

#include <filesystem>

#include "descriptor.h"

namespace i2::stoq {

class FileSource {
 public:
  // Error: file.not_found, file.permission_denied, file.not_regular, file.read_failed.
  [[nodiscard]] static Result<std::unique_ptr<FileSource>> open(const std::filesystem::path& path);

  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] std::uint64_t mtime_ns() const { return mtime_ns_; }
  [[nodiscard]] std::uint64_t position() const { return position_; }

  // The next bytes, min(size_max, what is left). Error: file.source_changed when there are fewer,
  // file.read_failed.
  [[nodiscard]] Result<core::Chunk> next(std::size_t size_max);
  // Hashes everything up to `offset` without keeping it. Errors as of next().
  [[nodiscard]] Result<void> skip_to(std::uint64_t offset);
  // The hash of the whole file, after its last byte. Error: file.source_changed when size or time
  // of change are no longer those of open().
  [[nodiscard]] Result<Hash256> finish();

 private:
  FileSource(Descriptor file, std::uint64_t size, std::uint64_t mtime_ns)
      : file_(std::move(file)), size_(size), mtime_ns_(mtime_ns) {}
  Descriptor file_;
  std::uint64_t size_;
  std::uint64_t mtime_ns_;
  std::uint64_t position_ = 0;
  crypto::Sha256 hash_;
};

}  // namespace i2::stoq
