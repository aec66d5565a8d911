#include "http_get.h"

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <utility>

namespace i2::trustchain::checks {
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

namespace {

using Parser = http::response_parser<http::string_body>;

constexpr std::uint32_t kHttpHeaderSizeMax = 16 * 1024;

std::unexpected<Error> too_long(std::size_t body_size_max) {
  return fail("acme.incorrect_response",
              "the answer has more than " + std::to_string(body_size_max) + " bytes");
}

// Reads until the header is complete, or the whole message if the parser is eager.
class Reader {
 public:
  explicit Reader(Connection* connection) : connection_(*connection) {
    // Judged when the header is there: a redirect may have any body, nobody reads it.
    parser_.body_limit(boost::none);
    parser_.header_limit(kHttpHeaderSizeMax);
  }

  [[nodiscard]] Parser& parser() { return parser_; }

  [[nodiscard]] asio::awaitable<Result<void>> read_header() {
    while (!parser_.is_header_done()) {
      I2_CO_TRY(co_await advance());
    }
    co_return Result<void>();
  }

  [[nodiscard]] asio::awaitable<Result<void>> read_body(std::size_t size_max) {
    if (const auto size = parser_.content_length(); size && *size > size_max) {
      co_return too_long(size_max);
    }
    parser_.body_limit(size_max);
    parser_.eager(true);
    while (!parser_.is_done()) {
      if (auto read = co_await advance(); !read) {
        co_return parser_limit_ ? too_long(size_max) : std::unexpected(std::move(read).error());
      }
    }
    co_return Result<void>();
  }

 private:
  // Parses what is there, and reads more when that was not enough.
  [[nodiscard]] asio::awaitable<Result<void>> advance() {
    beast::error_code error;
    if (buffer_.size() > 0) {
      const std::size_t used = parser_.put(buffer_.data(), error);
      buffer_.consume(used);
      if (error && error != http::error::need_more) {
        co_return malformed(error);
      }
      if (used > 0) {
        co_return Result<void>();
      }
    }
    I2_CO_TRY_VALUE(const Bytes received, co_await connection_.read());
    if (received.empty()) {
      if (!parser_.got_some()) {
        co_return fail("acme.connection", "the connection ended without an answer");
      }
      parser_.put_eof(error);
      if (error) {
        co_return malformed(error);
      }
      co_return Result<void>();
    }
    const auto room = buffer_.prepare(received.size());
    buffer_.commit(asio::buffer_copy(room, asio::buffer(received)));
    co_return Result<void>();
  }

  [[nodiscard]] std::unexpected<Error> malformed(const beast::error_code& error) {
    parser_limit_ = error == http::error::body_limit;
    return fail("acme.connection", "the answer is no HTTP/1.1: " + error.message());
  }

  Connection& connection_;
  Parser parser_;
  beast::flat_buffer buffer_;
  bool parser_limit_ = false;
};

}  // namespace

bool is_redirect(unsigned status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

asio::awaitable<Result<HttpAnswer>> http_get(Connection* connection, Url url,
                                             std::size_t body_size_max) {
  I2_CO_TRY(co_await connection->write(
      "GET " + url.target + " HTTP/1.1\r\nHost: " + authority_of(url) +
      "\r\nUser-Agent: internet2\r\nAccept: */*\r\nConnection: close\r\n\r\n"));
  Reader reader(connection);
  I2_CO_TRY(co_await reader.read_header());
  HttpAnswer out;
  out.status = reader.parser().get().result_int();
  if (is_redirect(out.status)) {
    out.location = reader.parser().get()[http::field::location];
    co_return out;
  }
  I2_CO_TRY(co_await reader.read_body(body_size_max));
  out.body = std::move(reader.parser().get().body());
  co_return out;
}

}  // namespace i2::trustchain::checks
