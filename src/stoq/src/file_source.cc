#include "file_source.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

namespace i2::stoq {
namespace {

constexpr std::size_t kSkipBlock = 1024 * 1024;

std::uint64_t mtime_of(const struct stat& status) {
  return static_cast<std::uint64_t>(status.st_mtim.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(status.st_mtim.tv_nsec);
}

Error open_error(const std::filesystem::path& path, int number) {
  switch (number) {
    case ENOENT:
    case ENOTDIR:
      return errno_error("file.not_found", path.string(), number);
    case EACCES:
    case EPERM:
      return errno_error("file.permission_denied", path.string(), number);
    default:
      return errno_error("file.read_failed", path.string(), number);
  }
}

std::unexpected<Error> changed() {
  return fail("file.source_changed",
              "the file changed while it was being sent: send it again when it is complete");
}

}  // namespace

Result<std::unique_ptr<FileSource>> FileSource::open(const std::filesystem::path& path) {
  // O_NONBLOCK: a FIFO must not make the pool wait for its writer.
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) {
    return fail(open_error(path, errno));
  }
  struct stat status{};
  if (fstat(file.number(), &status) != 0) {
    return fail(open_error(path, errno));
  }
  if (!S_ISREG(status.st_mode)) {
    return fail("file.not_regular", path.string() + " is not a regular file");
  }
  (void)posix_fadvise(file.number(), 0, 0, POSIX_FADV_SEQUENTIAL);
  return std::unique_ptr<FileSource>(new FileSource(
      std::move(file), static_cast<std::uint64_t>(status.st_size), mtime_of(status)));
}

Result<core::Chunk> FileSource::next(std::size_t size_max) {
  const std::size_t size = std::min<std::uint64_t>(size_max, size_ - position_);
  if (size == 0) {
    return core::Chunk{};
  }
  auto block = std::make_shared_for_overwrite<std::uint8_t[]>(size);
  std::size_t have = 0;
  while (have < size) {
    const ssize_t got = ::read(file_.number(), block.get() + have, size - have);
    if (got < 0) {
      if (errno == EINTR) {
        continue;
      }
      return fail(errno_error("file.read_failed", "reading the file", errno));
    }
    if (got == 0) {
      return changed();
    }
    have += static_cast<std::size_t>(got);
  }
  const ByteView view(block.get(), size);
  hash_.update(view);
  position_ += size;
  return core::Chunk(std::move(block), view);
}

Result<void> FileSource::skip_to(std::uint64_t offset) {
  while (position_ < offset) {
    I2_TRY(next(std::min<std::uint64_t>(kSkipBlock, offset - position_)));
  }
  return {};
}

Result<Hash256> FileSource::finish() {
  struct stat status{};
  if (fstat(file_.number(), &status) != 0) {
    return fail(errno_error("file.read_failed", "reading the file", errno));
  }
  if (static_cast<std::uint64_t>(status.st_size) != size_ || mtime_of(status) != mtime_ns_) {
    return changed();
  }
  return hash_.finish();
}

}  // namespace i2::stoq
