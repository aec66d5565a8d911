#include <fcntl.h>
#include <i2/fleet/data_dir.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <format>

#include "files.h"
#include "layout.h"
#include "setup.h"

namespace i2::fleet {
namespace fs = std::filesystem;

Result<DataDirState> inspect_data_dir(const fs::path& dir) {
  if (is_present(dir / kVersionFile)) {
    I2_TRY(read_version(dir));
    return DataDirState::kComplete;
  }
  if (is_present(dir / kSetupFile)) {
    return DataDirState::kInterrupted;
  }
  for (const std::string_view name : {kIdentityDir, kLedgerDir}) {
    if (is_present(dir / name)) {
      return fail(
          "node.data_dir_unrecognised",
          std::format("'{}' has {}/ but no {}: it is damaged or belongs to another program; "
                      "move it away or choose another data directory",
                      dir.string(), name, kVersionFile));
    }
  }
  return DataDirState::kEmpty;
}

Result<DataDirLock> DataDirLock::acquire(const fs::path& dir) {
  const fs::path path = dir / kLockFile;
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kSecretMode));
  if (!fd) {
    return fail(file_error("open", path, errno));
  }
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    const int number = errno;
    if (number != EWOULDBLOCK) {
      return fail(file_error("lock", path, number));
    }
    std::array<char, 32> text{};
    const ssize_t size = ::pread(fd.get(), text.data(), text.size() - 1, 0);
    const std::string_view pid(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
    return fail(
        "node.data_dir_locked",
        std::format("'{}' is in use by process {}; stop it first or choose another data "
                    "directory",
                    dir.string(), pid.empty() ? "of unknown id" : pid.substr(0, pid.find('\n'))));
  }
  const std::string pid = std::format("{}\n", ::getpid());
  if (::ftruncate(fd.get(), 0) != 0 ||
      ::pwrite(fd.get(), pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    return fail(file_error("write", path, errno));
  }
  return DataDirLock(fd.release());
}

DataDirLock::~DataDirLock() {
  if (fd_ >= 0) {
    ::close(fd_);  // releases the lock; the file stays, so that nobody locks a deleted one
  }
}

DataDirLock::DataDirLock(DataDirLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

DataDirLock& DataDirLock::operator=(DataDirLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

}  // namespace i2::fleet
