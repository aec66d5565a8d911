// Small durable files: written completely or not at all, secrets kept from other users.
#pragma once

#include <i2/base/bytes.h>
#include <i2/base/error.h>
#include <i2/crypto/secret.h>
#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

namespace i2::fleet {

inline constexpr mode_t kSecretMode = 0600;
inline constexpr mode_t kPublicMode = 0644;

// Owns a file descriptor.
class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  ~Fd();
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }
  [[nodiscard]] explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_;
};

// From errno `number`: node.disk_full, node.file_missing or node.file_failed.
[[nodiscard]] Error file_error(std::string_view doing, const std::filesystem::path& path,
                               int number);

// Errors: node.file_missing, node.file_failed (also for a file above `size_max`).
[[nodiscard]] Result<Bytes> read_file(const std::filesystem::path& path, std::size_t size_max);
// As read_file(), and node.secret_exposed when group or others may read or write the file.
[[nodiscard]] Result<crypto::SecretBytes> read_secret(const std::filesystem::path& path,
                                                      std::size_t size_max);
[[nodiscard]] bool is_present(const std::filesystem::path& path);

// A file that holds a secret, read from its beginning on.
class SecretFile {
 public:
  // Errors: as read_secret(), for a file of any size.
  [[nodiscard]] static Result<SecretFile> open(const std::filesystem::path& path);
  [[nodiscard]] std::uint64_t size() const { return size_; }
  // The next `size` bytes; fewer at the end. Error: node.file_failed.
  [[nodiscard]] Result<Bytes> next(std::size_t size);

 private:
  SecretFile(Fd fd, std::filesystem::path path, std::uint64_t size)
      : fd_(std::move(fd)), path_(std::move(path)), size_(size), left_(size) {}
  Fd fd_;
  std::filesystem::path path_;
  std::uint64_t size_;
  std::uint64_t left_;
};

// The regular files of a directory by name, without those that a killed write left behind.
[[nodiscard]] Result<std::vector<std::filesystem::path>> list_files(
    const std::filesystem::path& dir);

// Serialises changes of the files below `dir` between processes, until destruction.
[[nodiscard]] Result<Fd> lock_directory(const std::filesystem::path& dir);

// Changes on disk. Each is durable when it returns: file and directory are synced.
// Errors: node.disk_full, node.file_failed.
class FileWriter {
 public:
  // Called in front of every single change of the disk: where a process may be killed.
  using StepHook = std::function<void()>;
  FileWriter() = default;
  explicit FileWriter(StepHook before_step) : before_step_(std::move(before_step)) {}

  // Mode 0700; its parent must exist. Nothing happens when it exists.
  [[nodiscard]] Result<void> make_directory(const std::filesystem::path& path) const;
  // Creates or replaces: after a crash the file is the old one or the new one.
  [[nodiscard]] Result<void> write(const std::filesystem::path& path, ByteView bytes,
                                   mode_t mode) const;
  // What is too large for the memory: `fill` hands the contents to its argument piece by piece.
  // Before it has its name, `check` looks at the file.
  using Sink = std::function<Result<void>(ByteView)>;
  struct Contents {
    std::function<Result<void>(const Sink&)> fill;
    std::function<Result<void>(const std::filesystem::path&)> check;
  };
  // As write(), but an existing file stays and gives `exists`. Errors also: those of `contents`.
  [[nodiscard]] Result<void> write_new(const std::filesystem::path& path, const Contents& contents,
                                       mode_t mode, const Error& exists) const;
  [[nodiscard]] Result<void> write_new(const std::filesystem::path& path, ByteView bytes,
                                       mode_t mode, const Error& exists) const;
  // A file or folder, to a name below the same file system that is not there.
  [[nodiscard]] Result<void> move(const std::filesystem::path& from,
                                  const std::filesystem::path& to) const;
  // Absent files are fine.
  [[nodiscard]] Result<void> remove(const std::filesystem::path& path) const;
  [[nodiscard]] Result<void> remove_tree(const std::filesystem::path& path) const;

 private:
  void step() const {
    if (before_step_) {
      before_step_();
    }
  }
  // Writes `part`; errors name `path`, which it is to become.
  [[nodiscard]] Result<void> write_temporary(const std::filesystem::path& part,
                                             const std::filesystem::path& path,
                                             const std::function<Result<void>(const Sink&)>& fill,
                                             mode_t mode) const;
  [[nodiscard]] Result<void> sync_directory(const std::filesystem::path& path) const;

  StepHook before_step_;
};

}  // namespace i2::fleet
