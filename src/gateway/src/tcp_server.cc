#include "tcp_server.h"

#include <i2/rt/runtime.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

namespace i2::gateway {
namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr std::uint8_t kTlsHandshake = 0x16;  // RFC 8446 §5.1, the first byte of a ClientHello

tcp::endpoint to_endpoint(const stoq::core::SocketAddress& address) {
  return {asio::ip::address_v6(address.ip, address.scope), address.port};
}

stoq::core::SocketAddress to_address(const tcp::endpoint& endpoint) {
  stoq::core::SocketAddress out;
  if (endpoint.address().is_v6()) {
    out.ip = endpoint.address().to_v6().to_bytes();
    out.scope = static_cast<std::uint32_t>(endpoint.address().to_v6().scope_id());
  }
  out.port = endpoint.port();
  return out;
}

std::unexpected<Error> socket_error(const stoq::core::SocketAddress& bind,
                                    const boost::system::error_code& error) {
  const std::string where = "TCP " + bind.to_string();
  if (error == asio::error::address_in_use) {
    return fail("gateway.port_in_use", "another program listens on " + where, error.value());
  }
  if (error == asio::error::access_denied) {
    return fail("gateway.permission",
                "listening on " + where +
                    " needs a privilege: choose a port above 1023 or grant "
                    "CAP_NET_BIND_SERVICE",
                error.value());
  }
  if (error == boost::system::errc::address_not_available) {
    return fail("gateway.address_unavailable", "this machine has no address of " + where,
                error.value());
  }
  return fail("gateway.socket", where + ": " + error.message(), error.value());
}

}  // namespace

Result<std::shared_ptr<TcpServer>> TcpServer::listen(const Options& options,
                                                     const asio::any_io_executor& executor,
                                                     const ports::CertSource& certificates,
                                                     TcpContext context) {
  std::shared_ptr<TcpServer> out(
      new TcpServer(options, executor, certificates, std::move(context)));
  I2_TRY(out->open());
  return out;
}

Result<void> TcpServer::open() {
  boost::system::error_code error;
  (void)acceptor_.open(tcp::v6(), error);
  if (!error) {
    (void)acceptor_.set_option(asio::ip::v6_only(true), error);
  }
  if (!error) {
    // A restarted daemon gets its port back while old connections linger.
    (void)acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  }
  if (!error) {
    (void)acceptor_.bind(to_endpoint(options_.bind), error);
  }
  if (error == asio::error::address_in_use && options_.any_port) {
    stoq::core::SocketAddress another = options_.bind;
    another.port = 0;
    error.clear();
    (void)acceptor_.bind(to_endpoint(another), error);
  }
  if (!error) {
    (void)acceptor_.listen(1'024, error);
  }
  if (error) {
    return socket_error(options_.bind, error);
  }
  address_ = to_address(acceptor_.local_endpoint(error));
  return {};
}

void TcpServer::start() {
  asio::co_spawn(acceptor_.get_executor(), accept_all(shared_from_this()), asio::detached);
}

void TcpServer::refuse_new() {
  boost::system::error_code ignored;
  (void)acceptor_.close(ignored);
  for (const TcpConnectionPtr& connection : connections_) {
    if (connection->idle()) {
      connection->close();
    }
  }
}

void TcpServer::close_all() {
  for (const TcpConnectionPtr& connection : connections_) {
    connection->close();
  }
}

// The connection that has waited longest without a request goes: that is what a client that only
// holds connections has most of.
bool TcpServer::make_room() {
  if (connections_.size() < options_.connections_max) {
    return true;
  }
  const auto idle = std::ranges::find_if(
      connections_, [](const TcpConnectionPtr& connection) { return connection->idle(); });
  if (idle == connections_.end()) {
    return false;
  }
  (*idle)->close();
  connections_.erase(idle);
  count_ = connections_.size();
  return true;
}

Task<void> TcpServer::accept_all(std::shared_ptr<TcpServer> self) {
  while (self->acceptor_.is_open()) {
    auto [error, socket] = co_await self->acceptor_.async_accept(kAwait);
    if (error == asio::error::operation_aborted || !self->acceptor_.is_open()) {
      co_return;
    }
    if (error) {
      // Out of descriptors, most likely: others have to be closed first.
      co_await rt::sleep_for(std::chrono::milliseconds(50));
      continue;
    }
    ++self->accepted_;
    const bool room = self->make_room();
    self->dropped_ += self->connections_.size() + 1 > self->options_.connections_max ? 1 : 0;
    if (!room) {
      continue;
    }
    const auto connection = std::make_shared<TcpConnection>(std::move(socket));
    self->connections_.push_back(connection);
    self->count_ = self->connections_.size();
    asio::co_spawn(self->acceptor_.get_executor(), serve(self, connection), asio::detached);
  }
}

Task<void> TcpServer::serve(std::shared_ptr<TcpServer> self, TcpConnectionPtr connection) {
  boost::system::error_code error;
  tcp::socket& socket = connection->socket();
  (void)socket.set_option(tcp::no_delay(true), error);
  Client client;
  client.address = to_address(socket.remote_endpoint(error));
  connection->expires_after(self->context_.times.handshake);
  const auto [wait_error] = co_await socket.async_wait(tcp::socket::wait_read, kAwait);
  std::uint8_t first = 0;
  std::size_t seen = 0;
  if (!wait_error) {
    seen = socket.receive(asio::buffer(&first, 1), tcp::socket::message_peek, error);
  }
  if (seen == 1 && first == kTlsHandshake) {
    co_await self->serve_tls(connection, client);
  } else if (seen == 1) {
    co_await self->serve_plain(connection, client);
  }
  connection->close();
  std::erase(self->connections_, connection);
  self->count_ = self->connections_.size();
}

Task<void> TcpServer::serve_plain(TcpConnectionPtr connection, Client client) {
  if (client.address.is_loopback()) {
    co_await serve_http1(connection, context_, client);
    co_return;
  }
  // What others send without TLS is not even looked at.
  constexpr std::string_view kAnswer =
      "HTTP/1.1 426 Upgrade Required\r\nupgrade: TLS/1.3, HTTP/1.1\r\nconnection: close, "
      "upgrade\r\n"
      "content-length: 0\r\n\r\n";
  (void)co_await asio::async_write(connection->socket(), asio::buffer(kAnswer), kAwait);
}

Task<void> TcpServer::serve_tls(TcpConnectionPtr connection, Client client) {
  const auto context = tls_.context();
  if (!context) {
    co_return;
  }
  // Shared by the two coroutines of an HTTP/2 connection.
  const auto stream = std::make_shared<TlsStream>(connection->socket(), **context);
  const auto [error] = co_await stream->async_handshake(asio::ssl::stream_base::server, kAwait);
  if (error) {
    co_return;
  }
  client.encrypted = true;
  take_certificate(stream->native_handle(), client);
  if (negotiated_http2(stream->native_handle())) {
    client.protocol = Protocol::kHttp2;
    co_await serve_http2(connection, stream, context_, client);
  } else {
    co_await serve_http1(connection, stream, context_, client);
  }
}

}  // namespace i2::gateway
