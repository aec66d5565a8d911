#include "udp_socket.h"

#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace i2::stoq::io {
namespace {

constexpr std::size_t kMessages = 8;             // per recvmmsg
constexpr std::size_t kMessageSize = 64 * 1024;  // one coalesced buffer
constexpr std::size_t kControlSize = 128;

sockaddr_in6 to_native(const core::SocketAddress& in) {
  sockaddr_in6 out{};
  out.sin6_family = AF_INET6;
  out.sin6_port = htons(in.port);
  out.sin6_scope_id = in.scope;
  std::memcpy(&out.sin6_addr, in.ip.data(), in.ip.size());
  return out;
}

core::SocketAddress from_native(const sockaddr_in6& in) {
  core::SocketAddress out;
  out.port = ntohs(in.sin6_port);
  out.scope = in.sin6_scope_id;
  std::memcpy(out.ip.data(), &in.sin6_addr, out.ip.size());
  return out;
}

bool set(int descriptor, int level, int name, int value) {
  return setsockopt(descriptor, level, name, &value, sizeof value) == 0;
}

std::size_t get_size(int descriptor, int name) {
  int value = 0;
  socklen_t size = sizeof value;
  getsockopt(descriptor, SOL_SOCKET, name, &value, &size);
  return static_cast<std::size_t>(value);
}

void set_buffer(int descriptor, int forced, int plain, std::size_t size) {
  const int value = static_cast<int>(size);
  if (!set(descriptor, SOL_SOCKET, forced, value)) {  // needs CAP_NET_ADMIN
    (void)set(descriptor, SOL_SOCKET, plain, value);
  }
}

Error bind_error(const core::SocketAddress& address, int number) {
  const std::string where = address.to_string();
  switch (number) {
    case EADDRINUSE:
      return {"stoq.port_in_use",
              "UDP " + where +
                  " is in use by another program: stop it or choose another "
                  "port with --port",
              number};
    case EACCES:
      return {"stoq.permission",
              "UDP " + where +
                  " needs more rights: ports below 1024 need CAP_NET_BIND_SERVICE, or choose "
                  "another port with --port",
              number};
    case EADDRNOTAVAIL:
      return {"stoq.address_unavailable", "this machine has no address " + where, number};
    default:
      return errno_error("stoq.socket", "bind UDP " + where, number);
  }
}

}  // namespace

struct UdpSocket::Batch {
  std::vector<std::uint8_t> buffers = std::vector<std::uint8_t>(kMessages * kMessageSize);
  std::array<mmsghdr, kMessages> messages{};
  std::array<iovec, kMessages> vectors{};
  std::array<sockaddr_in6, kMessages> names{};
  alignas(cmsghdr) std::array<std::array<std::uint8_t, kControlSize>, kMessages> controls{};
};

UdpSocket::UdpSocket(int descriptor) : descriptor_(descriptor), batch_(std::make_unique<Batch>()) {}

UdpSocket::~UdpSocket() {
  close();
}

void UdpSocket::close() {
  if (descriptor_ >= 0) {
    ::close(descriptor_);
    descriptor_ = -1;
  }
}

