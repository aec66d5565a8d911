#include "files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <format>
#include <limits>

namespace i2::fleet {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kTemporarySuffix = ".new";

fs::path temporary(const fs::path& path) {
  return path.parent_path() / ("." + path.filename().string() + std::string(kTemporarySuffix));
}

fs::path parent(const fs::path& path) {
  const fs::path above = path.parent_path();
  return above.empty() ? fs::path(".") : above;
}

Result<void> write_all(int fd, ByteView bytes, const fs::path& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written <= 0) {
      return fail(file_error("write", path, written < 0 ? errno : ENOSPC));
    }
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

struct Opened {
  Fd fd;
  struct stat status;
};

Result<Opened> open_regular(const fs::path& path, std::size_t size_max) {
  Opened out{Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)), {}};
  if (!out.fd || ::fstat(out.fd.get(), &out.status) != 0) {
    return fail(file_error("read", path, errno));
  }
  if (!S_ISREG(out.status.st_mode)) {
    return fail("node.file_failed", "'" + path.string() + "' is not a regular file");
  }
  if (static_cast<std::uint64_t>(out.status.st_size) > size_max) {
    return fail("node.file_failed", std::format("'{}' has {} bytes, more than the {} it may have",
                                                path.string(), out.status.st_size, size_max));
  }
  return out;
}

Result<Bytes> read_some(int fd, std::size_t size, const fs::path& path) {
  Bytes out(size);
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t got = ::read(fd, out.data() + done, out.size() - done);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      crypto::wipe(out);
      return fail(file_error("read", path, got < 0 ? errno : EIO));
    }
    done += static_cast<std::size_t>(got);
  }
  return out;
}

Result<Bytes> read_all(const Opened& file, const fs::path& path) {
  return read_some(file.fd.get(), static_cast<std::size_t>(file.status.st_size), path);
}

Result<void> need_secret(const struct stat& status, const fs::path& path) {
  if ((status.st_mode & 0077) != 0) {
    return fail("node.secret_exposed",
                std::format("'{0}' holds a secret but other users may use it (mode {1:04o}): run "
                            "chmod 600 '{0}'",
                            path.string(), status.st_mode & 07777));
  }
  return {};
}

}  // namespace

Fd::~Fd() {
  if (fd_ >= 0) {
    ::close(fd_);
  }
}

Error file_error(std::string_view doing, const fs::path& path, int number) {
  const std::string what = std::format("cannot {} '{}'", doing, path.string());
  switch (number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return errno_error("node.disk_full", what + " (make room and run this again)", number);
    case ENOENT:
      return errno_error("node.file_missing", what, number);
    default:
      return errno_error("node.file_failed", what, number);
  }
}

bool is_present(const fs::path& path) {
  struct stat status{};
  // What cannot be looked at is there: reading it then names the reason.
  return ::lstat(path.c_str(), &status) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

Result<Bytes> read_file(const fs::path& path, std::size_t size_max) {
  I2_TRY_VALUE(const Opened file, open_regular(path, size_max));
  return read_all(file, path);
}

Result<crypto::SecretBytes> read_secret(const fs::path& path, std::size_t size_max) {
  I2_TRY_VALUE(const Opened file, open_regular(path, size_max));
  I2_TRY(need_secret(file.status, path));
  I2_TRY_VALUE(Bytes bytes, read_all(file, path));
  return crypto::SecretBytes(std::move(bytes));
}

Result<SecretFile> SecretFile::open(const fs::path& path) {
  I2_TRY_VALUE(Opened file, open_regular(path, std::numeric_limits<std::size_t>::max()));
  I2_TRY(need_secret(file.status, path));
  const auto size = static_cast<std::uint64_t>(file.status.st_size);
  return SecretFile(std::move(file.fd), path, size);
}

Result<Bytes> SecretFile::next(std::size_t size) {
  const std::size_t wanted = std::min<std::uint64_t>(size, left_);
  I2_TRY_VALUE(Bytes out, read_some(fd_.get(), wanted, path_));
  left_ -= wanted;
  return out;
}

Result<std::vector<fs::path>> list_files(const fs::path& dir) {
  std::error_code error;
  std::vector<fs::path> out;
  for (auto at = fs::directory_iterator(dir, error); !error && at != fs::directory_iterator();
       at.increment(error)) {
    const std::string name = at->path().filename().string();
    if (!name.starts_with('.') && at->is_regular_file(error)) {
      out.push_back(at->path());
    }
  }
  if (error) {
    return fail(file_error("list", dir, error.value()));
  }
  std::ranges::sort(out);
  return out;
}

Result<Fd> lock_directory(const fs::path& dir) {
  Fd fd(::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) {
    return fail(file_error("open", dir, errno));
  }
  while (::flock(fd.get(), LOCK_EX) != 0) {
    if (errno != EINTR) {
      return fail(file_error("lock", dir, errno));
    }
  }
  return fd;
}

Result<void> FileWriter::sync_directory(const fs::path& path) const {
  step();
  const Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) {
    return fail(file_error("sync", path, errno));
  }
  return {};
}

