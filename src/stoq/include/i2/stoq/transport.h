// The transport: connections to other nodes over post-quantum QUIC, as coroutines.
//
//   auto transport = stoq::Transport::create(config, runtime, certificates, verifier);
//   auto connection = co_await (*transport)->connect(address);
//   auto stream = co_await connection->open_stream(stoq::StreamType::kBytes);
//   co_await stream->write(stoq::Chunk(bytes), true);
//   auto answer = co_await stream->read();
//
// Threads: a connection belongs to one worker. Everything of a Connection and of its Streams must
// run on connection.executor(); Transport::connect() and accept() may be awaited anywhere and hand
// out connections to be used there (boost::asio::co_spawn(connection.executor(), ...)). Connection
// and Stream are handles: copies name the same thing, and the last copy of a Stream releases it.
//
// Cancelling a coroutine that waits here (Asio's cancellation slots, `||`) ends the wait with
// boost::system::system_error of operation_aborted. Only the waiting ends: what write() has queued
// is sent. A connect() that is cancelled closes what it opened.
#pragma once

#include <i2/base/rng.h>
#include <i2/ports/trust.h>
#include <i2/rt/runtime.h>
#include <i2/stoq/core/config.h>
#include <i2/stoq/core/connection.h>
#include <i2/stoq/core/endpoint.h>
#include <i2/stoq/core/errors.h>
#include <i2/stoq/core/metrics.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace i2::stoq {

using core::AppError;
using core::Chunk;
using core::ConnectionHandle;
using core::EndpointStats;
using core::PathInfo;
using core::SecurityInfo;
using core::SocketAddress;
using core::StreamType;

template <class T>
using Task = boost::asio::awaitable<T>;

// Traces for debugging: what every connection sent and received, without payload.
struct QlogConfig {
  std::filesystem::path directory;            // empty: no traces
  std::size_t files_max = 64;                 // the oldest go
  std::uint64_t size_max = 64 * 1024 * 1024;  // of one
};

struct TransportConfig {
  SocketAddress bind;  // port 0: the kernel chooses
  core::EndpointConfig endpoint;
  std::vector<core::Profile> profiles{core::stoq_profile()};  // the most wanted first
  std::size_t socket_buffer = 8 * 1024 * 1024;
  // Of each ALPN: verified connections that nobody has accepted yet; a further one is refused.
  std::size_t accept_backlog = 256;
  QlogConfig qlog;
};

struct ConnectionState;
struct StreamHandle;

class Stream {
 public:
  Stream() = default;
  [[nodiscard]] std::uint64_t type() const;  // 0 of a raw stream
  [[nodiscard]] std::int64_t id() const;
  [[nodiscard]] explicit operator bool() const { return handle_ != nullptr; }

  // Completes when the bytes are queued and the queue is shorter than its limit (4 MiB). `fin` ends
  // this direction. Error: stoq.stream_closed, or why the connection ended.
  [[nodiscard]] Task<Result<void>> write(Chunk data, bool fin = false);
  // Completes when the peer's transport has acknowledged everything written so far. Errors as of
  // write().
  [[nodiscard]] Task<Result<void>> flush();
  // The next contiguous bytes, at most `size_max`; an empty Chunk is the end of the stream.
  // Error: stoq.stream_reset (native(): the peer's code), or why the connection ended.
  [[nodiscard]] Task<Result<Chunk>> read(std::size_t size_max = SIZE_MAX);
  // Exactly `size` bytes. Error: stoq.stream_ended when the peer ended before, and those of read().
  [[nodiscard]] Task<Result<Bytes>> read_exactly(std::size_t size);
  // Calls of this side that wait on the stream end with stoq.stream_closed.
  void reset(AppError code);
  void stop(AppError code);
  // With a number of the connection's own protocol.
  void reset_with(std::uint64_t code);
  void stop_with(std::uint64_t code);
  // The peer asked to stop sending: nobody reads what this side writes. Noticed in write(), flush()
  // and changed(), and not any more after the end of this direction was sent.
  [[nodiscard]] bool peer_stopped() const;
  // Completes when anything about the stream has changed, or wake() was called: for waiting on the
  // stream and on something else at once. Wait in a loop around the conditions.
  [[nodiscard]] Task<void> changed();
  void wake();
  void set_priority(std::uint8_t priority);

 private:
  friend class Connection;
  friend class WorkerTransport;
  explicit Stream(std::shared_ptr<StreamHandle> handle) : handle_(std::move(handle)) {}
  std::shared_ptr<StreamHandle> handle_;  // shared by the copies; the last one releases the stream
};

class Connection {
 public:
  Connection() = default;
  [[nodiscard]] boost::asio::any_io_executor executor() const;
  [[nodiscard]] explicit operator bool() const { return state_ != nullptr; }
  // The same connection, whatever the copy.
  friend bool operator==(const Connection&, const Connection&) = default;

  [[nodiscard]] bool is_open() const;
  [[nodiscard]] bool is_client() const;
  [[nodiscard]] ports::LeafStanding leaf_standing() const;
  [[nodiscard]] bool renewal_only() const { return leaf_standing() != ports::LeafStanding::kValid; }
  [[nodiscard]] const std::string& alpn() const;
  // Nobody's on a connection without a stoq session, as peer_leaf() may be (core::Connection).
  [[nodiscard]] const ports::PeerIdentity& peer() const;
  [[nodiscard]] const crypto::Certificate& local_leaf() const;
  [[nodiscard]] const crypto::Certificate& peer_leaf() const;
  [[nodiscard]] const std::vector<crypto::Certificate>& peer_chain() const;
  [[nodiscard]] const NodeId& local_node() const;
  [[nodiscard]] PathInfo path() const;
  [[nodiscard]] SecurityInfo security() const;