Result<std::unique_ptr<UdpSocket>> UdpSocket::open(const UdpOptions& options) {
  if (options.bind.is_ipv4_mapped()) {
    return fail("stoq.ipv4_refused",
                options.bind.to_string() + " is an IPv4 address: this network speaks IPv6 only");
  }
  const int descriptor = ::socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) {
    return fail(errno_error("stoq.socket", "UDP socket", errno));
  }
  std::unique_ptr<UdpSocket> out(new UdpSocket(descriptor));
  if (!set(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, 1) ||
      (options.group == PortGroup::kNext && !set(descriptor, SOL_SOCKET, SO_REUSEPORT, 1))) {
    return fail(errno_error("stoq.socket", "UDP socket options", errno));
  }
  (void)set(descriptor, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
  (void)set(descriptor, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
  // RFC 9000 §14: QUIC datagrams must not be fragmented; PROBE also lets path MTU probes exceed the
  // kernel's own idea of the path.
  (void)set(descriptor, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
  set_buffer(descriptor, SO_RCVBUFFORCE, SO_RCVBUF, options.socket_buffer);
  set_buffer(descriptor, SO_SNDBUFFORCE, SO_SNDBUF, options.socket_buffer);
  out->capabilities_.receive_offload = set(descriptor, SOL_UDP, UDP_GRO, 1);
  out->capabilities_.segmentation_offload = set(descriptor, SOL_UDP, UDP_SEGMENT, 0);
  const sockaddr_in6 address = to_native(options.bind);
  if (::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return fail(bind_error(options.bind, errno));
  }
  // After bind(2): set before, it would also let this socket join another program's.
  if (options.group == PortGroup::kFirst && !set(descriptor, SOL_SOCKET, SO_REUSEPORT, 1)) {
    return fail(errno_error("stoq.socket", "SO_REUSEPORT", errno));
  }
  sockaddr_in6 bound{};
  socklen_t size = sizeof bound;
  getsockname(descriptor, reinterpret_cast<sockaddr*>(&bound), &size);
  out->local_ = from_native(bound);
  out->capabilities_.receive_buffer = get_size(descriptor, SO_RCVBUF);
  out->capabilities_.send_buffer = get_size(descriptor, SO_SNDBUF);
  return out;
}

bool UdpSocket::steer_by_connection_id(std::size_t workers) {
  // Over the UDP payload: a long header (first bit set) has its destination connection ID at byte
  // 6, a short one at byte 1 (RFC 8999 §5). Result: index of the socket in the group.
  std::array<sock_filter, 7> program{{
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x80, 0, 2),
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 6),
      BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0),
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 1),
      BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, static_cast<std::uint32_t>(workers)),
      BPF_STMT(BPF_RET | BPF_A, 0),
  }};
  const sock_fprog filter{.len = program.size(), .filter = program.data()};
  return setsockopt(descriptor_, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &filter, sizeof filter) == 0;
}

Result<core::SocketAddress> UdpSocket::local_address_for(const core::SocketAddress& remote) const {
  if (!local_.is_unspecified()) {
    return local_;
  }
  const int probe = ::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (probe < 0) {
    return fail(errno_error("stoq.socket", "UDP socket", errno));
  }
  // connect(2) on UDP sends nothing: it only asks the routing table.
  const sockaddr_in6 target = to_native(remote);
  sockaddr_in6 chosen{};
  socklen_t size = sizeof chosen;
  const bool found =
      ::connect(probe, reinterpret_cast<const sockaddr*>(&target), sizeof target) == 0 &&
      getsockname(probe, reinterpret_cast<sockaddr*>(&chosen), &size) == 0;
  const int number = errno;
  ::close(probe);
  if (!found) {
    return fail(errno_error("stoq.unreachable", "no route to " + remote.to_string(), number));
  }
  core::SocketAddress out = from_native(chosen);
  out.port = local_.port;
  out.scope = 0;
  return out;
}

bool UdpSocket::receive(const Receiver& receiver) {
  Batch& batch = *batch_;
  for (std::size_t i = 0; i < kMessages; ++i) {
    batch.vectors[i] = {batch.buffers.data() + i * kMessageSize, kMessageSize};
    batch.messages[i].msg_hdr = {.msg_name = &batch.names[i],
                                 .msg_namelen = sizeof(sockaddr_in6),
                                 .msg_iov = &batch.vectors[i],
                                 .msg_iovlen = 1,
                                 .msg_control = batch.controls[i].data(),
                                 .msg_controllen = kControlSize,
                                 .msg_flags = 0};
  }
  const int count = recvmmsg(descriptor_, batch.messages.data(), kMessages, MSG_DONTWAIT, nullptr);
  for (int i = 0; i < count; ++i) {
    const auto index = static_cast<std::size_t>(i);
    const msghdr& header = batch.messages[index].msg_hdr;
    core::PathAddresses path{local_, from_native(batch.names[index])};
    std::size_t segment = batch.messages[index].msg_len;
    std::uint8_t ecn = 0;
    for (const cmsghdr* item = CMSG_FIRSTHDR(&header); item != nullptr;
         item = CMSG_NXTHDR(const_cast<msghdr*>(&header), const_cast<cmsghdr*>(item))) {
      if (item->cmsg_level == SOL_UDP && item->cmsg_type == UDP_GRO) {
        int value = 0;
        std::memcpy(&value, CMSG_DATA(item), sizeof value);
        segment = static_cast<std::size_t>(value);
      } else if (item->cmsg_level == IPPROTO_IPV6 && item->cmsg_type == IPV6_TCLASS) {
        int value = 0;
        std::memcpy(&value, CMSG_DATA(item), sizeof value);
        ecn = static_cast<std::uint8_t>(value & 0x3);
      } else if (item->cmsg_level == IPPROTO_IPV6 && item->cmsg_type == IPV6_PKTINFO) {
        in6_pktinfo info{};
        std::memcpy(&info, CMSG_DATA(item), sizeof info);
        std::memcpy(path.local.ip.data(), &info.ipi6_addr, path.local.ip.size());
      }
    }
    ByteView rest(static_cast<const std::uint8_t*>(batch.vectors[index].iov_base),
                  batch.messages[index].msg_len);
    while (!rest.empty() && segment > 0) {
      const std::size_t size = std::min(segment, rest.size());
      receiver(path, ecn, rest.first(size));
      rest = rest.subspan(size);
    }
  }
  return count == static_cast<int>(kMessages);
}

