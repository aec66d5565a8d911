// The serving side of RPC.
#include <i2/base/assert.h>
#include <i2/rt/clock.h>

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <exception>

#include "rpc_stream.h"

namespace i2::stoq {
namespace asio = boost::asio;

namespace {

constexpr Duration kRequestTimeout = 10 * kSecond;  // for the first record of a call
constexpr std::uint64_t kDeadlineMaxMs = 365ULL * 24 * 3'600 * 1'000;

// One of the two handler kinds, started; the other side of `done` is the call's own coroutine.
struct Outcome {
  std::optional<Result<Bytes>> result;
};

Error handler_threw() {
  return {"stoq.peer_internal", "the handler of the method failed"};
}

Task<Result<Bytes>> without_answer(StreamingHandler handler, CallContext context, ServerCall call) {
  const Result<void> result = co_await handler(std::move(context), std::move(call));
  if (!result) {
    co_return fail(result.error());
  }
  co_return Bytes{};
}

std::unexpected<Error> renewal_only(ports::LeafStanding standing) {
  return standing == ports::LeafStanding::kExpired
             ? fail("trust.leaf_expired", "the certificate has expired: only its renewal is served")
             : fail("trust.sct_missing",
                    "the certificate is not in the fleet's log: only its renewal is served");
}

Task<void> end_call(std::shared_ptr<RpcStream> rpc, Result<void> result) {
  (void)co_await rpc->send(core::RpcRecord::kStatus, core::encode_rpc_status(result), true);
}

}  // namespace

struct CallContext::State {
  core::RpcRequest request;
  Connection connection;
  Timestamp deadline = kNever;
  std::atomic<bool> cancelled{false};
};

CallContext::CallContext(std::shared_ptr<State> state) : state_(std::move(state)) {}
const std::string& CallContext::method() const {
  return state_->request.method;
}
const std::string& CallContext::idempotency_key() const {
  return state_->request.idempotency_key;
}
const Connection& CallContext::connection() const {
  return state_->connection;
}
const ports::PeerIdentity& CallContext::peer() const {
  return state_->connection.peer();
}
bool CallContext::renewal_only() const {
  return state_->connection.renewal_only();
}
Timestamp CallContext::deadline() const {
  return state_->deadline;
}

bool CallContext::cancelled() const {
  return state_->cancelled || rt::SystemClock().now() >= state_->deadline;
}

ServerCall::ServerCall(std::shared_ptr<RpcStream> stream) : stream_(std::move(stream)) {}

Task<Result<std::optional<Bytes>>> ServerCall::receive() {
  return stream_->next_message();
}

Task<Result<void>> ServerCall::send(Bytes message) {
  return stream_->send(core::RpcRecord::kMessage, std::move(message));
}

struct RpcServer::Method {
  UnaryHandler unary;
  StreamingHandler streaming;
  MethodOptions options;
};

struct RpcServer::Table {
  std::map<std::string, std::shared_ptr<const Method>, std::less<>> methods;  // shared with calls
};

RpcServer::RpcServer() : table_(std::make_shared<Table>()) {}

void RpcServer::add_unary(std::string method, UnaryHandler handler, MethodOptions options) {
  I2_ASSERT(core::is_rpc_method(method));
  table_->methods[std::move(method)] =
      std::make_shared<const Method>(std::move(handler), StreamingHandler{}, options);
}

void RpcServer::add_streaming(std::string method, StreamingHandler handler, MethodOptions options) {
  I2_ASSERT(core::is_rpc_method(method));
  table_->methods[std::move(method)] =
      std::make_shared<const Method>(UnaryHandler{}, std::move(handler), options);
}

void RpcServer::attach(StreamDispatcher& dispatcher) {
  dispatcher.add(StreamType::kRpc,
                 [table = table_](Connection connection, Stream stream) {
                   return serve(table, std::move(connection), std::move(stream));
                 },
                 {.renewal = true});
}

Task<void> RpcServer::serve(std::shared_ptr<const Table> table, Connection connection,
                            Stream stream) {
  const auto rpc = std::make_shared<RpcStream>(connection, std::move(stream), core::kRpcHeaderMax);
  rpc->expire_after(kRequestTimeout);
  const Result<std::optional<core::Record>> first = co_await rpc->records.next();
  if (!first || !*first ||
      (*first)->type != static_cast<std::uint64_t>(core::RpcRecord::kRequest)) {
    refuse_stream(rpc->records.stream(), AppError::kProtocol);
    co_return;
  }
  const Result<core::RpcRequest> request = core::decode_rpc_request((*first)->body);
  if (!request) {
    co_await end_call(rpc, fail(request.error()));
    co_return;
  }
  const auto found = table->methods.find(request->method);
  if (found == table->methods.end()) {
    co_await end_call(
        rpc, fail("stoq.method_unknown", "this node serves no method \"" + request->method + "\""));
    co_return;
  }
  if (connection.renewal_only() && !found->second->options.renewal) {
    co_await end_call(rpc, renewal_only(connection.leaf_standing()));
    co_return;
  }
  co_await run(found->second, rpc, *request);
}

Task<void> RpcServer::run(std::shared_ptr<const Method> method, std::shared_ptr<RpcStream> rpc,
                          core::RpcRequest request) {
  const auto state = std::make_shared<CallContext::State>();
  state->connection = rpc->connection;
  if (request.deadline_ms != 0 && request.deadline_ms < kDeadlineMaxMs) {
    const Duration left = request.deadline_ms * kMillisecond;
    state->deadline = rt::SystemClock().now() + left;
    rpc->expire_after(left);
  } else {
    rpc->keep();
  }
  state->request = std::move(request);
  rpc->records.reader().set_body_max(method->options.message_size_max);

  Task<Result<Bytes>> handler;
  if (method->unary) {
    Result<std::optional<Bytes>> message = co_await rpc->next_message();
    if (!message || !*message) {
      Error error("stoq.protocol_violation", "a call without a request");
      if (!message) {
        error = message.error();
      }
      co_await end_call(rpc, fail(std::move(error)));
      co_return;
    }
    handler = method->unary(CallContext(state), std::move(**message));
  } else {
    handler = without_answer(method->streaming, CallContext(state), ServerCall(rpc));
  }

  const auto outcome = std::make_shared<Outcome>();
  const auto executor = rpc->connection.executor();
  asio::co_spawn(executor, std::move(handler),
                 asio::bind_executor(executor, [rpc, outcome](const std::exception_ptr& thrown,
                                                              Result<Bytes> result) {
                   outcome->result = thrown ? fail(handler_threw()) : std::move(result);
                   rpc->records.stream().wake();
                 }));
  while (!outcome->result) {
    if (rpc->expired || rpc->records.stream().peer_stopped() || !rpc->connection.is_open()) {
      state->cancelled = true;
    }
    co_await rpc->records.stream().changed();
  }
  Result<Bytes>& result = *outcome->result;
  Result<void> status;
  if (!result) {
    status = fail(std::move(result).error());
  } else if (method->unary) {
    (void)co_await rpc->send(core::RpcRecord::kMessage, std::move(*result));
  }
  co_await end_call(rpc, std::move(status));
}

}  // namespace i2::stoq
