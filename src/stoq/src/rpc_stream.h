// One call's stream, as both sides use it: records, the deadline, and why it ended early.
#pragma once

#include <i2/stoq/core/rpc_codec.h>
#include <i2/stoq/rpc.h>

#include <boost/asio/steady_timer.hpp>

#include "record_stream.h"

namespace i2::stoq {

struct RpcStream : std::enable_shared_from_this<RpcStream> {
  RpcStream(Connection owner, Stream stream, std::size_t body_max)
      : connection(std::move(owner)),
        records(std::move(stream), {.type_max = core::kRpcRecordMax, .body_max = body_max}),
        timer(connection.executor()) {}

  // Resets the stream with kDeadlineExceeded after `delay`; replaces an earlier deadline.
  void expire_after(Duration delay);
  // No deadline any more.
  void keep();
  // Resets the stream; waiting calls end with stoq.cancelled.
  void cancel();
  // What a failed read or write means for the call.
  [[nodiscard]] Error meaning(const Error& error) const;
  // The next message; none at a clean end. A status record, on the calling side, goes to `status`.
  [[nodiscard]] Task<Result<std::optional<Bytes>>> next_message();
  [[nodiscard]] Task<Result<void>> send(core::RpcRecord type, Bytes body, bool fin = false);

  Connection connection;
  RecordStream records;
  boost::asio::steady_timer timer;
  bool expired = false;
  bool cancelled = false;
  bool receiving = false;  // a next_message() is under way
  std::optional<Result<void>> status;
};

}  // namespace i2::stoq
