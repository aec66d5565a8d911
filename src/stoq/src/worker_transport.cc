#include "worker_transport.h"

#include <i2/base/assert.h>

#include <boost/asio/defer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

namespace i2::stoq {
namespace asio = boost::asio;

namespace {

constexpr int kReceiveBatchesPerTurn = 4;
constexpr int kSendsPerTurn = 32;
constexpr std::size_t kResumptionsMax = 1'024;

asio::any_io_executor executor_of(const std::shared_ptr<ConnectionState>& connection) {
  return connection->executor;
}

}  // namespace

StreamHandle::StreamHandle(std::shared_ptr<ConnectionState> owner, std::int64_t stream_id)
    : connection(std::move(owner)), id(stream_id), changed(executor_of(connection)) {
  connection->streams[id] = this;
}

// NOLINTNEXTLINE(bugprone-exception-escape): what throws here is a defect
StreamHandle::~StreamHandle() {
  connection->streams.erase(id);
  if (auto core = connection->core()) {
    core->release_stream(id);
    connection->worker->request_flush();
  }
}

ConnectionState::ConnectionState(WorkerTransport& worker_transport,
                                 core::ConnectionHandle connection_handle)
    : worker(&worker_transport),
      handle(connection_handle),
      executor(worker_transport.executor()),
      changed(executor),
      stream_opened(executor),
      datagram(executor),
      pong(executor) {}

std::optional<core::Connection> ConnectionState::core() const {
  if (worker == nullptr || close_error) {
    return std::nullopt;
  }
  return worker->endpoint().find(handle);
}

std::unexpected<Error> ConnectionState::ended() const {
  return fail(close_error ? *close_error : Error("stoq.closed", "the connection has ended"));
}

WorkerTransport::WorkerTransport(asio::any_io_executor executor,
                                 std::unique_ptr<io::UdpSocket> socket,
                                 const core::EndpointConfig& config,
                                 std::shared_ptr<core::TlsContext> tls,
                                 const ports::CertSource& certificates,
                                 const ports::PeerVerifier& verifier, Accept accept)
    : executor_(std::move(executor)),
      socket_(std::move(socket)),
      readiness_(executor_),
      timer_(executor_),
      certificates_(certificates),
      endpoint_(config, std::move(tls), certificates, verifier, rng_, clock_.now(),
                clock_.unix_now()),
      accept_(std::move(accept)),
      send_buffer_(core::kTransmitSizeMax) {}

// NOLINTNEXTLINE(bugprone-exception-escape): what throws here is a defect
WorkerTransport::~WorkerTransport() {
  stop();
}

void WorkerTransport::start() {
  unix_synced_at_ = now();
  readiness_.assign(socket_->descriptor());
  wait_readable();
}

void WorkerTransport::stop() {
  if (stopped_) {
    return;
  }
  stopped_ = true;
  if (readiness_.is_open()) {
    readiness_.release();  // ends its waits; the socket closes its own descriptor
  }
  socket_->close();
  timer_.cancel();
  for (auto& [handle, state] : connections_) {
    if (!state->close_error) {
      state->close_error = Error("stoq.shut_down", "the transport was shut down");
    }
    state->worker = nullptr;
    state->changed.notify();
    state->stream_opened.notify();
    state->datagram.notify();
    state->pong.notify();
    for (auto& [id, stream] : state->streams) {
      stream->changed.notify();
    }
  }
  connections_.clear();
}

void WorkerTransport::wait_readable() {
  readiness_.async_wait(asio::posix::stream_descriptor::wait_read,
                        [self = shared_from_this()](const boost::system::error_code& error) {
                          if (!error && !self->stopped_) {
                            self->on_readable();
                          }
                        });
}

void WorkerTransport::on_readable() {
  const Timestamp received_at = now();
  bool more = true;
  for (int batch = 0; batch < kReceiveBatchesPerTurn && more; ++batch) {
    ++stats_.receive_calls;
    more =
        socket_->receive([&](const core::PathAddresses& path, std::uint8_t ecn, ByteView datagram) {
          stats_.bytes_received += datagram.size();
          endpoint_.handle_datagram(path, ecn, datagram, received_at);
        });
  }
  if (handle_events()) {
    request_flush();
  } else {
    flush();  // acknowledgements only: nobody was resumed who could still write
  }
  wait_readable();
}

void WorkerTransport::request_flush() {
  if (flush_requested_ || stopped_) {
    return;
  }
  flush_requested_ = true;
  // Behind the coroutines that the events of this turn resume.
  asio::post(executor_, [self = shared_from_this()] {
    self->flush_requested_ = false;
    if (!self->stopped_) {
      self->flush();
    }
  });
}

void WorkerTransport::flush() {
  if (waiting_writable_) {
    return;
  }
  for (int sends = 0; sends < kSendsPerTurn; ++sends) {
    if (!unsent_) {
      unsent_ = endpoint_.poll_transmit(send_buffer_, now());
      if (!unsent_) {
        break;
      }
    }
    ++stats_.send_calls;
    const auto result = socket_->send(*unsent_, ByteView(send_buffer_).first(unsent_->size));
    if (result == io::UdpSocket::SendResult::kWouldBlock) {
      wait_writable();
      break;
    }
    if (result == io::UdpSocket::SendResult::kSent) {
      stats_.bytes_sent += unsent_->size;
    } else {
      ++stats_.datagrams_dropped_by_kernel;
    }
    unsent_.reset();
    if (sends + 1 == kSendsPerTurn) {
      request_flush();  // let arriving acknowledgements in first
    }
  }
  handle_events();
  arm_timer();
}

void WorkerTransport::wait_writable() {
  waiting_writable_ = true;
  readiness_.async_wait(asio::posix::stream_descriptor::wait_write,
                        [self = shared_from_this()](const boost::system::error_code& error) {
                          self->waiting_writable_ = false;
                          if (!error && !self->stopped_) {
                            self->flush();
                          }
                        });
}

// The timer is only ever moved to an earlier time: a deadline that moved back costs one early
// wake-up instead of a system call for every packet.
void WorkerTransport::arm_timer() {
  const Timestamp next = endpoint_.next_timeout();
  if (next >= timer_at_) {
    return;
  }
  timer_at_ = next;
  const Timestamp current = now();
  timer_.expires_after(std::chrono::nanoseconds(next > current ? next - current : 0));
  timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    if (!error && !self->stopped_) {
      self->on_timer();
    }
  });
}

