#include <i2/stoq/transport.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <future>

#include "worker_transport.h"

namespace i2::stoq {
namespace asio = boost::asio;

struct Transport::Impl {
  explicit Impl(rt::Runtime& owner) : runtime(owner), accepted(owner.control()) {}

  rt::Runtime& runtime;
  std::vector<std::shared_ptr<WorkerTransport>> workers;  // shared with their pending handlers
  std::atomic<std::size_t> next_worker{0};
  TransportCapabilities capabilities;
  std::size_t backlog_max = 0;
  // On the control executor:
  rt::Signal accepted;
  std::deque<Connection> backlog;
  bool shut_down = false;
};

Transport::Transport(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<Transport>> Transport::create(const TransportConfig& config,
                                                     rt::Runtime& runtime,
                                                     const ports::CertSource& certificates,
                                                     const ports::PeerVerifier& verifier) {
  I2_TRY_VALUE(const auto tls, core::TlsContext::create(config.tls));
  auto impl = std::make_unique<Impl>(runtime);
  impl->backlog_max = config.accept_backlog;
  Impl* const raw = impl.get();
  const auto accept = [raw](Connection connection) {
    asio::post(raw->runtime.control(), [raw, connection = std::move(connection)]() mutable {
      if (raw->shut_down || raw->backlog.size() >= raw->backlog_max) {
        asio::post(connection.executor(),
                   [connection]() mutable { connection.close(AppError::kOverloaded); });
        return;
      }
      raw->backlog.push_back(std::move(connection));
      raw->accepted.notify();
    });
  };
  const std::size_t count = runtime.worker_count();
  io::UdpOptions options{.bind = config.bind,
                         .reuse_port = count > 1,
                         .socket_buffer = config.socket_buffer};
  for (std::size_t i = 0; i < count; ++i) {
    I2_TRY_VALUE(auto socket, io::UdpSocket::open(options));
    options.bind = socket->local_address();  // the port that the kernel chose, for the next worker
    if (i + 1 == count) {
      impl->capabilities = {.segmentation_offload = socket->capabilities().segmentation_offload,
                            .receive_offload = socket->capabilities().receive_offload,
                            .connection_id_steering =
                                count == 1 || socket->steer_by_connection_id(count),
                            .socket_receive_buffer = socket->capabilities().receive_buffer};
    }
    core::EndpointConfig endpoint = config.endpoint;
    endpoint.worker = static_cast<std::uint8_t>(i);
    endpoint.workers = static_cast<std::uint8_t>(count);
    impl->workers.push_back(std::make_shared<WorkerTransport>(runtime.worker(i), std::move(socket),
                                                              endpoint, tls, certificates,
                                                              verifier, accept));
  }
  for (const auto& worker : impl->workers) {
    asio::post(worker->executor(), [worker] { worker->start(); });
  }
  return std::unique_ptr<Transport>(new Transport(std::move(impl)));
}

Transport::~Transport() {
  for (auto& worker : impl_->workers) {
    // Signalled when the worker's last handler has run or the loop has dropped it.
    auto gone = std::make_shared<std::promise<void>>();
    auto done = gone->get_future();
    asio::post(worker->executor(), [worker, gone] {
      worker->stop();
      gone->set_value();
    });
    gone.reset();
    try {
      done.get();
    } catch (const std::future_error&) {
      // The runtime was stopped first and will never run it.
    }
  }
}

Task<Result<Connection>> Transport::connect(SocketAddress remote, ConnectOptions options) {
  if (remote.is_ipv4_mapped()) {
    co_return fail("stoq.ipv4_refused", remote.to_string() +
                                            " is an IPv4 address: this network speaks IPv6 only");
  }
  const std::size_t index = impl_->next_worker.fetch_add(1) % impl_->workers.size();
  const auto worker = impl_->workers[index];
  co_return co_await asio::co_spawn(worker->executor(), worker->connect(remote, options),
                                    asio::use_awaitable);
}

Task<Result<Connection>> Transport::connect(SocketAddress remote) {
  return connect(remote, ConnectOptions{});
}

namespace {

// On the control executor.
Task<Result<Connection>> next_accepted(rt::Signal& accepted, std::deque<Connection>& backlog,
                                       const bool& shut_down) {
  while (backlog.empty() && !shut_down) {
    co_await accepted.wait();
  }
  if (shut_down) {
    co_return fail("stoq.shut_down", "the transport was shut down");
  }
  Connection next = std::move(backlog.front());
  backlog.pop_front();
  co_return next;
}

}  // namespace

Task<Result<Connection>> Transport::accept() {
  co_return co_await asio::co_spawn(
      impl_->runtime.control(),
      next_accepted(impl_->accepted, impl_->backlog, impl_->shut_down), asio::use_awaitable);
}

namespace {

// On the control executor.
Task<void> accept_no_more(rt::Signal& accepted, std::deque<Connection>& backlog, bool& shut_down) {
  shut_down = true;
  backlog.clear();
  accepted.notify();
  co_return;
}

}  // namespace

Task<void> Transport::shutdown(Duration linger) {
  const auto control = impl_->runtime.control();
  co_await asio::co_spawn(
      control, accept_no_more(impl_->accepted, impl_->backlog, impl_->shut_down),
      asio::use_awaitable);
  for (const auto& worker : impl_->workers) {
    co_await asio::co_spawn(worker->executor(), worker->shut_down(linger), asio::use_awaitable);
  }
  // Behind the connections that the workers handed over until just now: nothing names impl_ after it.
  co_await asio::co_spawn(
      control, accept_no_more(impl_->accepted, impl_->backlog, impl_->shut_down),
      asio::use_awaitable);
}

SocketAddress Transport::local_address() const {
  return impl_->workers.front()->socket().local_address();
}

namespace {

Task<TransportStats> stats_of(std::shared_ptr<WorkerTransport> worker) {
  co_return worker->stats();
}

}  // namespace

Task<TransportStats> Transport::stats() {
  TransportStats sum;
  for (const auto& worker : impl_->workers) {
    const TransportStats one =
        co_await asio::co_spawn(worker->executor(), stats_of(worker), asio::use_awaitable);
    sum.connections += one.connections;
    sum.bytes_sent += one.bytes_sent;
    sum.bytes_received += one.bytes_received;
    sum.send_calls += one.send_calls;
    sum.receive_calls += one.receive_calls;
    sum.datagrams_dropped_by_kernel += one.datagrams_dropped_by_kernel;
    const EndpointStats& from = one.endpoint;
    EndpointStats& to = sum.endpoint;
    to.datagrams_received += from.datagrams_received;
    to.datagrams_dropped += from.datagrams_dropped;
    to.retries_sent += from.retries_sent;
    to.version_negotiations_sent += from.version_negotiations_sent;
    to.stateless_resets_sent += from.stateless_resets_sent;
    to.connections_accepted += from.connections_accepted;
    to.connections_opened += from.connections_opened;
    to.connections_established += from.connections_established;
    to.handshakes_failed += from.handshakes_failed;
    to.peers_refused += from.peers_refused;
  }
  co_return sum;
}

TransportCapabilities Transport::capabilities() const { return impl_->capabilities; }

}  // namespace i2::stoq
