// What an endpoint is told once, at its start: limits, windows, timeouts. Every queue and table of
// the transport is bounded by one of these.
#pragma once

#include <i2/base/bytes.h>
#include <i2/base/clock.h>
#include <i2/stoq/core/qlog.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace i2::stoq::core {

enum class CongestionControl : std::uint8_t { kCubic, kBbr };

enum class QuicVersion : std::uint8_t { kV1, kV2 };  // RFC 9000, RFC 9369

struct EndpointConfig {
  // Which worker of the process this is: the first byte of its connection IDs modulo `workers`, so
  // that the kernel can steer datagrams to the socket of their connection.
  std::uint8_t worker = 0;
  std::uint8_t workers = 1;

  // Stateless resets and address tokens are derived from it. The workers of one process share it;
  // kept on disk, it lets a restarted node end its peers' old connections at once. None: random.
  std::optional<Hash256> secret;

  QuicVersion version = QuicVersion::kV1;  // that connect() begins with; both are accepted
  std::size_t connections_max = 10'000;
  // Handshakes under way. Above half of it every new client must prove its address by Retry (RFC
  // 9000 §8.1.2).
  std::size_t handshakes_max = 1'024;
  std::uint64_t streams_bidi_max = 1'024;  // per connection, by the peer, at one time
  std::uint64_t streams_uni_max = 256;

  // Flow control (RFC 9000 §4). At most this much unread data waits per connection and stream.
  std::uint64_t connection_window = 8 * 1024 * 1024;
  std::uint64_t stream_window = 4 * 1024 * 1024;

  Duration idle_timeout = 30 * kSecond;
  Duration keep_alive = 10 * kSecond;         // on connections this side opened; 0: none
  Duration handshake_timeout = 10 * kSecond;  // QUIC handshake and HELLO together
  CongestionControl congestion = CongestionControl::kCubic;
  bool pacing = true;

  // Path MTU probe ladder (RFC 8899), in bytes of UDP payload; probing stops at the first size that
  // fails. 65 487 is the largest that the loopback interface carries unfragmented. A path that
  // begins to swallow large packets is used with 1 200 bytes for a while.
  std::vector<std::uint16_t> mtu_probes{1452, 4000, 8952, 16384, 65487};
  std::size_t datagram_queue_max = 256;  // received DATAGRAM frames per connection, oldest dropped
  std::size_t datagram_size_max = 65'000;  // 0: no datagrams

  QlogFactory qlog;  // none: no traces
};

}  // namespace i2::stoq::core