void WorkerTransport::on_timer() {
  timer_at_ = kNever;
  const Timestamp current = now();
  if (current - unix_synced_at_ > kSecond) {
    unix_synced_at_ = current;
    endpoint_.set_unix_time(clock_.unix_now(), current);
  }
  endpoint_.handle_timeout(current);
  handle_events();
  request_flush();
  arm_timer();
}

std::shared_ptr<ConnectionState> WorkerTransport::state_of(core::ConnectionHandle handle) {
  const auto it = connections_.find(handle.value);
  if (it != connections_.end()) {
    return it->second;
  }
  auto state = std::make_shared<ConnectionState>(*this, handle);
  connections_.emplace(handle.value, state);
  return state;
}

bool WorkerTransport::handle_events() {
  bool any = false;
  while (const auto event = endpoint_.poll_event()) {
    any = true;
    const auto state = state_of(event->connection);
    handle_event(*event, *state);
    if (event->kind == core::EventKind::kClosed) {
      connections_.erase(event->connection.value);
      endpoint_.forget(event->connection);
    }
  }
  return any;
}

void WorkerTransport::handle_event(const core::Event& event, ConnectionState& state) {
  auto connection = endpoint_.find(event.connection);
  if (!connection) {
    return;
  }
  const auto stream = state.streams.find(event.stream);
  switch (event.kind) {
    case core::EventKind::kHelloSignatureWanted:
      sign_hello(*connection);
      break;
    case core::EventKind::kConnected:
      state.established = true;
      state.client = connection->is_client();
      state.leaf_standing = connection->leaf_standing();
      state.alpn = connection->alpn();
      state.peer = connection->peer();
      state.local_leaf = connection->local_leaf();
      state.peer_leaf = connection->peer_leaf();
      state.peer_chain = connection->peer_chain();
      state.local_node = certificates_.node_id();
      state.security = connection->security();
      state.last_path = connection->path();
      state.changed.notify();
      if (!state.client) {
        accept_(Connection(state_of(event.connection)));
      }
      break;
    case core::EventKind::kClosed:
      state.last_path = connection->path();
      remember(state, *connection);
      state.close_error = connection->close_error();
      state.changed.notify();
      state.stream_opened.notify();
      state.datagram.notify();
      state.pong.notify();
      for (auto& [id, handle] : state.streams) {
        handle->changed.notify();
      }
      break;
    case core::EventKind::kStreamOpened:
      state.incoming.push_back(event.stream);
      state.stream_opened.notify();
      break;
    case core::EventKind::kStreamStopped:
      if (stream != state.streams.end()) {
        stream->second->stopped = true;
      }
      [[fallthrough]];
    case core::EventKind::kStreamReadable:
    case core::EventKind::kStreamWritable:
    case core::EventKind::kStreamAcknowledged:
      if (stream != state.streams.end()) {
        stream->second->changed.notify();
      }
      break;
    case core::EventKind::kStreamsAvailable:
      state.changed.notify();
      break;
    case core::EventKind::kDatagramReceived:
      state.datagram.notify();
      break;
    case core::EventKind::kPong:
      while (const auto pong = connection->take_pong()) {
        if (const auto it = state.pings.find(pong->sequence); it != state.pings.end()) {
          it->second = pong->round_trip;
        }
      }
      state.pong.notify();
      break;
  }
}

