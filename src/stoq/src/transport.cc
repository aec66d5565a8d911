#include <i2/stoq/transport.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <future>

#include "io/qlog_file.h"
#include "worker_transport.h"

namespace i2::stoq {
namespace asio = boost::asio;

namespace {

// Established connections of one ALPN that nobody has taken yet. Lives on the control executor.
struct AcceptQueue {
  AcceptQueue(const boost::asio::any_io_executor& executor, std::size_t limit,
              const core::Profile& profile)
      : changed(executor),
        connections_max(limit),
        alpn(profile.tls.alpn),
        overloaded(profile.codes.overloaded) {}

  rt::Signal changed;
  std::size_t connections_max;
  std::string alpn;
  std::uint64_t overloaded;
  std::deque<Connection> connections;
  bool shut_down = false;
};
// Shared with handlers on their way to the control executor.
using AcceptQueuePtr = std::shared_ptr<AcceptQueue>;
using AcceptQueues = std::vector<AcceptQueuePtr>;

AcceptQueuePtr queue_of(const AcceptQueues& queues, std::string_view alpn) {
  const auto found = std::ranges::find(queues, alpn, [](const auto& queue) { return queue->alpn; });
  return found == queues.end() ? nullptr : *found;
}

void offer(AcceptQueue& queue, Connection connection) {
  if (queue.shut_down || queue.connections.size() >= queue.connections_max) {
    asio::post(connection.executor(), [connection, code = queue.overloaded]() mutable {
      connection.close_with(code, "too many connections wait to be served");
    });
    return;
  }
  queue.connections.push_back(std::move(connection));
  queue.changed.notify();
}

Task<Result<Connection>> next_accepted(AcceptQueuePtr queue) {
  while (queue->connections.empty() && !queue->shut_down) {
    co_await queue->changed.wait();
  }
  if (queue->shut_down) {
    co_return fail("stoq.shut_down", "the transport was shut down");
  }
  Connection next = std::move(queue->connections.front());
  queue->connections.pop_front();
  co_return next;
}

void accept_no_more(const AcceptQueues& queues) {
  for (const AcceptQueuePtr& queue : queues) {
    queue->shut_down = true;
    queue->connections.clear();
    queue->changed.notify();
  }
}

Task<void> accept_no_more_task(AcceptQueues queues) {
  accept_no_more(queues);
  co_return;
}

}  // namespace

struct Transport::Impl {
  explicit Impl(rt::Runtime& owner) : runtime(owner) {}

