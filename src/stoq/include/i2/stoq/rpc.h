// Remote procedure calls: one bidirectional stream for each call (docs/wire/rpc.md).
//
//   RpcServer server;
//   server.add_unary("trust.Issuer/Renew", renew, {.renewal = true});
//   server.attach(dispatcher);
//
//   auto answer = co_await call(connection, "trust.Issuer/Renew", request, {.deadline = 5 *
//   kSecond});
//
// A method is named "layer.Service/Method". Bodies are opaque bytes here; callers put protobuf into
// them. An Error that a handler returns arrives at the caller with its code, message and native
// number.
//
// Threads: everything runs on connection.executor(). A unary handler may move to another executor
// (rt::run_on, co_spawn) and finish anywhere; a streaming handler comes back before it uses its
// stream.
//
// Deadlines are durations on the wire, so clocks need not agree: the server counts from the arrival
// of the header. Whoever notices first ends the call with stoq.deadline_exceeded.
#pragma once

#include <i2/stoq/services.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace i2::stoq {

inline constexpr std::size_t kRpcMessageMax = 1024 * 1024;

struct CallOptions {
  Duration deadline = 30 * kSecond;               // for the whole call; 0: none
  std::string idempotency_key{};                  // at most 64 bytes; handed to the handler
  std::size_t message_size_max = kRpcMessageMax;  // of one answer message
};

// One request, one answer. Errors: stoq.deadline_exceeded, stoq.method_unknown,
// stoq.message_too_large, stoq.refused, stoq.overloaded, stoq.cancelled, why the connection ended,
// and what the handler returned. There is no way to take a call back: use ClientCall where one is
// needed.
[[nodiscard]] Task<Result<Bytes>> call(Connection connection, std::string method, Bytes request,
                                       CallOptions options = {});

struct RpcStream;
namespace core {
struct RpcRequest;
}

// The calling side of a call with any number of messages either way. Move-only; dropping it cancels
// the call.
class ClientCall {
 public:
  ClientCall() = default;
  ~ClientCall();
  ClientCall(ClientCall&&) noexcept;
  ClientCall& operator=(ClientCall&&) noexcept;

  // Errors as of call(); an unknown method shows at the first receive().
  [[nodiscard]] static Task<Result<ClientCall>> open(Connection connection, std::string method,
                                                     CallOptions options = {});
  // Completes when the message is queued; waits while the peer reads slower. Error: as receive()
  // would give.
  [[nodiscard]] Task<Result<void>> send(Bytes message);
  // No further message from this side.
  [[nodiscard]] Task<Result<void>> finish();
  // The next message; none when the server ended the call well. Errors as of call().
  [[nodiscard]] Task<Result<std::optional<Bytes>>> receive();
  // Ends the call; the handler sees it cancelled, a waiting send() or receive() ends with
  // stoq.cancelled.
  void cancel();

 private:
  explicit ClientCall(std::shared_ptr<RpcStream> stream);
  std::shared_ptr<RpcStream> stream_;  // shared with the deadline's timer
};

// What a handler knows of its call. Copies name the same call; any thread may ask.
class CallContext {
 public:
  [[nodiscard]] const std::string& method() const;
  [[nodiscard]] const std::string& idempotency_key() const;
  [[nodiscard]] const Connection& connection() const;
  [[nodiscard]] const ports::PeerIdentity& peer() const;
  [[nodiscard]] bool renewal_only() const;
  // Monotonic (rt::SystemClock); kNever: no deadline.
  [[nodiscard]] Timestamp deadline() const;
  // The caller is gone, or the deadline has passed: nobody wants the result any more.
  [[nodiscard]] bool cancelled() const;

 private:
  friend class RpcServer;
  struct State;
  explicit CallContext(std::shared_ptr<State> state);
  std::shared_ptr<State>
      state_;  // shared by the handler's copies and the server's side of the call
};

// The serving side of a streaming call. Use it on connection.executor(), not after the handler
// returned.
class ServerCall {
 public:
  // The caller's next message; none when it sends no more. Error: stoq.cancelled,
  // stoq.deadline_exceeded, stoq.message_too_large, why the connection ended.
  [[nodiscard]] Task<Result<std::optional<Bytes>>> receive();
  // Completes when the message is queued; waits while the caller reads slower. Errors as of
  // receive().
  [[nodiscard]] Task<Result<void>> send(Bytes message);

 private:
  friend class RpcServer;
  explicit ServerCall(std::shared_ptr<RpcStream> stream);
  std::shared_ptr<RpcStream> stream_;  // shared with the server's side of the call
};

using UnaryHandler = std::function<Task<Result<Bytes>>(CallContext, Bytes request)>;
// Its result becomes the status behind the last message.
using StreamingHandler = std::function<Task<Result<void>>(CallContext, ServerCall)>;

struct MethodOptions {
  // Also served to a peer whose certificate has expired or is not in the fleet's log; other methods
  // answer it with trust.leaf_expired or trust.sct_missing.
  bool renewal = false;
  std::size_t message_size_max = kRpcMessageMax;  // of one request message
};

class RpcServer {
 public:
  RpcServer();
  RpcServer(const RpcServer&) = delete;
  RpcServer& operator=(const RpcServer&) = delete;

  // `method` is "layer.Service/Method", at most 128 bytes. Before attach().
  void add_unary(std::string method, UnaryHandler handler, MethodOptions options = {});
  void add_streaming(std::string method, StreamingHandler handler, MethodOptions options = {});
  // Serves StreamType::kRpc on every connection of `dispatcher`. The RpcServer need not outlive
  // this call.
  void attach(StreamDispatcher& dispatcher);

 private:
  struct Method;
  struct Table;
  static Task<void> serve(std::shared_ptr<const Table> table, Connection connection, Stream stream);
  static Task<void> run(std::shared_ptr<const Method> method, std::shared_ptr<RpcStream> rpc,
                        core::RpcRequest request);
  std::shared_ptr<Table> table_;  // shared with the dispatcher's handler
};

}  // namespace i2::stoq