void WorkerTransport::sign_hello(const core::Connection& connection) {
  const auto handle = connection.handle();
  certificates_.sign_hello(
      to_bytes(connection.hello_to_sign()),
      [weak = weak_from_this(), handle, executor = executor_](Result<Bytes> signature) {
        // dispatch: a key in memory answers at once, one in a token from another thread.
        asio::dispatch(executor, [weak, handle, signature = std::move(signature)] {
          const auto self = weak.lock();
          if (!self || self->stopped_) {
            return;
          }
          if (auto found = self->endpoint_.find(handle)) {
            if (signature) {
              found->provide_hello_signature(*signature);
            } else {
              found->close(static_cast<std::uint64_t>(AppError::kInternal), "no signature");
            }
            self->handle_events();
            self->request_flush();
          }
        });
      });
}

void WorkerTransport::remember(ConnectionState& state, core::Connection& connection) {
  if (!state.client || !state.established) {
    return;
  }
  Resumption resumption{connection.take_session(), connection.take_token()};
  if (!resumption.session && resumption.token.empty()) {
    return;
  }
  if (resumptions_.size() >= kResumptionsMax) {
    resumptions_.erase(resumptions_.begin());
  }
  resumptions_[state.dialled] = std::move(resumption);
}

Task<Result<Connection>> WorkerTransport::connect(SocketAddress remote,
                                                  Transport::ConnectOptions options) {
  if (stopped_) {
    co_return fail("stoq.shut_down", "the transport was shut down");
  }
  std::string dialled = remote.to_string() + " " + options.alpn;
  core::Endpoint::ConnectOptions core_options{.alpn = std::move(options.alpn),
                                              .check_leaf = std::move(options.check_leaf)};
  if (const auto it = resumptions_.find(dialled); options.resume && it != resumptions_.end()) {
    core_options.session = std::move(it->second.session);
    core_options.token = std::move(it->second.token);
    resumptions_.erase(it);  // RFC 8446 §C.4: a ticket is used once
  }
  I2_CO_TRY_VALUE(const SocketAddress local, socket_->local_address_for(remote));
  const auto handle = endpoint_.connect({local, remote}, std::move(core_options), now());
  if (!handle) {
    co_return fail(handle.error());
  }
  const auto state = state_of(*handle);
  state->client = true;
  state->dialled = std::move(dialled);
  request_flush();
  // A caller that is cancelled, or destroyed, leaves no connection behind that nobody knows of.
  struct Abandon {
    Connection connection;
    explicit Abandon(Connection dialled) : connection(std::move(dialled)) {}
    ~Abandon() {
      if (connection) {
        connection.close(AppError::kCancelled);
      }
    }
    Abandon(const Abandon&) = delete;
    Abandon& operator=(const Abandon&) = delete;
  } abandon{Connection(state)};
  while (!state->established && !state->close_error) {
    co_await state->changed.wait();
  }
  if (!state->established) {
    const Error error = *state->close_error;
    if (error.is("stoq.unreachable")) {
      co_return fail("stoq.unreachable", remote.to_string() +
                                             " did not answer: is the node running, and does a "
                                             "firewall let UDP through?");
    }
    co_return fail(error.in(remote.to_string()));
  }
  co_return std::exchange(abandon.connection, {});
}

Task<void> WorkerTransport::shut_down(Duration linger) {
  if (stopped_) {
    co_return;
  }
  endpoint_.shut_down();
  handle_events();
  flush();
  const Timestamp until = now() + linger;
  // Closing packets that did not fit into one turn, or for which the kernel had no room.
  while ((unsent_ || flush_requested_) && now() < until && !stopped_) {
    co_await rt::sleep_for(std::chrono::milliseconds(1));
  }
  stop();
}

TransportStats WorkerTransport::stats() const {
  TransportStats out = stats_;
  out.endpoint = endpoint_.stats();
  out.connections = connections_.size();
  return out;
}

}  // namespace i2::stoq
