#include "unix_socket.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <format>

namespace i2::node {

Descriptor::~Descriptor() {
  if (value_ >= 0) {
    ::close(value_);
  }
}

Result<UnixAddress> unix_address(const std::filesystem::path& path) {
  UnixAddress out;
  out.address.sun_family = AF_UNIX;
  std::string name = path.string();
  if (name.size() >= sizeof out.address.sun_path) {
    const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
    out.folder = Descriptor(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!out.folder) {
      return fail(errno_error("node.socket_failed", "open " + folder.string(), errno));
    }
    name = std::format("/proc/self/fd/{}/{}", out.folder.get(), path.filename().string());
    if (name.size() >= sizeof out.address.sun_path) {
      return fail("node.socket_failed", "the name of the socket '" + path.filename().string() +
                                            "' is too long: choose a shorter one");
    }
  }
  std::memcpy(out.address.sun_path, name.data(), name.size());
  out.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size() + 1);
  return out;
}

}  // namespace i2::node