Result<void> FileWriter::make_directory(const fs::path& path) const {
  step();
  if (::mkdir(path.c_str(), 0700) != 0) {
    if (errno == EEXIST) {
      return {};
    }
    return fail(file_error("make the directory", path, errno));
  }
  return sync_directory(parent(path));
}

Result<void> FileWriter::write_temporary(const fs::path& part, const fs::path& path,
                                         const std::function<Result<void>(const Sink&)>& fill,
                                         mode_t mode) const {
  step();
  ::unlink(part.c_str());  // what a killed write left; O_EXCL then refuses a link put in its place
  const Fd fd(::open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode));
  if (!fd) {
    return fail(file_error("create", path, errno));
  }
  step();
  I2_TRY(fill([&](ByteView bytes) { return write_all(fd.get(), bytes, path); }));
  step();
  if (::fsync(fd.get()) != 0) {
    return fail(file_error("sync", path, errno));
  }
  return {};
}

Result<void> FileWriter::write(const fs::path& path, ByteView bytes, mode_t mode) const {
  const fs::path part = temporary(path);
  const auto fill = [bytes](const Sink& sink) { return sink(bytes); };
  if (auto written = write_temporary(part, path, fill, mode); !written) {
    ::unlink(part.c_str());
    return written;
  }
  step();
  if (::rename(part.c_str(), path.c_str()) != 0) {
    const int number = errno;
    ::unlink(part.c_str());
    return fail(file_error("replace", path, number));
  }
  return sync_directory(parent(path));
}

Result<void> FileWriter::write_new(const fs::path& path, const Contents& contents, mode_t mode,
                                   const Error& exists) const {
  if (fleet::is_present(path)) {
    return fail(exists);
  }
  const fs::path part = temporary(path);
  auto written = write_temporary(part, path, contents.fill, mode);
  if (written) {
    written = contents.check(part);
  }
  if (!written) {
    ::unlink(part.c_str());
    return written;
  }
  step();
  if (::renameat2(AT_FDCWD, part.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) != 0) {
    const int number = errno;
    ::unlink(part.c_str());
    return fail(number == EEXIST ? exists : file_error("create", path, number));
  }
  return sync_directory(parent(path));
}

Result<void> FileWriter::write_new(const fs::path& path, ByteView bytes, mode_t mode,
                                   const Error& exists) const {
  const Contents contents{.fill = [bytes](const Sink& sink) { return sink(bytes); },
                          .check = [](const fs::path&) { return Result<void>(); }};
  return write_new(path, contents, mode, exists);
}

Result<void> FileWriter::remove(const fs::path& path) const {
  step();
  if (::unlink(path.c_str()) != 0) {
    if (errno == ENOENT) {
      return {};
    }
    return fail(file_error("remove", path, errno));
  }
  return sync_directory(parent(path));
}

Result<void> FileWriter::move(const fs::path& from, const fs::path& to) const {
  step();
  if (::rename(from.c_str(), to.c_str()) != 0) {
    return fail(file_error("move", from, errno));
  }
  I2_TRY(sync_directory(parent(to)));
  return sync_directory(parent(from));
}

Result<void> FileWriter::remove_tree(const fs::path& path) const {
  step();
  std::error_code error;
  fs::remove_all(path, error);
  if (error) {
    return fail(file_error("remove", path, error.value()));
  }
  return sync_directory(parent(path));
}

}  // namespace i2::fleet
