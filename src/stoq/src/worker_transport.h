// One worker's share of the transport: its socket, its endpoint, its connections.
//
// Everything runs on the worker's executor. The order of a turn is: read what arrived, report
// events (which posts coroutine resumptions), let those run, then send. Resumed coroutines that
// write therefore share one flush with everything else of that turn.
#pragma once

#include <i2/crypto/random.h>
#include <i2/rt/clock.h>
#include <i2/rt/signal.h>
#include <i2/stoq/transport.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <unordered_map>

#include "io/udp_socket.h"

namespace i2::stoq {

struct ConnectionState;
class WorkerTransport;

// What waits on one stream. Lives as long as a Stream names it or the connection knows it.
struct StreamHandle {
  StreamHandle(std::shared_ptr<ConnectionState> owner, std::int64_t stream_id);
  ~StreamHandle();
  StreamHandle(const StreamHandle&) = delete;
  StreamHandle& operator=(const StreamHandle&) = delete;

  std::shared_ptr<ConnectionState>
      connection;  // shared: a stream keeps its connection's state readable
  std::int64_t id;
  std::uint64_t type = 0;
  bool stopped = false;  // by the peer
  bool reset = false;    // by this side
  rt::Signal changed;
};

struct ConnectionState {
  ConnectionState(WorkerTransport& worker_transport, core::ConnectionHandle connection_handle);

  [[nodiscard]] std::optional<core::Connection> core() const;
  [[nodiscard]] std::unexpected<Error> ended() const;

  WorkerTransport* worker;  // null once the worker is gone
  core::ConnectionHandle handle;
  boost::asio::any_io_executor executor;
  bool established = false;
  bool client = false;
  ports::LeafStanding leaf_standing = ports::LeafStanding::kValid;
  std::optional<Error> close_error;
  std::string alpn;
  ports::PeerIdentity peer;
  crypto::Certificate local_leaf;
  crypto::Certificate peer_leaf;
  std::vector<crypto::Certificate> peer_chain;
  NodeId local_node;
  SecurityInfo security;
  PathInfo last_path;
  std::string dialled;  // address and ALPN: what its resumption state is good for
  std::unordered_map<std::int64_t, StreamHandle*> streams;
  std::deque<std::int64_t>
      incoming;  // opened by the peer, not accepted yet; bounded by the stream limits
  std::unordered_map<std::uint64_t, std::optional<Duration>> pings;  // that somebody waits for
  std::uint64_t next_ping = 1;
  rt::Signal changed;  // established, closed, streams available
  rt::Signal stream_opened;
  rt::Signal datagram;
  rt::Signal pong;
};

class WorkerTransport : public std::enable_shared_from_this<WorkerTransport> {
 public:
  using Accept = std::function<void(Connection)>;

  WorkerTransport(boost::asio::any_io_executor executor, std::unique_ptr<io::UdpSocket> socket,
                  const core::EndpointConfig& config, std::shared_ptr<core::TlsContext> tls,
                  const ports::CertSource& certificates, const ports::PeerVerifier& verifier,
                  Accept accept);
  ~WorkerTransport();

  // On the worker's executor from here on.
  void start();
  void stop();
  [[nodiscard]] Task<Result<Connection>> connect(SocketAddress remote,
                                                 Transport::ConnectOptions options);
  [[nodiscard]] Task<void> shut_down(Duration linger);
  // Something was written or read: send within this turn.
  void request_flush();

  [[nodiscard]] boost::asio::any_io_executor executor() const { return executor_; }
  [[nodiscard]] core::Endpoint& endpoint() { return endpoint_; }
  [[nodiscard]] const io::UdpSocket& socket() const { return *socket_; }
  [[nodiscard]] Timestamp now() const { return clock_.now(); }
  [[nodiscard]] TransportStats stats() const;

 private:
  // Resumption state of the last connection to an address for an ALPN; bounded.
  struct Resumption {
    core::TlsSession session;
    Bytes token;
  };

  void wait_readable();
  void on_readable();
  void wait_writable();
  void arm_timer();
  void on_timer();
  bool handle_events();  // whether there were any
  void handle_event(const core::Event& event, ConnectionState& state);
  void flush();
  void sign_hello(const core::Connection& connection);
  void remember(ConnectionState& state, core::Connection& connection);
  [[nodiscard]] std::shared_ptr<ConnectionState> state_of(core::ConnectionHandle handle);

  boost::asio::any_io_executor executor_;
  rt::SystemClock clock_;
  crypto::SystemRng rng_;
  std::unique_ptr<io::UdpSocket> socket_;
  boost::asio::posix::stream_descriptor readiness_;
  boost::asio::steady_timer timer_;
  const ports::CertSource& certificates_;
  core::Endpoint endpoint_;
  Accept accept_;
  std::unordered_map<std::uint64_t, std::shared_ptr<ConnectionState>> connections_;
  std::unordered_map<std::string, Resumption> resumptions_;
  std::vector<std::uint8_t> send_buffer_;
  std::optional<core::Transmit> unsent_;  // the kernel had no room for it
  Timestamp timer_at_ = kNever;
  Timestamp unix_synced_at_ = 0;
  bool flush_requested_ = false;
  bool waiting_writable_ = false;
  bool stopped_ = false;
  TransportStats stats_;
};

}  // namespace i2::stoq
