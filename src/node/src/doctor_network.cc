#include <i2/node/addresses.h>
#include <i2/node/units.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <format>
#include <system_error>

#include "doctor_checks.h"
#include "unix_socket.h"

namespace i2::node {
namespace {

Descriptor udp_socket() {
  return Descriptor(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

bool bind_to(const Descriptor& socket, const stoq::core::SocketAddress& to) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(to.port);
  address.sin6_scope_id = to.scope;
  std::ranges::copy(to.ip, std::begin(address.sin6_addr.s6_addr));
  const int on = 1;
  (void)::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  return ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

// Whether the kernel takes an option of UDP sockets.
bool has_udp_option(int option, int value) {
  const Descriptor socket = udp_socket();
  return socket && ::setsockopt(socket.get(), IPPROTO_UDP, option, &value, sizeof value) == 0;
}

// What the kernel grants of a buffer of `wanted` bytes; it doubles what it is asked for
// (socket(7)).
std::uint64_t granted(int option, std::uint64_t wanted) {
  const Descriptor socket = udp_socket();
  int value = static_cast<int>(std::min<std::uint64_t>(wanted, INT32_MAX));
  socklen_t size = sizeof value;
  if (!socket || ::setsockopt(socket.get(), SOL_SOCKET, option, &value, sizeof value) != 0 ||
      ::getsockopt(socket.get(), SOL_SOCKET, option, &value, &size) != 0) {
    return 0;
  }
  return static_cast<std::uint64_t>(value) / 2;
}

}  // namespace

Check check_ipv6() {
  const Descriptor socket = udp_socket();
  stoq::core::SocketAddress loopback;
  loopback.ip[15] = 1;
  if (socket && bind_to(socket, loopback)) {
    return {.name = "ipv6", .verdict = Verdict::kOk, .finding = "IPv6 works", .remedy = {}};
  }
  return {.name = "ipv6",
          .verdict = Verdict::kFail,
          .finding =
              std::format("this machine has no IPv6: {}", std::generic_category().message(errno)),
          .remedy = "sysctl net.ipv6.conf.all.disable_ipv6=0; this network speaks IPv6 only"};
}

Check check_addresses() {
  const auto all = reachable_addresses(stoq::core::SocketAddress{});
  const auto others = std::ranges::count_if(all, [](const auto& a) { return !a.is_loopback(); });
  if (others > 0) {
    return {.name = "addresses",
            .verdict = Verdict::kOk,
            .finding = std::format("{} IPv6 addresses that others can use", others),
            .remedy = {}};
  }
  return {.name = "addresses",
          .verdict = Verdict::kWarn,
          .finding = "no IPv6 address that other machines could be told",
          .remedy =
              "connect to a network that gives out IPv6 addresses; private ones (fd00::/8) are "
              "enough"};
}

Check check_port(const Config& config, bool daemon_runs) {
  Check out{.name = "port", .verdict = Verdict::kOk, .finding = {}, .remedy = {}};
  const std::string address = config.bind.to_string();
  const Descriptor socket = udp_socket();
  if (!socket) {
    out.verdict = Verdict::kFail;
    out.finding = "no UDP socket to try it with";
    out.remedy = "see ipv6";
    return out;
  }
  const bool is_free = bind_to(socket, config.bind);
  const int number = errno;
  if (is_free) {
    out.finding =
        address + (config.bind.port == 0 ? ": the kernel will choose a port" : " is free");
  } else if (number == EADDRINUSE && daemon_runs) {
    out.finding = address + " is served by the daemon";
  } else if (number == EADDRINUSE) {
    out.verdict = Verdict::kFail;
    out.finding = "another program listens on " + address;
    out.remedy = "stop it (`ss -lunp` names it), or choose another `port`";
  } else if (number == EACCES) {
    out.verdict = Verdict::kFail;
    out.finding = "this user may not use " + address;
    out.remedy = "choose a port above 1023, or start the daemon as root with [node] user";
  } else {
    out.verdict = Verdict::kFail;
    out.finding =
        std::format("{} cannot be used: {}", address, std::generic_category().message(number));
    out.remedy = "correct `bind_address`; `ip -6 address` shows what there is";
  }
  return out;
}

Check check_segmentation() {
  if (has_udp_option(UDP_SEGMENT, 1'200)) {
    return {.name = "udp_segmentation",
            .verdict = Verdict::kOk,
            .finding = "the kernel cuts large sends into datagrams (UDP_SEGMENT)",
            .remedy = {}};
  }
  return {.name = "udp_segmentation",
          .verdict = Verdict::kWarn,
          .finding = "the kernel has no UDP_SEGMENT: sending costs one system call a datagram",
          .remedy = "use Linux 4.18 or newer"};
}

Check check_receive_offload() {
  if (has_udp_option(UDP_GRO, 1)) {
    return {.name = "udp_receive_offload",
            .verdict = Verdict::kOk,
            .finding = "the kernel hands over many datagrams at once (UDP_GRO)",
            .remedy = {}};
  }
  return {.name = "udp_receive_offload",
          .verdict = Verdict::kWarn,
          .finding = "the kernel has no UDP_GRO: receiving costs more",
          .remedy = "use Linux 5.0 or newer"};
}

Check check_socket_buffers(const Config& config) {
  const std::uint64_t receive = granted(SO_RCVBUF, config.socket_buffer);
  const std::uint64_t send = granted(SO_SNDBUF, config.socket_buffer);
  const std::uint64_t least = std::min(receive, send);
  if (least >= config.socket_buffer) {
    return {.name = "socket_buffers",
            .verdict = Verdict::kOk,
            .finding = format_size(config.socket_buffer) + " for each socket",
            .remedy = {}};
  }
  return {.name = "socket_buffers",
          .verdict = Verdict::kWarn,
          .finding = std::format("the kernel allows {} to receive and {} to send, not {}: bursts "
                                 "lose packets",
                                 format_size(receive), format_size(send),
                                 format_size(config.socket_buffer)),
          .remedy = std::format("sysctl net.core.rmem_max={0} net.core.wmem_max={0}",
                                config.socket_buffer)};
}

}  // namespace i2::node