  // Error: stoq.streams_exhausted when the peer allows no further stream now, why the connection
  // ended.
  [[nodiscard]] Result<Stream> try_open_stream(StreamType type, bool bidirectional = true);
  // Waits while the peer allows no further stream.
  [[nodiscard]] Task<Result<Stream>> open_stream(StreamType type, bool bidirectional = true);
  // On a connection without a stoq session.
  [[nodiscard]] Result<Stream> try_open_raw_stream(bool bidirectional = true);
  [[nodiscard]] Task<Result<Stream>> open_raw_stream(bool bidirectional = true);
  // The peer's next stream. Error: why the connection ended.
  [[nodiscard]] Task<Result<Stream>> accept_stream();
  [[nodiscard]] Result<void> send_datagram(Chunk data);
  [[nodiscard]] std::size_t datagram_size_max() const;
  [[nodiscard]] Task<Result<Chunk>> receive_datagram();
  // Round trip of a PING frame, in nanoseconds, including both event loops.
  // Error: stoq.overloaded with 64 under way, why the connection ended.
  [[nodiscard]] Task<Result<Duration>> ping();
  [[nodiscard]] Result<Bytes> export_keying_material(std::string_view label, ByteView context,
                                                     std::size_t size) const;
  void close(AppError code = AppError::kNone);
  // With a number of the connection's own protocol.
  void close_with(std::uint64_t code, const std::string& reason = {});
  // Completes when the connection has ended, with the reason.
  [[nodiscard]] Task<Error> closed();

 private:
  friend class Transport;
  friend class WorkerTransport;
  explicit Connection(std::shared_ptr<ConnectionState> state) : state_(std::move(state)) {}
  std::shared_ptr<ConnectionState> state_;  // shared by the copies and the worker
};

struct TransportStats {
  EndpointStats endpoint;  // summed over workers
  std::size_t connections = 0;
  std::uint64_t bytes_sent = 0;  // UDP payload
  std::uint64_t bytes_received = 0;
  std::uint64_t send_calls = 0;
  std::uint64_t receive_calls = 0;
  std::uint64_t datagrams_dropped_by_kernel = 0;

  void add(const TransportStats& other);
};

struct TransportCapabilities {
  bool segmentation_offload = false;
  bool receive_offload = false;
  bool connection_id_steering = false;
  std::size_t socket_receive_buffer = 0;
};

class WorkerTransport;

class Transport {
 public:
  // Binds one socket per worker of `runtime`. `certificates`, `verifier` and `runtime` outlive the
  // transport. Error: stoq.port_in_use, stoq.permission, stoq.address_unavailable, stoq.tls_setup,
  // stoq.socket.
  [[nodiscard]] static Result<std::unique_ptr<Transport>> create(
      const TransportConfig& config, rt::Runtime& runtime, const ports::CertSource& certificates,
      const ports::PeerVerifier& verifier);
  // Waits for the workers to let go: not on one of the runtime's threads. Without a shutdown()
  // before it, it ends everything in the same way but tells no peer.
  ~Transport();
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  struct ConnectOptions {
    bool resume = true;  // use what an earlier connection to the same address left behind
    std::string alpn{};  // of one of TransportConfig::profiles; empty: the first
    // As core::Endpoint::ConnectOptions::check_leaf; runs on a worker.
    std::function<Result<void>(const crypto::Certificate& leaf)> check_leaf{};
  };
  // A new connection to a peer that this side has verified, after one round trip. The peer judges
  // this side's certificate half a round trip later: when it refuses, the connection ends with its
  // reason, and who has to know first awaits ping(). Errors: stoq.ipv4_refused, stoq.unreachable,
  // stoq.handshake_timeout, stoq.hello_timeout, stoq.tls_refused, stoq.tls_failed, the trust.*
  // reasons of either side, stoq.overloaded, stoq.shut_down.
  [[nodiscard]] Task<Result<Connection>> connect(SocketAddress remote, ConnectOptions options);
  [[nodiscard]] Task<Result<Connection>> connect(SocketAddress remote);
  // The next connection that a peer opened for the first profile, or for `alpn`. What nobody
  // accepts is refused once the backlog is full. Error: stoq.shut_down, stoq.tls_setup (an ALPN
  // without a profile).
  [[nodiscard]] Task<Result<Connection>> accept();
  [[nodiscard]] Task<Result<Connection>> accept(std::string alpn);
  // Tells every peer and ends; waits at most `linger`. Everything that waits for the transport, its
  // connections or streams ends with stoq.shut_down, as does what is called later. The port is free
  // when it completes.
  [[nodiscard]] Task<void> shutdown(Duration linger = kSecond);

  [[nodiscard]] SocketAddress local_address() const;
  [[nodiscard]] Task<TransportStats> stats();
  // Of each worker.
  [[nodiscard]] Task<std::vector<TransportStats>> worker_stats();
  // Of all workers together. On any thread. Not small: 16 KiB.
  [[nodiscard]] std::unique_ptr<telemetry::Snapshot<core::EndpointMetrics>> metrics() const;
  // Traces of the connections that begin from now on, instead of those of TransportConfig. On any
  // thread. Error: stoq.qlog, and nothing changes.
  [[nodiscard]] Result<void> trace_to(QlogConfig config);
  [[nodiscard]] TransportCapabilities capabilities() const;

 private:
  struct Impl;
  explicit Transport(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace i2::stoq
