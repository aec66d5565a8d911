// The data directory of a node: who may use it, and since which format.
#pragma once

#include <i2/base/error.h>

#include <filesystem>

namespace i2::fleet {

enum class DataDirState {
  kEmpty,        // nothing of ours: `init` or `join` may begin
  kInterrupted,  // an `init` or `join` did not finish: running it again starts over
  kComplete,     // a node
};

// Errors: node.data_dir_unrecognised (an identity or a ledger without VERSION),
// node.data_dir_version (written by a newer program), node.file_failed.
[[nodiscard]] Result<DataDirState> inspect_data_dir(const std::filesystem::path& dir);

// The daemon's exclusive hold on its data directory, kept until destruction or the death of the
// process.
class DataDirLock {
 public:
  // Error: node.data_dir_locked, naming the process that holds it; node.file_failed.
  [[nodiscard]] static Result<DataDirLock> acquire(const std::filesystem::path& dir);
  ~DataDirLock();
  DataDirLock(DataDirLock&& other) noexcept;
  DataDirLock& operator=(DataDirLock&& other) noexcept;

 private:
  explicit DataDirLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace i2::fleet