  rt::Runtime& runtime;
  std::vector<std::shared_ptr<WorkerTransport>> workers;  // shared with their pending handlers
  std::atomic<std::size_t> next_worker{0};
  TransportCapabilities capabilities;
  AcceptQueues accepted;  // of each profile, in their order
  // Shared with the endpoints, which may live longer.
  std::shared_ptr<io::QlogDirectory> traces = std::make_shared<io::QlogDirectory>();
};

Transport::Transport(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<Transport>> Transport::create(const TransportConfig& config,
                                                     rt::Runtime& runtime,
                                                     const ports::CertSource& certificates,
                                                     const ports::PeerVerifier& verifier) {
  I2_TRY_VALUE(const auto tls, core::TlsContext::serve(config.profiles));
  auto impl = std::make_unique<Impl>(runtime);
  I2_TRY(impl->traces->set(config.qlog));
  for (const core::Profile& profile : config.profiles) {
    impl->accepted.push_back(
        std::make_shared<AcceptQueue>(runtime.control(), config.accept_backlog, profile));
  }
  const auto accept = [queues = impl->accepted,
                       control = runtime.control()](const Connection& connection) {
    const AcceptQueuePtr queue = queue_of(queues, connection.alpn());
    asio::post(control, [queue, connection] { offer(*queue, connection); });
  };
  const std::size_t count = runtime.worker_count();
  io::UdpOptions options{.bind = config.bind,
                         .group = count > 1 ? io::PortGroup::kFirst : io::PortGroup::kNone,
                         .socket_buffer = config.socket_buffer};
  core::EndpointConfig endpoint = config.endpoint;
  if (!endpoint.secret) {
    crypto::SystemRng().fill(endpoint.secret.emplace());
  }
  for (std::size_t i = 0; i < count; ++i) {
    I2_TRY_VALUE(auto socket, io::UdpSocket::open(options));
    options.bind = socket->local_address();  // the port that the kernel chose, for the next worker
    options.group = io::PortGroup::kNext;
    if (i + 1 == count) {
      impl->capabilities = {
          .segmentation_offload = socket->capabilities().segmentation_offload,
          .receive_offload = socket->capabilities().receive_offload,
          .connection_id_steering = count == 1 || socket->steer_by_connection_id(count),
          .socket_receive_buffer = socket->capabilities().receive_buffer};
    }
    endpoint.worker = static_cast<std::uint8_t>(i);
    endpoint.workers = static_cast<std::uint8_t>(count);
    endpoint.qlog = [traces = impl->traces](const std::string& name) { return traces->make(name); };
    impl->workers.push_back(std::make_shared<WorkerTransport>(
        runtime.worker(i), std::move(socket), endpoint, tls, certificates, verifier, accept));
  }
  for (const auto& worker : impl->workers) {
    asio::post(worker->executor(), [worker] { worker->start(); });
  }
  return std::unique_ptr<Transport>(new Transport(std::move(impl)));
}

// NOLINTNEXTLINE(bugprone-exception-escape): what throws here is a defect
Transport::~Transport() {
  if (impl_->runtime.stopped()) {  // nobody runs any more
    accept_no_more(impl_->accepted);
    for (const auto& worker : impl_->workers) {
      worker->stop();
    }
    return;
  }
  asio::post(impl_->runtime.control(), [queues = impl_->accepted] { accept_no_more(queues); });
  for (const auto& worker : impl_->workers) {
    std::promise<void> stopped;
    std::future<void> done = stopped.get_future();
    asio::post(worker->executor(), [worker, stopped = std::move(stopped)]() mutable {
      worker->stop();
      stopped.set_value();
    });
    done.wait();
  }
}

Task<Result<Connection>> Transport::connect(SocketAddress remote, ConnectOptions options) {
  if (remote.is_ipv4_mapped()) {
    co_return fail("stoq.ipv4_refused",
                   remote.to_string() + " is an IPv4 address: this network speaks IPv6 only");
  }
  const std::size_t index = impl_->next_worker.fetch_add(1) % impl_->workers.size();
  const auto worker = impl_->workers[index];
  co_return co_await asio::co_spawn(worker->executor(), worker->connect(remote, options),
                                    asio::use_awaitable);
}

Task<Result<Connection>> Transport::connect(SocketAddress remote) {
  return connect(remote, ConnectOptions{});
}

Task<Result<Connection>> Transport::accept() {
  return accept(impl_->accepted.front()->alpn);
}

Task<Result<Connection>> Transport::accept(std::string alpn) {
  const AcceptQueuePtr queue = queue_of(impl_->accepted, alpn);
  if (queue == nullptr) {
    co_return fail("stoq.tls_setup", "this node does not speak '" + alpn + "'");
  }
  co_return co_await asio::co_spawn(impl_->runtime.control(), next_accepted(queue),
                                    asio::use_awaitable);
}

Task<void> Transport::shutdown(Duration linger) {
  const auto workers = impl_->workers;
  co_await asio::co_spawn(impl_->runtime.control(), accept_no_more_task(impl_->accepted),
                          asio::use_awaitable);
  const rt::SystemClock clock;
  const Timestamp until = clock.now() + linger;
  for (const auto& worker : workers) {
    const Timestamp now = clock.now();
    co_await asio::co_spawn(worker->executor(), worker->shut_down(now < until ? until - now : 0),
                            asio::use_awaitable);
  }
}

SocketAddress Transport::local_address() const {
  return impl_->workers.front()->socket().local_address();
}

namespace {

Task<TransportStats> stats_of(std::shared_ptr<WorkerTransport> worker) {
  co_return worker->stats();
}

}  // namespace

void TransportStats::add(const TransportStats& other) {
  connections += other.connections;
  bytes_sent += other.bytes_sent;
  bytes_received += other.bytes_received;
  send_calls += other.send_calls;
  receive_calls += other.receive_calls;
  datagrams_dropped_by_kernel += other.datagrams_dropped_by_kernel;
  const EndpointStats& from = other.endpoint;
  endpoint.datagrams_received += from.datagrams_received;
  endpoint.datagrams_dropped += from.datagrams_dropped;
  endpoint.retries_sent += from.retries_sent;
  endpoint.version_negotiations_sent += from.version_negotiations_sent;
  endpoint.stateless_resets_sent += from.stateless_resets_sent;
  endpoint.connections_accepted += from.connections_accepted;
  endpoint.connections_opened += from.connections_opened;
  endpoint.connections_established += from.connections_established;
  endpoint.handshakes_failed += from.handshakes_failed;
  endpoint.peers_refused += from.peers_refused;
}

Task<std::vector<TransportStats>> Transport::worker_stats() {
  std::vector<TransportStats> out;
  const auto workers = impl_->workers;
  for (const auto& worker : workers) {
    const TransportStats one =
        co_await asio::co_spawn(worker->executor(), stats_of(worker), asio::use_awaitable);
    out.push_back(one);
  }
  co_return out;
}

Task<TransportStats> Transport::stats() {
  TransportStats sum;
  const std::vector<TransportStats> workers = co_await worker_stats();
  for (const TransportStats& one : workers) {
    sum.add(one);
  }
  co_return sum;
}

std::unique_ptr<telemetry::Snapshot<core::EndpointMetrics>> Transport::metrics() const {
  auto out = std::make_unique<telemetry::Snapshot<core::EndpointMetrics>>();
  for (const auto& worker : impl_->workers) {
    out->merge(telemetry::Snapshot(worker->endpoint().metrics()));
  }
  return out;
}

Result<void> Transport::trace_to(QlogConfig config) {
  return impl_->traces->set(std::move(config));
}

TransportCapabilities Transport::capabilities() const {
  return impl_->capabilities;
}

}  // namespace i2::stoq
