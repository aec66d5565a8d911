// Serving the streams that a peer opens.
//
//   StreamDispatcher dispatcher;
//   rpc.attach(dispatcher);          // rpc.h, bytes.h, file_transfer.h: one line each
//   ...
//   auto connection = co_await transport->accept();
//   asio::co_spawn(connection->executor(), dispatcher.serve(*connection), asio::detached);
//
// Both sides of a connection may open streams, so the side that dialled serves its connections too.
//
// Threads: add() before the first serve(); after that the dispatcher is immutable and serve() may
// run on every worker at once. Handlers run on connection.executor().
#pragma once

#include <i2/stoq/transport.h>

#include <functional>
#include <map>
#include <memory>

namespace i2::stoq {

// Owns the stream from now on. Returning releases it: what was not ended is reset with
// AppError::kCancelled.
using StreamHandler = std::function<Task<void>(Connection, Stream)>;

struct StreamHandlerOptions {
  // Also on connections whose peer shows an expired certificate, or one that is not in the fleet's
  // log (Connection::renewal_only()). The handler then checks itself what it serves there.
  bool renewal = false;
};

// Ends a stream both ways: RESET_STREAM and STOP_SENDING with `code`.
void refuse_stream(Stream& stream, AppError code);

// The error of a Stream call as the caller of a service should see it: a reset says which reason
// the peer gave ("stoq.refused", "stoq.overloaded", "stoq.cancelled") instead of
// "stoq.stream_reset".
[[nodiscard]] Error explain(const Error& error);

class StreamDispatcher {
 public:
  struct Limits {
    // Streams of one connection handled at a time; the next is refused with AppError::kOverloaded.
    std::size_t handlers_max = 1'280;
  };
  using Handlers = std::map<StreamType, StreamHandler>;

  StreamDispatcher();
  explicit StreamDispatcher(Limits limits);
  StreamDispatcher(const StreamDispatcher&) = delete;
  StreamDispatcher& operator=(const StreamDispatcher&) = delete;

  // One handler for each type; the last one given counts.
  void add(StreamType type, StreamHandler handler, StreamHandlerOptions options = {});

  // Hands each stream that the peer opens to its handler until the connection ends, then waits for
  // the handlers that still run (Connection::closed() says why it ended). A stream of an unknown
  // type is refused with AppError::kRefused; a stream on a renewal_only connection whose handler is
  // not for renewal with AppError::kLeafExpired or kSctMissing. `own` are handlers of this
  // connection only (MessageChannel::handler()); they come before the common ones and are not for
  // renewal. Runs on connection.executor(). Call it once for each connection. The dispatcher may be
  // destroyed while serve() runs; what its handlers name must stay.
  [[nodiscard]] Task<void> serve(Connection connection, Handlers own = {});

 private:
  struct Entry {
    StreamHandler handler;
    bool renewal = false;
  };
  struct Table {
    Limits limits;
    std::map<StreamType, Entry> handlers;
  };
  static Task<void> serve(std::shared_ptr<const Table> table, Connection connection, Handlers own);
  std::shared_ptr<Table> table_;  // shared with the serve() calls that still run
};

}  // namespace i2::stoq
