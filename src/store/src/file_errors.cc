#include "file_errors.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>

namespace i2::store {

Error file_error(std::string_view doing, const std::filesystem::path& path, int number) {
  const std::string what = "cannot " + std::string(doing) + " '" + path.string() + "'";
  if (number == ENOSPC || number == EDQUOT || number == EFBIG) {
    return errno_error("store.disk_full", what + " (make room and start again)", number);
  }
  return errno_error("store.failed", what, number);
}

Result<void> sync_parent(const std::filesystem::path& path) {
  const auto dir = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  const int fd = ::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = fd >= 0 && ::fsync(fd) == 0;
  const int number = errno;
  if (fd >= 0) {
    ::close(fd);
  }
  return synced ? Result<void>{} : fail(file_error("sync", dir, number));
}

}  // namespace i2::store
