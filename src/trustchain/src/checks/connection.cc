#include "connection.h"

#include <i2/rt/runtime.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <utility>

namespace i2::trustchain::checks {
namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr auto kNoThrow = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kReadSize = 16 * 1024;

std::unexpected<Error> connection_error(const boost::system::error_code& error) {
  return fail("acme.connection", error.message(), error.value());
}

}  // namespace

asio::awaitable<Result<void>> Connection::connect(std::vector<stoq::core::SocketAddress> addresses,
                                                  std::chrono::nanoseconds each) {
  using namespace asio::experimental::awaitable_operators;
  Error last("acme.connection", "there is no address to connect to");
  for (const auto& address : addresses) {
    const tcp::endpoint endpoint(asio::ip::address_v6(address.ip, address.scope), address.port);
    const auto outcome =
        co_await (socket_.async_connect(endpoint, kNoThrow) || rt::sleep_for(each));
    if (outcome.index() == 1) {
      last = Error("acme.connection", address.to_string() + " does not answer");
    } else if (const auto [error] = std::get<0>(outcome); error) {
      last = Error("acme.connection", address.to_string() + ": " + error.message(), error.value());
    } else {
      co_return Result<void>();
    }
    boost::system::error_code ignored;
    (void)socket_.close(ignored);
  }
  co_return fail(last);
}

asio::awaitable<Result<void>> Connection::start_tls(std::string server_name,
                                                    std::string_view protocol) {
  auto probe = crypto::TlsProbe::create(server_name, protocol);
  if (!probe) {
    co_return fail("acme.tls", probe.error().message(), probe.error().native());
  }
  I2_CO_TRY(co_await send(probe->take_output()));
  while (!probe->is_connected()) {
    I2_CO_TRY_VALUE(const Bytes received, co_await receive());
    if (received.empty()) {
      co_return fail("acme.tls", "the host ended the connection during the TLS handshake");
    }
    if (const auto handled = probe->handle(received); !handled) {
      co_return fail("acme.tls", handled.error().message(), handled.error().native());
    }
    I2_CO_TRY(co_await send(probe->take_output()));
  }
  tls_ = *std::move(probe);
  co_return Result<void>();
}

asio::awaitable<Result<void>> Connection::write(std::string text) {
  if (!tls_) {
    co_return co_await send(to_bytes(as_bytes(text)));
  }
  if (const auto written = tls_->write(as_bytes(text)); !written) {
    co_return fail("acme.tls", written.error().message(), written.error().native());
  }
  co_return co_await send(tls_->take_output());
}

asio::awaitable<Result<Bytes>> Connection::read() {
  if (!tls_) {
    co_return co_await receive();
  }
  for (;;) {
    Bytes input = tls_->take_input();
    if (!input.empty() || tls_->is_ended()) {
      co_return input;
    }
    I2_CO_TRY_VALUE(const Bytes received, co_await receive());
    if (received.empty()) {
      co_return Bytes();
    }
    if (const auto handled = tls_->handle(received); !handled) {
      co_return fail("acme.tls", handled.error().message(), handled.error().native());
    }
    I2_CO_TRY(co_await send(tls_->take_output()));
  }
}

asio::awaitable<Result<void>> Connection::send(Bytes bytes) {
  const auto [error, size] = co_await asio::async_write(socket_, asio::buffer(bytes), kNoThrow);
  if (error) {
    co_return connection_error(error);
  }
  co_return Result<void>();
}

asio::awaitable<Result<Bytes>> Connection::receive() {
  Bytes buffer(kReadSize);
  const auto [error, size] = co_await socket_.async_read_some(asio::buffer(buffer), kNoThrow);
  if (error && error != asio::error::eof) {
    co_return connection_error(error);
  }
  buffer.resize(size);
  co_return buffer;
}

}  // namespace i2::trustchain::checks
