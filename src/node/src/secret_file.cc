#include "secret_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "unix_socket.h"

namespace i2::node {
namespace {

std::unexpected<Error> file_failed(const std::filesystem::path& path) {
  const int number = errno;
  return fail("node.file_failed",
              "the file '" + path.string() + "': " + std::generic_category().message(number),
              number);
}

}  // namespace

Result<void> write_secret(const std::filesystem::path& path, ByteView secret) {
  // Beside it and renamed.
  const std::filesystem::path part = path.string() + ".new";
  (void)::unlink(part.c_str());
  const Descriptor file(
      ::open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (file.get() < 0 ||
      ::write(file.get(), secret.data(), secret.size()) != static_cast<ssize_t>(secret.size()) ||
      ::fsync(file.get()) != 0 || ::rename(part.c_str(), path.c_str()) != 0) {
    return file_failed(path);
  }
  const Descriptor dir(::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return dir.get() < 0 || ::fsync(dir.get()) != 0 ? file_failed(path) : Result<void>();
}

Result<crypto::SecretBytes> read_secret(const std::filesystem::path& path, std::size_t size_limit) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  struct stat status{};
  if (file.get() < 0 || ::fstat(file.get(), &status) != 0) {
    return file_failed(path);
  }
  if ((status.st_mode & 077) != 0) {
    return fail("node.secret_exposed", "other users can use '" + path.string() +
                                           "': run `chmod 600 " + path.string() + "`");
  }
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size >= size_limit) {
    errno = EFBIG;
    return file_failed(path);
  }
  crypto::SecretBytes out(size);
  if (::read(file.get(), out.mutable_view().data(), size) != status.st_size) {
    return file_failed(path);
  }
  return out;
}

Result<void> make_private_folder(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (!error) {
    std::filesystem::permissions(path, std::filesystem::perms::owner_all, error);
  }
  if (error) {
    return fail("node.file_failed", "the folder '" + path.string() + "': " + error.message(),
                error.value());
  }
  return {};
}

}  // namespace i2::node
