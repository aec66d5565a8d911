// Serving HTTP/1.1 and HTTP/2 on a TCP connection.
#pragma once

#include <boost/asio/ssl/stream.hpp>

#include "sessions.h"
#include "tcp_connection.h"

namespace i2::gateway {

using TlsStream = boost::asio::ssl::stream<boost::asio::ip::tcp::socket&>;

// What the sessions of one server share.
struct TcpContext {
  std::shared_ptr<Service> service;  // shared: requests outlive the server
  SessionTimes times;
  // Finish what is under way and begin nothing new.
  std::shared_ptr<std::atomic<bool>> stopping;
};

using TcpConnectionPtr = std::shared_ptr<TcpConnection>;

// `connection` outlives `stream`. They return when the connection has ended.
[[nodiscard]] Task<void> serve_http1(TcpConnectionPtr connection, TcpContext context,
                                     Client client);
[[nodiscard]] Task<void> serve_http1(TcpConnectionPtr connection, std::shared_ptr<TlsStream> stream,
                                     TcpContext context, Client client);
[[nodiscard]] Task<void> serve_http2(TcpConnectionPtr connection, std::shared_ptr<TlsStream> stream,
                                     TcpContext context, Client client);

}  // namespace i2::gateway
