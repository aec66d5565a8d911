// UNIX socket addresses of any path length.
#pragma once

#include <i2/base/error.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <filesystem>
#include <utility>

namespace i2::node {

// Owns a file descriptor.
class Descriptor {
 public:
  explicit Descriptor(int value = -1) : value_(value) {}
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  [[nodiscard]] int get() const { return value_; }
  [[nodiscard]] int release() { return std::exchange(value_, -1); }
  [[nodiscard]] explicit operator bool() const { return value_ >= 0; }

 private:
  int value_;
};

// The address of a socket file. A path that does not fit sun_path is named through its folder's
// open descriptor (/proc/self/fd), which must then stay open while the address is used.
struct UnixAddress {
  sockaddr_un address{};
  socklen_t size = 0;
  Descriptor folder;
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address); }
};
// Errors: node.socket_failed.
[[nodiscard]] Result<UnixAddress> unix_address(const std::filesystem::path& path);

}  // namespace i2::node
