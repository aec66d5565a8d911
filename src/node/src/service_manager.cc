#include "service_manager.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdlib>

#include "unix_socket.h"

namespace i2::node {
namespace {

std::string variable(const char* name) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing here changes the environment
  const char* const text = std::getenv(name);
  return text == nullptr ? "" : text;
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

}  // namespace

ServiceManager ServiceManager::of_environment() {
  std::string socket = variable("NOTIFY_SOCKET");
  if (!socket.starts_with('/') && !socket.starts_with('@')) {
    socket.clear();
  }
  // sd_watchdog_enabled(3): the watchdog is meant for this process if no or its own id is named.
  std::optional<Duration> watchdog;
  const std::string process = variable("WATCHDOG_PID");
  const auto period = number(variable("WATCHDOG_USEC"));
  if (period && *period > 0 && (process.empty() || process == std::to_string(::getpid()))) {
    watchdog = *period * kMicrosecond;
  }
  return {std::move(socket), watchdog};
}

bool ServiceManager::tell(std::string_view state) const {
  sockaddr_un address{};
  if (socket_.empty() || socket_.size() >= sizeof address.sun_path) {
    return false;
  }
  address.sun_family = AF_UNIX;
  std::ranges::copy(socket_, static_cast<char*>(address.sun_path));
  if (socket_.front() == '@') {
    address.sun_path[0] = '\0';  // unix(7): an abstract name begins with NUL
  }
  const Descriptor descriptor(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
  return descriptor.get() >= 0 &&
         ::sendto(descriptor.get(), state.data(), state.size(), MSG_NOSIGNAL,
                  reinterpret_cast<const sockaddr*>(&address),
                  size) == static_cast<ssize_t>(state.size());
}

}  // namespace i2::node
