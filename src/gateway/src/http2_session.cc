// HTTP/2 on a TLS connection: one coroutine reads, one writes.
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "exchanges.h"
#include "http2_codec.h"
#include "tcp_sessions.h"

namespace i2::gateway {
namespace asio = boost::asio;

namespace {

constexpr std::size_t kHttp2ReadSize = 16 * 1024;
constexpr std::size_t kWriteSize = 64 * 1024;

struct Http2Session {
  Http2Session(TcpConnectionPtr tcp, std::shared_ptr<TlsStream> tls, TcpContext shared,
               const Client& client)
      : connection(std::move(tcp)),
        stream(std::move(tls)),
        context(std::move(shared)),
        exchanges(std::make_shared<Exchanges>(connection->socket().get_executor(), context.service,
                                              client)),
        written(connection->socket().get_executor()) {}

  const TcpConnectionPtr connection;
  const std::shared_ptr<TlsStream> stream;  // shared by the two coroutines
  const TcpContext context;
  const std::shared_ptr<Exchanges> exchanges;
  std::unique_ptr<Http2Codec> codec;
  rt::Signal written;  // the writer has ended
  bool over = false;   // nothing more will be read
  bool writing = true;
};
using Http2SessionPtr = std::shared_ptr<Http2Session>;  // shared by the two coroutines

// Everything that there is to send. False when the connection is over.
Task<bool> flush(Http2SessionPtr session) {
  for (;;) {
    std::string batch;
    while (batch.size() < kWriteSize) {
      const auto output = session->codec->next_output();
      if (!output) {
        co_return false;
      }
      if (output->empty()) {
        break;
      }
      batch += as_text(*output);
    }
    if (batch.empty()) {
      co_return true;
    }
    const auto [error, size] =
        co_await asio::async_write(*session->stream, asio::buffer(batch), kAwait);
    if (error) {
      co_return false;
    }
  }
}

void set_deadline(Http2Session& session) {
  const bool busy = session.exchanges->running() > 0;
  session.connection->set_idle(!busy);
  session.connection->expires_after(busy ? session.context.times.write * 2
                                         : session.context.times.idle);
}

Task<void> write_loop(Http2SessionPtr session) {
  for (;;) {
    co_await session->exchanges->wait_for_output();
    if (*session->context.stopping) {
      session->codec->shut_down();
    }
    const bool sent = co_await flush(session);
    session->exchanges->drained();
    set_deadline(*session);
    if (!sent || session->over || session->codec->finished()) {
      break;
    }
  }
  session->connection->expires_after(kSecond);
  (void)co_await session->stream->async_shutdown(kAwait);
  session->connection->close();  // the reader ends
  session->writing = false;
  session->written.notify();
}

}  // namespace

Task<void> serve_http2(TcpConnectionPtr connection, std::shared_ptr<TlsStream> stream,
                       TcpContext context, Client client) {
  const auto session = std::make_shared<Http2Session>(std::move(connection), std::move(stream),
                                                      std::move(context), client);
  auto codec = Http2Codec::create(session->context.service->limits(), client, *session->exchanges);
  if (!codec) {
    co_return;
  }
  session->codec = *std::move(codec);
  session->exchanges->attach(session->codec.get());
  asio::co_spawn(session->connection->socket().get_executor(), write_loop(session), asio::detached);
  session->exchanges->wake();
  set_deadline(*session);
  std::array<std::uint8_t, kHttp2ReadSize> buffer{};
  while (session->writing) {
    const auto [error, size] =
        co_await session->stream->async_read_some(asio::buffer(buffer), kAwait);
    if (error) {
      break;
    }
    const auto read = session->codec->read(ByteView(buffer).first(size));
    set_deadline(*session);
    session->exchanges->wake();
    if (!read) {
      break;
    }
  }
  session->over = true;
  session->exchanges->wake();
  while (session->writing) {
    co_await session->written.wait();
  }
  session->exchanges->detach();
}

}  // namespace i2::gateway
