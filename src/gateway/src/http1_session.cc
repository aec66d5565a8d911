// HTTP/1.1 (RFC 9112): requests one after the other. Beast parses, the rest is here.
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <charconv>

#include "tcp_sessions.h"

namespace i2::gateway {
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

namespace {

constexpr std::size_t kHttp1ReadSize = 4096;

using Parser = http::request_parser<http::string_body>;

// RFC 9112 §4, §5. Field values are the program's own and hold no line ends.
std::string head_of(const Response& response, bool keep_alive, bool chunked) {
  std::string out = "HTTP/1.1 " + std::to_string(response.status) + " ";
  out += reason_phrase(response.status);
  out += "\r\n";
  for (const Header& header : response.headers.all()) {
    out += header.name + ": " + header.value + "\r\n";
  }
  if (chunked) {
    out += "transfer-encoding: chunked\r\n";
  }
  out += keep_alive ? "\r\n" : "connection: close\r\n\r\n";
  return out;
}

std::string chunk_of(std::string_view piece) {
  std::array<char, 16> size{};
  const auto end = std::to_chars(size.begin(), size.end(), piece.size(), 16).ptr;
  std::string out(size.begin(), end);
  out += "\r\n";
  out += piece;
  out += "\r\n";
  return out;
}

Error error_of(const beast::error_code& error) {
  if (error == http::error::header_limit) {
    return {"gateway.headers_too_large", "the header fields of the request are too large"};
  }
  if (error == http::error::body_limit) {
    return {"gateway.body_too_large", "the body of the request is too large"};
  }
  return {"gateway.request_malformed", "not an HTTP request: " + error.message()};
}

// Whether the client is owed an answer: it has sent something that is wrong.
bool is_parse_error(const beast::error_code& error) {
  return error.category() == beast::error_code(http::error::bad_method).category() &&
         error != http::error::end_of_stream && error != http::error::partial_message;
}

Result<Request> take_request(Parser& parser, const Client& client, const ServiceLimits& limits) {
  auto message = parser.release();
  Request out;
  out.method_text = std::string(message.method_string());
  out.method = parse_method(out.method_text);
  out.scheme = client.encrypted ? "https" : "http";
  out.target = std::string(message.target());
  out.client = client;
  std::size_t hosts = 0;
  std::size_t count = 0;
  for (const auto& field : message.base()) {
    if (++count > limits.headers_count_max) {
      return fail("gateway.headers_too_large", "the request has too many header fields");
    }
    if (field.name() == http::field::host) {
      out.authority = std::string(field.value());
      ++hosts;
    } else {
      out.headers.add(std::string_view(field.name_string()), std::string(field.value()));
    }
  }
  // RFC 9112 §3.2: exactly one.
  if (hosts != 1) {
    return fail("gateway.request_malformed", "a request has exactly one Host field");
  }
  out.body = std::move(message.body());
  return out;
}

template <class Stream>
class Http1Session {
 public:
  Http1Session(TcpConnection& connection, Stream& stream, const TcpContext& context,
               const Client& client)
      : connection_(connection), stream_(stream), context_(context), client_(client) {}

  [[nodiscard]] Task<void> run();

 private:
  // False when the connection is over.
  [[nodiscard]] Task<bool> wait_for_request();
  [[nodiscard]] Task<bool> serve_one();
  [[nodiscard]] Task<bool> read(Parser* parser);
  [[nodiscard]] Task<bool> refuse(Error error);
  [[nodiscard]] Task<bool> send(std::string bytes);
  [[nodiscard]] Task<bool> send_response(Response response, bool keep_alive, bool head);

