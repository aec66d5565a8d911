#include "http_token.h"

#include <fcntl.h>
#include <i2/crypto/hash.h>
#include <i2/crypto/secret.h>
#include <i2/wire/text.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <system_error>

namespace i2::node {
namespace {

constexpr std::string_view kPrefix = "i2_";
constexpr std::size_t kSizeMax = 256;

class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  ~File() {
    if (fd_ >= 0) {
      ::close(fd_);
    }
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

std::unexpected<Error> failed(const std::filesystem::path& path) {
  const int number = errno;
  return fail("node.file_failed",
              "the token file '" + path.string() + "': " + std::generic_category().message(number),
              number);
}

Result<void> make(const std::filesystem::path& path, Rng& rng) {
  std::error_code error;
  std::filesystem::create_directories(path.parent_path(), error);
  Bytes secret(32);
  rng.fill(secret);
  const crypto::SecretBytes owner(std::move(secret));
  const std::string text = std::string(kPrefix) + wire::to_base32(owner.view()) + "\n";
  // Beside it and renamed: a token file is never half written.
  const std::filesystem::path part = path.string() + ".new";
  (void)::unlink(part.c_str());
  const File file(::open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (file.get() < 0 ||
      ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      ::fsync(file.get()) != 0 || ::rename(part.c_str(), path.c_str()) != 0) {
    return failed(path);
  }
  return {};
}

}  // namespace

Result<Hash256> load_token(const std::filesystem::path& path, Rng& rng) {
  if (::access(path.c_str(), F_OK) != 0) {
    I2_TRY(make(path, rng));
  }
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  struct stat status{};
  if (file.get() < 0 || ::fstat(file.get(), &status) != 0) {
    return failed(path);
  }
  if ((status.st_mode & 077) != 0) {
    return fail("node.secret_exposed", "other users can use '" + path.string() +
                                           "': run `chmod 600 " + path.string() + "`");
  }
  std::array<char, kSizeMax> buffer{};
  const ssize_t size = ::read(file.get(), buffer.data(), buffer.size());
  std::string_view text(buffer.data(), size < 0 ? 0 : static_cast<std::size_t>(size));
  while (text.ends_with('\n')) {
    text.remove_suffix(1);
  }
  if (text.size() < 20 || text.size() == kSizeMax) {
    return fail("node.file_failed",
                "'" + path.string() + "' holds no token: remove it to have a new one made");
  }
  return crypto::sha256(as_bytes(text));
}

}  // namespace i2::node
