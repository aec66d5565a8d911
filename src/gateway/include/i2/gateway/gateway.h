// The HTTP server: HTTP/3 on the QUIC port, HTTP/1.1 and HTTP/2 over TLS on a TCP port, and plain
// HTTP there for clients on this machine. One router answers all of them.
//
//   GatewayConfig config;
//   auto gateway = Gateway::create(config, {.runtime = runtime, .transport = *transport,
//                                           .certificates = certificates, .router = router});
//   (*gateway)->start();
//   ...
//   co_await (*gateway)->shut_down(5 * kSecond);
//
// The transport must have core::http3_profile() among its profiles.
//
// Threads: TCP connections live on one worker, each QUIC connection on its own; handlers run on the
// control executor. Everything is bounded by GatewayLimits.
#pragma once

#include <i2/gateway/access.h>
#include <i2/gateway/router.h>
#include <i2/rt/runtime.h>
#include <i2/stoq/transport.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace i2::gateway {

struct GatewayLimits {
  std::size_t headers_size_max = 16 * 1024;  // names and values of one request
  std::size_t headers_count_max = 64;
  std::size_t body_size_max = 1024 * 1024;
  std::size_t tcp_connections_max = 1'024;  // when there are more, the longest idle one goes
  std::size_t http3_connections_max = 1'024;
  Duration handshake_time = 10 * kSecond;
  Duration headers_time = 10 * kSecond;  // from the first byte of a request to its last header
  Duration body_time = 30 * kSecond;
  Duration idle_time = 60 * kSecond;   // between requests
  Duration write_time = 30 * kSecond;  // a client that takes nothing
};

struct GatewayConfig {
  bool tcp = true;  // else HTTP/3 only
  // Of the TCP port; the address is [::1] unless somebody opens it. Port 0: that of the transport.
  stoq::core::SocketAddress bind = loopback();
  bool any_port = false;  // when that one is taken
  // HTTP/3 for clients of other machines; else it is refused to them.
  bool remote_http3 = false;
  bool ask_clients_for_certificates = false;  // browsers put that to their users
  AccessConfig access{};
  GatewayLimits limits{};

  [[nodiscard]] static stoq::core::SocketAddress loopback();
};

struct GatewayStats {
  std::size_t tcp_connections = 0;
  std::size_t http3_connections = 0;
  std::uint64_t tcp_accepted = 0;
  std::uint64_t tcp_dropped = 0;  // idle ones that made room for others, and what had no room
  std::uint64_t http3_accepted = 0;
  std::uint64_t http1_requests = 0;
  std::uint64_t http2_requests = 0;
  std::uint64_t http3_requests = 0;
  std::uint64_t requests_refused = 0;  // 4xx
  std::uint64_t requests_failed = 0;   // 5xx
};

class Gateway {
 public:
  struct Parts {
    rt::Runtime& runtime;
    stoq::Transport& transport;
    const ports::CertSource& certificates;
    Router router;
  };
  // Listens. The references outlive the gateway. Errors: gateway.port_in_use, gateway.permission,
  // gateway.address_unavailable, gateway.socket.
  [[nodiscard]] static Result<std::unique_ptr<Gateway>> create(const GatewayConfig& config,
                                                               Parts parts);
  // After shut_down(), or when the runtime has stopped.
  ~Gateway();
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  // Serves from now on.
  void start();
  // Accepts no more, lets requests under way end, then closes; true when all of them had ended
  // after `at_most`. The transport must still be there.
  [[nodiscard]] Task<bool> shut_down(Duration at_most);

  // Of the TCP port; port 0 when there is none.
  [[nodiscard]] stoq::core::SocketAddress tcp_address() const;
  [[nodiscard]] GatewayStats stats() const;  // thread-safe

 private:
  struct Impl;
  explicit Gateway(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<Impl> impl_;  // shared with the coroutines of its connections
};

}  // namespace i2::gateway
