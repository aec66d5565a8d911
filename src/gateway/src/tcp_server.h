// The TCP port: who is let in, and which protocol a connection speaks.
#pragma once

#include <i2/stoq/core/address.h>

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <list>

#include "tcp_sessions.h"
#include "tls.h"

namespace i2::gateway {

// Shared with its connections. On the acceptor's executor, except for start(), address() and the
// counters.
class TcpServer : public std::enable_shared_from_this<TcpServer> {
 public:
  struct Options {
    stoq::core::SocketAddress bind;
    bool any_port;
    std::size_t connections_max;
    bool ask_clients;
  };
  // Errors: gateway.port_in_use, gateway.permission, gateway.address_unavailable, gateway.socket.
  [[nodiscard]] static Result<std::shared_ptr<TcpServer>> listen(
      const Options& options, const boost::asio::any_io_executor& executor,
      const ports::CertSource& certificates, TcpContext context);

  void start();
  // No more connections, and none that waits for a request.
  void refuse_new();
  void close_all();

  [[nodiscard]] stoq::core::SocketAddress address() const { return address_; }
  [[nodiscard]] std::size_t connection_count() const { return count_; }
  [[nodiscard]] std::uint64_t accepted() const { return accepted_; }
  [[nodiscard]] std::uint64_t dropped() const { return dropped_; }

 private:
  TcpServer(const Options& options, const boost::asio::any_io_executor& executor,
            const ports::CertSource& certificates, TcpContext context)
      : options_(options),
        acceptor_(executor),
        context_(std::move(context)),
        tls_(certificates, options.ask_clients) {}
  [[nodiscard]] Result<void> open();
  static Task<void> accept_all(std::shared_ptr<TcpServer> self);
  static Task<void> serve(std::shared_ptr<TcpServer> self, TcpConnectionPtr connection);
  [[nodiscard]] Task<void> serve_plain(TcpConnectionPtr connection, Client client);
  [[nodiscard]] Task<void> serve_tls(TcpConnectionPtr connection, Client client);
  [[nodiscard]] bool make_room();

  const Options options_;
  boost::asio::ip::tcp::acceptor acceptor_;
  const TcpContext context_;
  TlsServer tls_;
  stoq::core::SocketAddress address_;
  std::list<TcpConnectionPtr> connections_;  // in the order of their coming
  std::atomic<std::size_t> count_{0};
  std::atomic<std::uint64_t> accepted_{0};
  std::atomic<std::uint64_t> dropped_{0};
};

}  // namespace i2::gateway
