// Unreliable throughput: how many DATAGRAM frames (RFC 9221) of those sent arrive.
//
// A bytes stream to "bench.datagrams" marks the run. The receiver answers one byte when it is
// ready, then counts until it sees an end marker, which the sender repeats until the receiver has
// answered on the stream: u64 datagrams, u64 bytes, u64 microseconds of CPU time of its process
// (big-endian).
#pragma once

#include <i2/stoq/bytes.h>

#include "tasks.h"

namespace i2::node {

void add_datagram_bench(stoq::ByteServices& services);

struct DatagramReport {
  std::uint64_t sent = 0;      // datagrams handed to the transport
  std::uint64_t received = 0;  // that the peer counted
  std::uint64_t received_bytes = 0;
  std::size_t size = 0;  // of one datagram
  double seconds = 0;
  double cpu_seconds_local = 0;
  double cpu_seconds_remote = 0;
};
// Errors: stoq.datagram_too_large when the peer takes none; those of open_bytes() and the
// connection.
[[nodiscard]] Task<Result<DatagramReport>> datagram_upload(stoq::Connection connection,
                                                           Duration duration);

}  // namespace i2::node
