// A TCP connection with a deadline: what runs into it finds the socket closed.
#pragma once

#include <i2/base/clock.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>

namespace i2::gateway {

// How sessions wait for the socket: an error is a value.
inline constexpr auto kAwait = boost::asio::as_tuple(boost::asio::use_awaitable);

// Shared by its coroutine, its timer and the server's list. On the socket's executor.
class TcpConnection : public std::enable_shared_from_this<TcpConnection> {
 public:
  explicit TcpConnection(boost::asio::ip::tcp::socket accepted)
      : socket_(std::move(accepted)), timer_(socket_.get_executor()) {}

  [[nodiscard]] boost::asio::ip::tcp::socket& socket() { return socket_; }
  // Ends the connection unless another deadline is set before.
  void expires_after(Duration time);
  void close();

  // Waits for a request: the first to go when there are too many connections.
  void set_idle(bool idle) { idle_ = idle; }
  [[nodiscard]] bool idle() const { return idle_; }

 private:
  boost::asio::ip::tcp::socket socket_;
  boost::asio::steady_timer timer_;
  bool idle_ = true;
};

}  // namespace i2::gateway