  TcpConnection& connection_;
  Stream& stream_;
  const TcpContext& context_;
  const Client& client_;
  beast::flat_buffer buffer_;
};

template <class Stream>
Task<void> Http1Session<Stream>::run() {
  bool go_on = true;
  while (go_on && !*context_.stopping) {
    go_on = co_await wait_for_request();
    if (go_on) {
      connection_.set_idle(false);
      go_on = co_await serve_one();
      connection_.set_idle(true);
    }
  }
}

template <class Stream>
Task<bool> Http1Session<Stream>::wait_for_request() {
  if (buffer_.size() > 0) {
    co_return true;  // pipelined
  }
  connection_.expires_after(context_.times.idle);
  const auto [error, size] =
      co_await stream_.async_read_some(buffer_.prepare(kHttp1ReadSize), kAwait);
  buffer_.commit(error ? 0 : size);
  co_return !error;
}

template <class Stream>
Task<bool> Http1Session<Stream>::read(Parser* parser) {
  connection_.expires_after(context_.times.headers);
  const auto [head_error, head_size] =
      co_await http::async_read_header(stream_, buffer_, *parser, kAwait);
  if (head_error) {
    if (is_parse_error(head_error)) {
      (void)co_await refuse(error_of(head_error));
    }
    co_return false;
  }
  if (beast::iequals(parser->get()[http::field::expect], "100-continue")) {
    const bool told = co_await send("HTTP/1.1 100 Continue\r\n\r\n");
    if (!told) {
      co_return false;
    }
  }
  connection_.expires_after(context_.times.body);
  const auto [body_error, body_size] = co_await http::async_read(stream_, buffer_, *parser, kAwait);
  if (body_error) {
    if (is_parse_error(body_error)) {
      (void)co_await refuse(error_of(body_error));
    }
    co_return false;
  }
  co_return true;
}

template <class Stream>
Task<bool> Http1Session<Stream>::serve_one() {
  const ServiceLimits& limits = context_.service->limits();
  Parser parser;
  parser.header_limit(static_cast<std::uint32_t>(limits.headers_size_max));
  parser.body_limit(limits.body_size_max);
  const bool complete = co_await read(&parser);
  if (!complete) {
    co_return false;
  }
  const bool keep_alive = parser.get().keep_alive() && !*context_.stopping;
  const bool old = parser.get().version() < 11;
  auto request = take_request(parser, client_, limits);
  if (!request) {
    co_return co_await refuse(std::move(request).error());
  }
  const bool head = request->method == Method::kHead;
  Response response = co_await context_.service->handle(*std::move(request));
  // RFC 9112 §6.1: a client of HTTP/1.0 knows no chunks; the end of the connection ends the body.
  co_return co_await send_response(std::move(response), keep_alive && !old, head);
}

template <class Stream>
Task<bool> Http1Session<Stream>::send_response(Response response, bool keep_alive, bool head) {
  const bool chunked = static_cast<bool>(response.source) && keep_alive;
  std::string bytes = head_of(response, keep_alive, chunked);
  if (!head) {
    bytes += response.body;
  }
  bool sent = co_await send(std::move(bytes));
  while (response.source && sent) {
    connection_.expires_after(context_.times.idle);
    const std::optional<std::string> piece = co_await response.source();
    std::string bytes_of_piece;
    if (!piece) {
      bytes_of_piece = chunked ? "0\r\n\r\n" : "";
    } else if (!piece->empty()) {  // an empty chunk would end the body
      bytes_of_piece = chunked ? chunk_of(*piece) : *piece;
    }
    sent = co_await send(std::move(bytes_of_piece));
    if (!piece) {
      break;
    }
  }
  co_return sent&& keep_alive;
}

template <class Stream>
Task<bool> Http1Session<Stream>::send(std::string bytes) {
  connection_.expires_after(context_.times.write);
  const auto [error, size] = co_await asio::async_write(stream_, asio::buffer(bytes), kAwait);
  co_return !error;
}

// Where the next request begins is not known any more.
template <class Stream>
Task<bool> Http1Session<Stream>::refuse(Error error) {
  const Response response = context_.service->refuse(error, client_);
  (void)co_await send(head_of(response, false, false) + response.body);
  // What the client still sends would make the system drop the answer with the connection.
  connection_.expires_after(kSecond);
  std::array<char, kHttp1ReadSize> rest{};
  for (std::size_t taken = 0; taken < 64 * kHttp1ReadSize;) {
    const auto [read_error, size] = co_await stream_.async_read_some(asio::buffer(rest), kAwait);
    if (read_error) {
      break;
    }
    taken += size;
  }
  co_return false;
}

}  // namespace

Task<void> serve_http1(TcpConnectionPtr connection, TcpContext context, Client client) {
  Http1Session session(*connection, connection->socket(), context, client);
  co_await session.run();
}

Task<void> serve_http1(TcpConnectionPtr connection, std::shared_ptr<TlsStream> stream,
                       TcpContext context, Client client) {
  Http1Session session(*connection, *stream, context, client);
  co_await session.run();
  connection->expires_after(kSecond);
  (void)co_await stream->async_shutdown(kAwait);  // RFC 8446 §6.1: close_notify
}

}  // namespace i2::gateway
