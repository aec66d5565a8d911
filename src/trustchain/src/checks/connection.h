// One TCP connection over IPv6, in clear or with TLS that verifies nothing.
//
// Errors: acme.connection, acme.tls.
#pragma once

#include <i2/base/bytes.h>
#include <i2/base/error.h>
#include <i2/crypto/tls_probe.h>
#include <i2/stoq/core/address.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace i2::trustchain::checks {

class Connection {
 public:
  explicit Connection(const boost::asio::any_io_executor& executor) : socket_(executor) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // To the first of `addresses` that accepts within `each`. The error is that of the last one.
  [[nodiscard]] boost::asio::awaitable<Result<void>> connect(
      std::vector<stoq::core::SocketAddress> addresses, std::chrono::nanoseconds each);
  // As TlsProbe::create(). Afterwards all is encrypted.
  [[nodiscard]] boost::asio::awaitable<Result<void>> start_tls(std::string server_name,
                                                               std::string_view protocol);
  [[nodiscard]] boost::asio::awaitable<Result<void>> write(std::string text);
  // What comes next; empty: the end.
  [[nodiscard]] boost::asio::awaitable<Result<Bytes>> read();

  // After start_tls().
  [[nodiscard]] const crypto::TlsProbe& tls() const { return *tls_; }

 private:
  [[nodiscard]] boost::asio::awaitable<Result<void>> send(Bytes bytes);
  [[nodiscard]] boost::asio::awaitable<Result<Bytes>> receive();

  boost::asio::ip::tcp::socket socket_;
  std::optional<crypto::TlsProbe> tls_;
};

}  // namespace i2::trustchain::checks
