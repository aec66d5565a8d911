#include <i2/gateway/gateway.h>
#include <i2/rt/clock.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "tcp_server.h"

namespace i2::gateway {
namespace asio = boost::asio;

namespace {

// RFC 9114 §8.1.
constexpr std::uint64_t kNoError = 0x100;
constexpr std::uint64_t kExcessiveLoad = 0x107;
constexpr std::uint64_t kRequestRejected = 0x10b;

constexpr std::chrono::milliseconds kDrainStep{20};

ServiceLimits service_limits(const GatewayLimits& limits) {
  return {.headers_size_max = limits.headers_size_max,
          .headers_count_max = limits.headers_count_max,
          .body_size_max = limits.body_size_max};
}

SessionTimes session_times(const GatewayLimits& limits) {
  return {.handshake = limits.handshake_time,
          .headers = limits.headers_time,
          .body = limits.body_time,
          .idle = limits.idle_time,
          .write = limits.write_time};
}

}  // namespace

struct Gateway::Impl : std::enable_shared_from_this<Gateway::Impl> {
  Impl(const GatewayConfig& gateway_config, const Parts& parts)
      : config(gateway_config), runtime(parts.runtime), transport(parts.transport) {}

  const GatewayConfig config;
  rt::Runtime& runtime;
  stoq::Transport& transport;
  std::shared_ptr<Service> service;  // shared: requests outlive the gateway
  std::shared_ptr<std::atomic<bool>> stopping = std::make_shared<std::atomic<bool>>(false);
  std::shared_ptr<TcpServer> tcp;  // shared with its connections
  std::atomic<std::size_t> http3_connections{0};
  std::atomic<std::uint64_t> http3_accepted{0};

  // All TCP connections live on one worker, so that nothing of them needs a lock.
  [[nodiscard]] asio::any_io_executor tcp_executor() const {
    return runtime.worker(runtime.worker_count() - 1);
  }

  [[nodiscard]] Result<void> listen(const ports::CertSource& certificates);
  static Task<void> accept_http3(std::shared_ptr<Impl> self);
  static Task<void> serve(std::shared_ptr<Impl> self, stoq::Connection connection);
  [[nodiscard]] Task<bool> wait_for_end(Timestamp until) const;
};

stoq::core::SocketAddress GatewayConfig::loopback() {
  stoq::core::SocketAddress out;
  out.ip.back() = 1;
  return out;
}

Result<void> Gateway::Impl::listen(const ports::CertSource& certificates) {
  TcpServer::Options options{.bind = config.bind,
                             .any_port = config.any_port,
                             .connections_max = config.limits.tcp_connections_max,
                             .ask_clients = config.ask_clients_for_certificates};
  if (options.bind.port == 0) {
    options.bind.port = transport.local_address().port;
  }
  I2_TRY_VALUE(
      tcp, TcpServer::listen(
               options, tcp_executor(), certificates,
               {.service = service, .times = session_times(config.limits), .stopping = stopping}));
  return {};
}

Result<std::unique_ptr<Gateway>> Gateway::create(const GatewayConfig& config, Parts parts) {
  const auto impl = std::make_shared<Impl>(config, parts);
  const std::string alt_svc =
      "h3=\":" + std::to_string(parts.transport.local_address().port) + "\"; ma=86400";
  impl->service =
      std::make_shared<Service>(std::move(parts.router), Access(config.access),
                                service_limits(config.limits), alt_svc, parts.runtime.control());
  if (config.tcp) {
    I2_TRY(impl->listen(parts.certificates));
  }
  return std::unique_ptr<Gateway>(new Gateway(impl));
}

void Gateway::start() {
  if (impl_->tcp != nullptr) {
    asio::post(impl_->tcp_executor(), [tcp = impl_->tcp] { tcp->start(); });
  }
  asio::co_spawn(impl_->runtime.control(), Impl::accept_http3(impl_), asio::detached);
}

Gateway::~Gateway() {
  *impl_->stopping = true;
  impl_->service->stop();
}

Task<void> Gateway::Impl::accept_http3(std::shared_ptr<Impl> self) {
  for (;;) {
    auto connection = co_await self->transport.accept(std::string(stoq::core::kAlpnHttp3));
    if (!connection) {
      break;
    }
    ++self->http3_accepted;
    const auto executor = connection->executor();
    asio::co_spawn(executor, serve(self, *std::move(connection)), asio::detached);
  }
}

Task<void> Gateway::Impl::serve(std::shared_ptr<Impl> self, stoq::Connection connection) {
  if (!self->config.remote_http3 && !connection.path().addresses.remote.is_loopback()) {
    connection.close_with(kRequestRejected, "HTTP/3 is for clients on this machine");
    co_return;
  }
  if (*self->stopping || self->http3_connections >= self->config.limits.http3_connections_max) {
    connection.close_with(*self->stopping ? kNoError : kExcessiveLoad);
    co_return;
  }
  ++self->http3_connections;
  co_await serve_http3(connection, self->service, session_times(self->config.limits));
  --self->http3_connections;
}

Task<bool> Gateway::Impl::wait_for_end(Timestamp until) const {
  const rt::SystemClock clock;
  const auto busy = [this] {
    return (tcp != nullptr && tcp->connection_count() > 0) || service->running() > 0;
  };
  while (busy() && clock.now() < until) {
    co_await rt::sleep_for(kDrainStep);
  }
  co_return !busy();
}

Task<bool> Gateway::shut_down(Duration at_most) {
  const auto impl = impl_;
  *impl->stopping = true;
  impl->service->stop();
  if (impl->tcp != nullptr) {
    asio::post(impl->tcp_executor(), [tcp = impl->tcp] { tcp->refuse_new(); });
  }
  const rt::SystemClock clock;
  const bool ended = co_await impl->wait_for_end(clock.now() + at_most);
  if (impl->tcp != nullptr) {
    asio::post(impl->tcp_executor(), [tcp = impl->tcp] { tcp->close_all(); });
    (void)co_await impl->wait_for_end(clock.now() + kSecond);
  }
  co_return ended;
}

stoq::core::SocketAddress Gateway::tcp_address() const {
  return impl_->tcp == nullptr ? stoq::core::SocketAddress{} : impl_->tcp->address();
}

GatewayStats Gateway::stats() const {
  GatewayStats out;
  if (impl_->tcp != nullptr) {
    out.tcp_connections = impl_->tcp->connection_count();
    out.tcp_accepted = impl_->tcp->accepted();
    out.tcp_dropped = impl_->tcp->dropped();
  }
  out.http3_connections = impl_->http3_connections;
  out.http3_accepted = impl_->http3_accepted;
  const ServiceCounters& counters = impl_->service->counters();
  out.http1_requests = counters.requests[static_cast<std::size_t>(Protocol::kHttp1)];
  out.http2_requests = counters.requests[static_cast<std::size_t>(Protocol::kHttp2)];
  out.http3_requests = counters.requests[static_cast<std::size_t>(Protocol::kHttp3)];
  out.requests_refused = counters.refused;
  out.requests_failed = counters.failed;
  return out;
}

}  // namespace i2::gateway