UdpSocket::SendResult UdpSocket::send(const core::Transmit& transmit, ByteView bytes) {
  if (bytes.size() > transmit.segment_size && !capabilities_.segmentation_offload) {
    return send_segments(transmit, bytes);
  }
  sockaddr_in6 name = to_native(transmit.path.remote);
  iovec vector{const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
  alignas(cmsghdr) std::array<std::uint8_t, kControlSize> control{};
  msghdr header{.msg_name = &name,
                .msg_namelen = sizeof name,
                .msg_iov = &vector,
                .msg_iovlen = 1,
                .msg_control = control.data(),
                .msg_controllen = control.size(),
                .msg_flags = 0};
  std::size_t used = 0;
  cmsghdr* item = CMSG_FIRSTHDR(&header);
  const auto put = [&](int level, int type, const void* value, std::size_t size) {
    item->cmsg_level = level;
    item->cmsg_type = type;
    item->cmsg_len = CMSG_LEN(size);
    std::memcpy(CMSG_DATA(item), value, size);
    used += CMSG_SPACE(size);
    item = reinterpret_cast<cmsghdr*>(control.data() + used);
  };
  if (bytes.size() > transmit.segment_size) {
    const auto segment = static_cast<std::uint16_t>(transmit.segment_size);
    put(SOL_UDP, UDP_SEGMENT, &segment, sizeof segment);
  }
  if (transmit.ecn != 0) {
    const int traffic_class = transmit.ecn;
    put(IPPROTO_IPV6, IPV6_TCLASS, &traffic_class, sizeof traffic_class);
  }
  if (local_.is_unspecified() && !transmit.path.local.is_unspecified()) {
    in6_pktinfo info{};
    std::memcpy(&info.ipi6_addr, transmit.path.local.ip.data(), sizeof info.ipi6_addr);
    put(IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
  }
  header.msg_controllen = used;
  if (used == 0) {
    header.msg_control = nullptr;
  }
  for (;;) {
    if (sendmsg(descriptor_, &header, MSG_DONTWAIT) >= 0) {
      return SendResult::kSent;
    }
    if (errno == EINTR) {
      continue;
    }
    if (errno == EAGAIN || errno == ENOBUFS) {
      return SendResult::kWouldBlock;
    }
    if (errno == EIO && bytes.size() > transmit.segment_size) {
      // The device cannot checksum segments (udp(7)): send them one by one from now on.
      capabilities_.segmentation_offload = false;
      return send_segments(transmit, bytes);
    }
    return SendResult::kDropped;  // EMSGSIZE of a path MTU probe, or no route
  }
}

UdpSocket::SendResult UdpSocket::send_segments(const core::Transmit& transmit, ByteView bytes) {
  SendResult result = SendResult::kSent;
  while (!bytes.empty()) {
    const std::size_t size = std::min(transmit.segment_size, bytes.size());
    core::Transmit one = transmit;
    one.size = one.segment_size = size;
    if (const SendResult sent = send(one, bytes.first(size)); sent != SendResult::kSent) {
      result = SendResult::kDropped;  // the rest of the train counts as lost
    }
    bytes = bytes.subspan(size);
  }
  return result;
}

}  // namespace i2::stoq::io
