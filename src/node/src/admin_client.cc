#include <i2/node/admin_client.h>
#include <i2/rt/clock.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "unix_socket.h"

namespace i2::node {
namespace {

std::unexpected<Error> connect_error(const std::filesystem::path& path, int number) {
  if (number == ENOENT || number == ECONNREFUSED) {
    return fail("node.no_daemon",
                "no daemon answers at '" + path.string() +
                    "': start it with `internet2-server development`, or name its data directory "
                    "with --data-dir",
                number);
  }
  if (number == EACCES || number == EPERM) {
    return fail("node.socket_denied",
                "the socket '" + path.string() +
                    "' belongs to another user: run this as the user who runs the daemon",
                number);
  }
  return fail(errno_error("node.socket_failed", "connect to '" + path.string() + "'", number));
}

Error lost(std::string_view why) {
  return {"node.daemon_lost", "the daemon ended the conversation: " + std::string(why)};
}

// Milliseconds until `deadline`, rounded up, as poll(2) wants them.
int poll_timeout(Timestamp deadline) {
  if (deadline == kNever) {
    return -1;
  }
  const Timestamp now = rt::SystemClock().now();
  const Duration left = deadline > now ? deadline - now : 0;
  return static_cast<int>(std::min<Duration>((left + kMillisecond - 1) / kMillisecond, INT32_MAX));
}

}  // namespace

Result<AdminClient> AdminClient::connect(const std::filesystem::path& path) {
  auto address = unix_address(path);
  if (!address) {
    const auto number = static_cast<int>(address.error().native());
    return number != 0 ? connect_error(path, number) : fail(address.error());
  }
  Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) {
    return fail(errno_error("node.socket_failed", "make a UNIX socket", errno));
  }
  if (::connect(socket.get(), address->get(), address->size) != 0) {
    return connect_error(path, errno);
  }
  return AdminClient(socket.release());
}

AdminClient::~AdminClient() {
  if (descriptor_ >= 0) {
    ::close(descriptor_);
  }
}

AdminClient::AdminClient(AdminClient&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), buffer_(std::move(other.buffer_)) {}

AdminClient& AdminClient::operator=(AdminClient&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(buffer_, other.buffer_);
  return *this;
}

Result<void> AdminClient::send(const AdminRequest& request, std::optional<int> descriptor) {
  const std::string line = encode_request(request);
  std::string_view rest = line;
  while (!rest.empty()) {
    iovec part{.iov_base = const_cast<char*>(rest.data()), .iov_len = rest.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (descriptor && rest.size() == line.size()) {
      message.msg_control = control.data();
      message.msg_controllen = control.size();
      cmsghdr* const header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN(sizeof(int));
      std::memcpy(CMSG_DATA(header), &*descriptor, sizeof(int));
    }
    const ssize_t sent = ::sendmsg(descriptor_, &message, MSG_NOSIGNAL);
    if (sent < 0 && errno == EPIPE) {
      return {};  // a daemon that serves nobody says so and hangs up: receive() has what it said
    }
    if (sent < 0 && errno != EINTR) {
      return fail(lost(std::generic_category().message(errno)));
    }
    rest.remove_prefix(sent < 0 ? 0 : static_cast<std::size_t>(sent));
  }
  return {};
}

Result<AdminReply> AdminClient::receive(Timestamp deadline) {
  std::size_t searched = 0;
  for (;;) {
    if (const std::size_t end = buffer_.find('\n', searched); end != buffer_.npos) {
      auto reply = parse_reply(std::string_view(buffer_).substr(0, end));
      buffer_.erase(0, end + 1);
      return reply;
    }
    searched = buffer_.size();
    if (searched > kAdminReplyMax) {
      return fail("admin.malformed", "the daemon's answer is too long");
    }
    pollfd waiting{.fd = descriptor_, .events = POLLIN, .revents = 0};
    const int ready = ::poll(&waiting, 1, poll_timeout(deadline));
    if (ready == 0) {
      return fail("node.timeout", "the daemon did not finish in time");
    }
    if (ready < 0) {
      return errno == EINTR ? fail("node.interrupted", "interrupted")
                            : fail(errno_error("node.socket_failed", "poll", errno));
    }
    std::array<char, 16 * 1024> piece{};
    const ssize_t size = ::recv(descriptor_, piece.data(), piece.size(), 0);
    if (size == 0) {
      return fail(lost("it was stopped or has failed; see its log"));
    }
    if (size < 0) {
      if (errno == EINTR) {
        return fail("node.interrupted", "interrupted");
      }
      return fail(lost(std::generic_category().message(errno)));
    }
    buffer_.append(piece.data(), static_cast<std::size_t>(size));
  }
}

}  // namespace i2::node
