// The messages of `stoq-join/1` on a stream, and the time they may take.
#pragma once

#include <i2/fleet/core/join_messages.h>
#include <i2/stoq/transport.h>

#include "tasks.h"

namespace i2::node {

// Reads records one after another. On the connection's executor.
class JoinRecords {
 public:
  JoinRecords(stoq::Stream stream, std::size_t size_max)
      : stream_(std::move(stream)), framer_(size_max) {}
  // Errors: trust.join_malformed (too long, or the stream ends inside or before it), why the
  // connection ended.
  [[nodiscard]] Task<Result<Bytes>> next();

 private:
  stoq::Stream stream_;
  fleet::JoinFramer framer_;
};

// Ends the connection after `time`, unless it has ended before. On its executor.
[[nodiscard]] Task<> end_after(stoq::Connection connection, Duration time);

}  // namespace i2::node
