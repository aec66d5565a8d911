// The calling side of RPC.
#include <i2/rt/clock.h>
#include <i2/rt/signal.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "rpc_stream.h"

namespace i2::stoq {
namespace asio = boost::asio;

namespace {

// open_stream() that gives up: its result is dropped when it comes too late.
struct Opening {
  explicit Opening(const asio::any_io_executor& executor) : changed(executor), timer(executor) {}
  std::optional<Result<Stream>> stream;
  bool expired = false;
  rt::Signal changed;
  asio::steady_timer timer;
};

Task<void> open_into(std::shared_ptr<Opening> opening, Connection connection) {
  Result<Stream> stream = co_await connection.open_stream(StreamType::kRpc);
  if (!opening->expired) {
    opening->stream = std::move(stream);
    opening->changed.notify();
  }
}

// The peer allows no further stream at the moment: waits, but not beyond the deadline.
Task<Result<Stream>> open_within(Connection connection, Duration deadline) {
  const auto executor = connection.executor();
  const auto opening = std::make_shared<Opening>(executor);
  asio::co_spawn(executor, open_into(opening, connection), asio::detached);
  opening->timer.expires_after(std::chrono::nanoseconds(deadline));
  opening->timer.async_wait([opening](const boost::system::error_code& error) {
    opening->expired = !error && !opening->stream;
    opening->changed.notify();
  });
  while (!opening->stream && !opening->expired) {
    co_await opening->changed.wait();
  }
  opening->timer.cancel();
  if (opening->expired) {
    co_return fail("stoq.deadline_exceeded", "no free stream to the peer in time");
  }
  co_return std::move(*opening->stream);
}

Task<Result<std::shared_ptr<RpcStream>>> start(Connection connection, std::string method,
                                               CallOptions options, bool streaming,
                                               std::optional<Bytes> only_message) {
  if (!core::is_rpc_method(method) ||
      options.idempotency_key.size() > core::kRpcIdempotencyKeyMax) {
    co_return fail("stoq.method_unknown", "\"" + method + "\" is not a method name");
  }
  const Timestamp started = rt::SystemClock().now();
  Result<Stream> stream = connection.try_open_stream(StreamType::kRpc);
  if (!stream && stream.error().is("stoq.streams_exhausted")) {
    if (options.deadline == 0) {
      stream = co_await connection.open_stream(StreamType::kRpc);
    } else {
      stream = co_await open_within(connection, options.deadline);
    }
  }
  if (!stream) {
    co_return fail(std::move(stream).error());
  }
  auto rpc = std::make_shared<RpcStream>(connection, std::move(*stream),
                                         std::max(options.message_size_max, core::kRpcHeaderMax));
  core::RpcRequest request{.method = std::move(method),
                           .idempotency_key = std::move(options.idempotency_key),
                           .client_streaming = streaming,
                           .server_streaming = streaming};
  if (options.deadline != 0) {
    const Duration waited = rt::SystemClock().now() - started;
    const Duration left = options.deadline > waited ? options.deadline - waited : 0;
    request.deadline_ms = std::max<std::uint64_t>(1, left / kMillisecond);
    rpc->expire_after(left);
  }
  // A failed write says less than the status or the reset that came with it: the first receive
  // tells.
  (void)co_await rpc->send(core::RpcRecord::kRequest, core::encode(request));
  if (only_message) {
    (void)co_await rpc->send(core::RpcRecord::kMessage, std::move(*only_message), true);
  }
  co_return rpc;
}

// The next message, or none when the call ended well.
Task<Result<std::optional<Bytes>>> receive_from(std::shared_ptr<RpcStream> rpc) {
  if (rpc->status) {
    if (!*rpc->status) {
      co_return fail(rpc->status->error());
    }
    co_return std::nullopt;
  }
  Result<std::optional<Bytes>> message = co_await rpc->next_message();
  if (!message || *message) {
    co_return message;
  }
  rpc->keep();
  if (!rpc->status) {
    co_return fail("stoq.protocol_violation", "the peer ended the call without a status");
  }
  if (!*rpc->status) {
    co_return fail(rpc->status->error());
  }
  co_return std::nullopt;
}

}  // namespace

Task<Result<Bytes>> call(Connection connection, std::string method, Bytes request,
                         CallOptions options) {
  auto rpc = co_await start(std::move(connection), std::move(method), std::move(options), false,
                            std::move(request));
  if (!rpc) {
    co_return fail(std::move(rpc).error());
  }
  Result<std::optional<Bytes>> answer = co_await receive_from(*rpc);
  if (!answer) {
    co_return fail(std::move(answer).error());
  }
  if (!*answer) {
    co_return fail("stoq.protocol_violation", "the peer ended the call without an answer");
  }
  const Result<std::optional<Bytes>> more = co_await receive_from(*rpc);
  if (!more) {
    co_return fail(more.error());
  }
  if (*more) {
    co_return fail("stoq.protocol_violation", "more than one answer: this method streams");
  }
  co_return std::move(**answer);
}

ClientCall::ClientCall(std::shared_ptr<RpcStream> stream) : stream_(std::move(stream)) {}
ClientCall::ClientCall(ClientCall&&) noexcept = default;

ClientCall& ClientCall::operator=(ClientCall&& other) noexcept {
  if (this != &other) {
    cancel();
    stream_ = std::move(other.stream_);
  }
  return *this;
}

ClientCall::~ClientCall() {
  cancel();
}

void ClientCall::cancel() {
  if (stream_ && !stream_->status) {
    stream_->cancel();
  }
}

Task<Result<ClientCall>> ClientCall::open(Connection connection, std::string method,
                                          CallOptions options) {
  auto rpc = co_await start(std::move(connection), std::move(method), std::move(options), true,
                            std::nullopt);
  if (!rpc) {
    co_return fail(std::move(rpc).error());
  }
  co_return ClientCall(std::move(*rpc));
}

Task<Result<void>> ClientCall::send(Bytes message) {
  const auto rpc = stream_;
  Result<void> sent = co_await rpc->send(core::RpcRecord::kMessage, std::move(message));
  if (!sent && !rpc->expired && !rpc->cancelled && !rpc->receiving) {
    // The server has ended the call; its status says why.
    for (;;) {
      Result<std::optional<Bytes>> rest = co_await receive_from(rpc);
      if (!rest) {
        co_return fail(std::move(rest).error());
      }
      if (!*rest) {
        break;
      }
    }
  }
  co_return sent;
}

Task<Result<void>> ClientCall::finish() {
  const auto rpc = stream_;
  const Result<void> ended = co_await rpc->records.stream().write(Chunk{}, true);
  if (!ended) {
    co_return fail(rpc->meaning(ended.error()));
  }
  co_return ended;
}

Task<Result<std::optional<Bytes>>> ClientCall::receive() {
  return receive_from(stream_);
}

}  // namespace i2::stoq
