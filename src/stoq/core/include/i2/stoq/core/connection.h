// One QUIC connection, sans I/O: streams, datagrams, and the session (SETTINGS, HELLO) above the
// handshake.
//
// Owned by an Endpoint, which feeds it packets and time and asks it for packets. The application
// side calls the commands below and reacts to the endpoint's events. Not thread-safe: one thread
// drives an endpoint and all its connections. Every pointer and view given out is valid until the
// next call into the endpoint.
#pragma once

#include <i2/base/clock.h>
#include <i2/base/error.h>
#include <i2/ports/trust.h>
#include <i2/stoq/core/address.h>
#include <i2/stoq/core/chunk.h>
#include <i2/stoq/core/event.h>
#include <i2/stoq/core/frames.h>
#include <i2/stoq/core/tls.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace i2::stoq::core {

class ConnectionImpl;

enum class ConnectionState : std::uint8_t { kHandshaking, kOpen, kClosing, kDraining, kClosed };

struct ReadResult {
  Chunk data;                          // empty: nothing now
  bool finished = false;               // the peer ended the stream and everything was read
  std::optional<std::uint64_t> reset;  // the peer reset the stream with this code
};

struct PathInfo {
  PathAddresses addresses;
  Duration smoothed_rtt = 0;
  Duration minimum_rtt = 0;
  std::size_t mtu = 0;  // UDP payload bytes
  std::uint64_t congestion_window = 0;
  std::uint64_t bytes_in_flight = 0;
};

struct SecurityInfo {
  std::string key_exchange;    // "X25519MLKEM768"
  std::string authentication;  // "falcon1024+ed25519"
  std::string cipher;
  bool resumed = false;
};

class Connection {
 public:
  explicit Connection(ConnectionImpl& impl) : impl_(&impl) {}

  // --- state
  [[nodiscard]] ConnectionHandle handle() const;
  [[nodiscard]] ConnectionState state() const;
  [[nodiscard]] bool is_client() const;
  // Both HELLOs verified; without a stoq session: the TLS handshake is complete.
  [[nodiscard]] bool established() const;
  // What the connection is for. Empty on a server until the client's offer has been read.
  [[nodiscard]] std::string_view alpn() const;
  // Of the peer's leaf. Unless it is valid only a certificate renewal may be served.
  [[nodiscard]] ports::LeafStanding leaf_standing() const;
  // Nobody's on a connection without a stoq session.
  [[nodiscard]] const ports::PeerIdentity& peer() const;
  // What this side showed of a stoq session, which may have been replaced since; else empty.
  [[nodiscard]] crypto::Certificate local_leaf() const;
  // What the peer proved to have the key of; empty when it showed none.
  [[nodiscard]] const crypto::Certificate& peer_leaf() const;
  // What else it showed, not checked; at most 4. A member's leaf stands alone.
  [[nodiscard]] const std::vector<crypto::Certificate>& peer_chain() const;
  [[nodiscard]] PathInfo path() const;
  [[nodiscard]] SecurityInfo security() const;
  [[nodiscard]] const Error& close_error() const;

  // --- session
  [[nodiscard]] ByteView hello_to_sign() const;
  void provide_hello_signature(ByteView signature);
  // RFC 8446 §7.5. Error: stoq.not_connected.
  [[nodiscard]] Result<Bytes> export_keying_material(std::string_view label, ByteView context,
                                                     std::size_t size) const;
  // The client's resumption state, once the server has issued it.
  [[nodiscard]] TlsSession take_session();
  // The server's NEW_TOKEN for the next connection from this address; empty when there is none.
  [[nodiscard]] Bytes take_token();

  // --- streams
  // Error: stoq.streams_exhausted (wait for kStreamsAvailable), stoq.not_connected.
  [[nodiscard]] Result<StreamId> open_stream(StreamType type, bool bidirectional);
  // On a connection without a stoq session, whose streams have no type.
  [[nodiscard]] Result<StreamId> open_raw_stream(bool bidirectional);
  [[nodiscard]] std::optional<std::uint64_t> stream_type(StreamId id) const;
  // Queues `data` behind what was written before; `fin` ends this direction. Always takes
  // everything: the caller bounds itself by unsent(). Error: stoq.stream_closed.
  [[nodiscard]] Result<void> write(StreamId id, Chunk data, bool fin = false);
  [[nodiscard]] std::size_t unsent(StreamId id) const;
  [[nodiscard]] std::uint64_t unacknowledged(StreamId id) const;  // queued or in flight
  // One kStreamWritable when everything has left the queue; one kStreamAcknowledged when the peer
  // has it; kStreamStopped also while nothing is written, but not any more after the end of this
  // direction was sent. The first two want that as well.
  void want_writable(StreamId id);
  void want_acknowledged(StreamId id);
  void want_stopped(StreamId id);
  // At most `size_max` contiguous bytes; returns their flow-control credit to the peer.
  // Error: stoq.stream_closed.
  [[nodiscard]] Result<ReadResult> read(StreamId id, std::size_t size_max = SIZE_MAX);
  void reset_stream(StreamId id, std::uint64_t app_error);
  void stop_sending(StreamId id, std::uint64_t app_error);
  // The application is done with the stream; what it left unfinished is reset or stopped.
  void release_stream(StreamId id);
  // 0 is the most urgent; streams of one priority share by turns. Default 4.
  void set_priority(StreamId id, std::uint8_t priority);

  // --- datagrams (RFC 9221)
  // Error: stoq.datagram_too_large, stoq.overloaded when the queue is full.
  [[nodiscard]] Result<void> send_datagram(Chunk data);
  [[nodiscard]] std::optional<Chunk> take_datagram();
  [[nodiscard]] std::size_t datagram_size_max() const;  // now, on this path

  // --- control
  // Measures the round trip of a PING frame; `sequence` comes back with its kPong.
  // Error: stoq.not_connected, stoq.overloaded when 64 answers are still due.
  [[nodiscard]] Result<void> ping(std::uint64_t sequence, Timestamp now);
  struct Pong {
    std::uint64_t sequence = 0;
    Duration round_trip = 0;
  };
  [[nodiscard]] std::optional<Pong> take_pong();
  // New packet keys (RFC 9001 §6). Without it they change when the cipher's limit is near.
  // Error: stoq.not_connected, also while an earlier update is not confirmed.
  [[nodiscard]] Result<void> update_keys(Timestamp now);
  void close(std::uint64_t app_error, std::string_view reason);

 private:
  friend class Endpoint;
  ConnectionImpl* impl_;
};

}  // namespace i2::stoq::core
