#include <i2/rt/signal.h>
#include <i2/stoq/rpc.h>

#include "loopback.h"

namespace i2::stoq::test {
namespace {

Bytes text(std::string_view value) {
  return to_bytes(as_bytes(value));
}

// What the handlers below do and see.
struct Seen {
  std::promise<void> started;
  std::promise<bool> cancelled;
};

Task<Result<Bytes>> echo(CallContext context, Bytes request) {
  Bytes out = text(context.peer().name + ":" + context.idempotency_key() + ":");
  append(out, request);
  co_return out;
}

Task<Result<Bytes>> refuse(CallContext, Bytes) {
  co_return fail("trust.invite_used", "this invite was used already", 7);
}

// Runs until nobody wants its result.
Task<Result<Bytes>> wait_for_end(std::shared_ptr<Seen> seen, CallContext context) {
  seen->started.set_value();
  while (!context.cancelled()) {
    co_await rt::sleep_for(std::chrono::milliseconds(1));
  }
  seen->cancelled.set_value(true);
  co_return text("too late");
}

// Sends back every message in turn, then how many there were.
Task<Result<void>> chat(CallContext, ServerCall call) {
  std::size_t count = 0;
  for (;;) {
    Result<std::optional<Bytes>> message = co_await call.receive();
    if (!message) {
      co_return fail(message.error());
    }
    if (!*message) {
      break;
    }
    ++count;
    I2_CO_TRY(co_await call.send(std::move(**message)));
  }
  I2_CO_TRY(co_await call.send(text(std::to_string(count))));
  co_return Result<void>{};
}

Task<Result<void>> endless(std::shared_ptr<Seen> seen, ServerCall call) {
  seen->started.set_value();
  for (;;) {
    const Result<void> sent = co_await call.send(Bytes(100'000, 1));
    if (!sent) {
      seen->cancelled.set_value(sent.error().is("stoq.cancelled"));
      co_return fail(sent.error());
    }
  }
}

Task<Result<void>> one_then_refuse(CallContext, ServerCall call) {
  I2_CO_TRY(co_await call.send(text("first")));
  co_return fail("file.quota", "no room for the second");
}

class Rpc : public ::testing::Test {
 protected:
  Rpc() {
    RpcServer server;
    server.add_unary("test.Echo/Say", echo, {.renewal = true});
    server.add_unary("test.Echo/Refuse", refuse);
    server.add_unary("test.Echo/Wait", [seen = seen_](CallContext context, const Bytes&) {
      return wait_for_end(seen, std::move(context));
    });
    server.add_unary("test.Echo/Small", echo, {.message_size_max = 100});
    server.add_streaming("test.Echo/Chat", chat);
    server.add_streaming("test.Echo/Endless", [seen = seen_](const CallContext&, ServerCall call) {
      return endless(seen, std::move(call));
    });
    server.add_streaming("test.Echo/OneThenRefuse", one_then_refuse);
    server.attach(dispatcher_);
  }

  Result<Bytes> call_once(const Connection& connection, std::string method, Bytes request,
                          CallOptions options = {}) {
    return run(connection.executor(),
               call(connection, std::move(method), std::move(request), std::move(options)));
  }

  std::shared_ptr<Seen> seen_ = std::make_shared<Seen>();
  StreamDispatcher dispatcher_;
};

TEST_F(Rpc, Unary) {
  Loopback loopback(dispatcher_);
  const auto connection = loopback.connect();
  const auto answer =
      call_once(connection, "test.Echo/Say", text("hello"), {.idempotency_key = "k1"});
  ASSERT_TRUE(answer) << answer.error().to_string();
  EXPECT_EQ(as_text(*answer), "alice:k1:hello");
}

TEST_F(Rpc, LargestMessageBothWays) {
  Loopback loopback(dispatcher_);
  const auto connection = loopback.connect();
  Bytes request(kRpcMessageMax - 7, 0x5a);
  const auto answer = call_once(connection, "test.Echo/Say", request);
  ASSERT_TRUE(answer) << answer.error().to_string();
  ASSERT_EQ(answer->size(), kRpcMessageMax);
  EXPECT_TRUE(equal(ByteView(*answer).subspan(7), request));
  // One more byte and the answer is too large for this side; two ways of being too large.
  request.push_back(0);
  EXPECT_EQ(call_once(connection, "test.Echo/Say", request).error().code(),
            "stoq.message_too_large");
  EXPECT_EQ(call_once(connection, "test.Echo/Small", Bytes(101)).error().code(),
            "stoq.message_too_large");
  EXPECT_TRUE(call_once(connection, "test.Echo/Small", Bytes(100)));
}

TEST_F(Rpc, ManyAtOnce) {
  Loopback loopback(dispatcher_);
  const auto connection = loopback.connect();
  constexpr int kCalls = 3'000;  // more than the peer's stream limit
  std::vector<std::future<Result<Bytes>>> calls;
  for (int i = 0; i < kCalls; ++i) {
    calls.push_back(asio::co_spawn(connection.executor(),
                                   call(connection, "test.Echo/Say", text(std::to_string(i)), {}),
                                   asio::use_future));
  }
  for (int i = 0; i < kCalls; ++i) {
    const auto answer = get(std::move(calls[i]), "a call");
    ASSERT_TRUE(answer) << answer.error().to_string();
    EXPECT_EQ(as_text(*answer), "alice::" + std::to_string(i));
  }
}

TEST_F(Rpc, ErrorsKeepCodeMessageAndNative) {
  Loopback loopback(dispatcher_);
  const auto connection = loopback.connect();
  const auto refused = call_once(connection, "test.Echo/Refuse", {});
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is("trust.invite_used"));
  EXPECT_EQ(refused.error().message(), "this invite was used already");
  EXPECT_EQ(refused.error().native(), 7);
  const auto unknown = call_once(connection, "test.Echo/Nothing", {});
  EXPECT_EQ(unknown.error().code(), "stoq.method_unknown");
  EXPECT_EQ(call_once(connection, "not a method", {}).error().code(), "stoq.method_unknown");
}

TEST_F(Rpc, DeadlineEndsBothSides) {
  Loopback loopback(dispatcher_);
  const auto connection = loopback.connect();
  // Until the call has arrived in time to be cancelled there.
  auto started = seen_->started.get_future();
  Duration time = 50 * kMillisecond;
  do {
    // The handler answers when it sees the deadline, and may be faster than the timer here.
    const auto late = call_once(connection, "test.Echo/Wait", {}, {.deadline = time});
    ASSERT_EQ(late ? "too late" : late.error().code(),
              late ? as_text(*late) : "stoq.deadline_exceeded");
    time *= 4;
  } while (started.wait_for(std::chrono::seconds(2)) != std::future_status::ready);
  EXPECT_TRUE(get(seen_->cancelled.get_future(), "the handler"));
}

TEST_F(Rpc, ClosedConnectionCancelsHandler) {
  Loopback loopback(dispatcher_);
  auto connection = loopback.connect();
  auto pending = asio::co_spawn(connection.executor(), call(connection, "test.Echo/Wait", {}, {}),
                                asio::use_future);
  get(seen_->started.get_future(), "the handler's start");
  asio::post(connection.executor(), [connection]() mutable { connection.close(); });
  EXPECT_EQ(get(std::move(pending), "the call").error().code(), "stoq.closed");
  EXPECT_TRUE(get(seen_->cancelled.get_future(), "the handler"));
}

Task<Result<std::vector<std::string>>> talk(Connection connection, std::vector<std::string> lines) {
  auto opened = co_await ClientCall::open(connection, "test.Echo/Chat");
  if (!opened) {
    co_return fail(opened.error());
  }
  ClientCall call = std::move(*opened);
  std::vector<std::string> heard;
  for (const std::string& line : lines) {
    I2_CO_TRY(co_await call.send(text(line)));
    I2_CO_TRY_VALUE(const auto answer, co_await call.receive());
    if (answer) {
      heard.emplace_back(as_text(*answer));
    }
  }
  I2_CO_TRY(co_await call.finish());
  for (;;) {
    I2_CO_TRY_VALUE(const auto answer, co_await call.receive());
    if (!answer) {
      co_return heard;
    }
    heard.emplace_back(as_text(*answer));
  }
}

TEST_F(Rpc, StreamsBothWays) {
  Loopback loopback(dispatcher_);
  const auto connection = loopback.connect();
  const auto heard = run(connection.executor(), talk(connection, {"a", "", "ccc"}));
  ASSERT_TRUE(heard) << heard.error().to_string();
  EXPECT_EQ(*heard, (std::vector<std::string>{"a", "", "ccc", "3"}));
}

Task<Result<std::string>> first_of(Connection connection, std::string method) {
  auto opened = co_await ClientCall::open(connection, std::move(method));
  if (!opened) {
    co_return fail(opened.error());
  }
  ClientCall call = std::move(*opened);
  I2_CO_TRY_VALUE(const auto first, co_await call.receive());
  co_return first ? std::string(as_text(*first).substr(0, 5)) : "";
}

Task<Result<std::string>> all_of(Connection connection, std::string method) {
  auto opened = co_await ClientCall::open(connection, std::move(method));
  if (!opened) {
    co_return fail(opened.error());
  }
  std::string out;
  for (;;) {
    I2_CO_TRY_VALUE(const auto next, co_await opened->receive());
    if (!next) {
      co_return out;
    }
    out += as_text(*next);
  }
}

TEST_F(Rpc, DroppedCallCancelsItsHandler) {
  Loopback loopback(dispatcher_);
  const auto connection = loopback.connect();
  const auto first = run(connection.executor(), first_of(connection, "test.Echo/Endless"));
  ASSERT_TRUE(first) << first.error().to_string();
  EXPECT_TRUE(get(seen_->cancelled.get_future(), "the handler"));
}

Task<Result<void>> start_and_drop(Connection connection, std::shared_ptr<Seen> seen, bool finish) {
  auto call = co_await ClientCall::open(connection, "test.Echo/Wait");
  if (!call) {
    co_return fail(call.error());
  }
  I2_CO_TRY(co_await call->send(Bytes{}));
  if (finish) {
    I2_CO_TRY(co_await call->finish());
  }
  auto started = seen->started.get_future();
  while (started.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
    co_await rt::sleep_for(std::chrono::milliseconds(1));
  }
  co_return Result<void>{};
}

TEST_F(Rpc, DroppedCallCancelsAHandlerThatWritesNothing) {
  for (const bool finish : {false, true}) {
    *seen_ = Seen{};
    Loopback loopback(dispatcher_);
    const auto connection = loopback.connect();
    const auto dropped = run(connection.executor(), start_and_drop(connection, seen_, finish));
    ASSERT_TRUE(dropped) << dropped.error().to_string();
    EXPECT_TRUE(get(seen_->cancelled.get_future(), "the handler"));
  }
}

TEST_F(Rpc, StatusFollowsTheLastMessage) {
  Loopback loopback(dispatcher_);
  const auto connection = loopback.connect();
  const auto result = run(connection.executor(), all_of(connection, "test.Echo/OneThenRefuse"));
  EXPECT_EQ(result.error().code(), "file.quota");
  EXPECT_EQ(*run(connection.executor(), first_of(connection, "test.Echo/OneThenRefuse")), "first");
}

TEST_F(Rpc, OnlyRenewalForAnExpiredLeaf) {
  Loopback loopback(dispatcher_, {.expired_leaf = true});
  const auto connection = loopback.connect();
  EXPECT_TRUE(call_once(connection, "test.Echo/Say", {}));
  EXPECT_EQ(call_once(connection, "test.Echo/Refuse", {}).error().code(), "trust.leaf_expired");
}

TEST_F(Rpc, OnlyRenewalForALeafThatIsNotInTheLog) {
  Loopback loopback(dispatcher_, {.unlogged_leaf = true});
  const auto connection = loopback.connect();
  EXPECT_TRUE(call_once(connection, "test.Echo/Say", {}));
  EXPECT_EQ(call_once(connection, "test.Echo/Refuse", {}).error().code(), "trust.sct_missing");
}

Task<Error> first_read_of(Connection connection, StreamType type) {
  auto stream = co_await connection.open_stream(type);
  if (!stream) {
    co_return stream.error();
  }
  const Bytes junk(64, 0xff);
  (void)co_await stream->write(Chunk(junk));
  const auto answer = co_await stream->read();
  co_return answer ? Error("test.answered", "the peer answered") : explain(answer.error());
}

Task<Result<void>> store(Task<Error> task, Error* out) {
  *out = co_await std::move(task);
  co_return Result<void>{};
}

TEST_F(Rpc, StreamsOfNoServiceAreRefused) {
  Loopback loopback(dispatcher_);
  const auto connection = loopback.connect();
  Error error("test.none", "");
  (void)run(connection.executor(), store(first_read_of(connection, StreamType::kFile), &error));
  EXPECT_EQ(error.code(), "stoq.refused");
  (void)run(connection.executor(), store(first_read_of(connection, StreamType::kRpc), &error));
  EXPECT_EQ(error.code(), "stoq.protocol_violation");
}

TEST(Dispatcher, BoundsTheHandlersOfAConnection) {
  StreamDispatcher dispatcher({.handlers_max = 1});
  RpcServer server;
  const auto seen = std::make_shared<Seen>();
  server.add_unary("test.Echo/Say", echo);
  server.add_unary("test.Echo/Wait", [seen](CallContext context, const Bytes&) {
    return wait_for_end(seen, std::move(context));
  });
  server.attach(dispatcher);
  Loopback loopback(dispatcher);
  const auto connection = loopback.connect();
  auto pending = asio::co_spawn(connection.executor(), call(connection, "test.Echo/Wait", {}, {}),
                                asio::use_future);
  get(seen->started.get_future(), "the handler's start");
  const auto second = run(connection.executor(), call(connection, "test.Echo/Say", {}, {}));
  EXPECT_EQ(second.error().code(), "stoq.overloaded");
  loopback.stop();
  EXPECT_FALSE(get(std::move(pending), "the call"));
}

}  // namespace
}  // namespace i2::stoq::test
