// One IPv6 UDP socket with segmentation offload: super-buffers out (UDP_SEGMENT), coalesced
// datagrams in (UDP_GRO), many per system call. Non-blocking; readiness comes from the event loop.
#pragma once

#include <i2/base/bytes.h>
#include <i2/base/error.h>
#include <i2/stoq/core/endpoint.h>

#include <functional>
#include <memory>
#include <vector>

namespace i2::stoq::io {

// Several sockets on one port. The first one finds out whether somebody else has it.
enum class PortGroup : std::uint8_t { kNone, kFirst, kNext };

struct UdpOptions {
  core::SocketAddress bind;
  PortGroup group = PortGroup::kNone;
  std::size_t socket_buffer = 8 * 1024 * 1024;  // asked of the kernel, each way
};

struct UdpCapabilities {
  bool segmentation_offload = false;  // UDP_SEGMENT
  bool receive_offload = false;       // UDP_GRO
  std::size_t receive_buffer = 0;     // what the kernel granted
  std::size_t send_buffer = 0;
};

class UdpSocket {
 public:
  // Error: stoq.port_in_use, stoq.permission, stoq.address_unavailable, stoq.ipv4_refused,
  // stoq.socket.
  [[nodiscard]] static Result<std::unique_ptr<UdpSocket>> open(const UdpOptions& options);
  ~UdpSocket();
  // Frees the port; nothing may be sent or received after it.
  void close();
  UdpSocket(const UdpSocket&) = delete;
  UdpSocket& operator=(const UdpSocket&) = delete;

  // Sends datagrams to the socket of a group that their connection ID names: worker i of n is the
  // i-th socket bound. Call once, on the last socket bound. False: the kernel chooses by address
  // instead.
  [[nodiscard]] bool steer_by_connection_id(std::size_t workers);

  using Receiver =
      std::function<void(const core::PathAddresses& path, std::uint8_t ecn, ByteView datagram)>;
  // Reads one batch; false when nothing more is waiting.
  bool receive(const Receiver& receiver);

  enum class SendResult : std::uint8_t { kSent, kWouldBlock, kDropped };
  // kDropped: the kernel refused it for good (no route, too large); QUIC treats it as lost.
  [[nodiscard]] SendResult send(const core::Transmit& transmit, ByteView bytes);

  // The local address that datagrams to `remote` leave from: the one bound, or the kernel's choice
  // of route. Error: stoq.unreachable.
  [[nodiscard]] Result<core::SocketAddress> local_address_for(
      const core::SocketAddress& remote) const;

  [[nodiscard]] int descriptor() const { return descriptor_; }
  [[nodiscard]] const core::SocketAddress& local_address() const { return local_; }
  [[nodiscard]] const UdpCapabilities& capabilities() const { return capabilities_; }

 private:
  explicit UdpSocket(int descriptor);
  struct Batch;
  [[nodiscard]] SendResult send_segments(const core::Transmit& transmit, ByteView bytes);

  int descriptor_;
  core::SocketAddress local_;
  UdpCapabilities capabilities_;
  std::unique_ptr<Batch> batch_;
};

}  // namespace i2::stoq::io
