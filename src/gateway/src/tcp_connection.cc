#include "tcp_connection.h"

namespace i2::gateway {

void TcpConnection::expires_after(Duration time) {
  timer_.expires_after(std::chrono::nanoseconds(time));
  timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    // A later deadline may have been set after this one had already come due.
    if (!error && self->timer_.expiry() <= std::chrono::steady_clock::now()) {
      self->close();
    }
  });
}

void TcpConnection::close() {
  boost::system::error_code ignored;
  (void)socket_.shutdown(boost::asio::ip::tcp::socket::shutdown_both, ignored);
  (void)socket_.close(ignored);
  timer_.cancel();
}

}  // namespace i2::gateway
