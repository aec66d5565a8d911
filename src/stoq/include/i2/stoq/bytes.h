// Byte services: raw streams to a named service of the peer (docs/wire/bytes.md), and the ones that
// measure.
//
//   ByteServices services;
//   add_bench_services(services);
//   services.add("forward.ssh", [](Connection connection, Stream stream) -> Task<void> { ... });
//   services.attach(dispatcher);
//
//   auto stream = co_await open_bytes(connection, "forward.ssh");
//
// Threads: connection.executor(); add() before attach().
#pragma once

#include <i2/stoq/services.h>

#include <memory>
#include <string>
#include <vector>

namespace i2::stoq {

class ByteServices {
 public:
  ByteServices();
  ByteServices(const ByteServices&) = delete;
  ByteServices& operator=(const ByteServices&) = delete;

  // `name` is 1 to 128 bytes of UTF-8. The handler's stream starts behind the name.
  void add(std::string name, StreamHandler handler);
  // Serves StreamType::kBytes on every connection of `dispatcher`. An unknown name is refused with
  // AppError::kRefused. The ByteServices need not outlive this call.
  void attach(StreamDispatcher& dispatcher);

 private:
  struct Table;
  static Task<void> serve(std::shared_ptr<const Table> table, Connection connection, Stream stream);
  std::shared_ptr<Table> table_;  // shared with the dispatcher's handler
};

// A stream to the peer's service `name`; does not wait for the peer. Whether it offers the service
// shows at the first read: explain() turns the refusal into stoq.refused. Error:
// stoq.service_name_invalid, why the connection ended.
[[nodiscard]] Task<Result<Stream>> open_bytes(Connection connection, std::string name);

// --- measuring

// "bench.sink":   reads to the end, then answers u64 bytes read, u64 nanoseconds from the first to
// the last
//                 byte, u64 microseconds of CPU time the process used meanwhile.
// "bench.source": reads u64 nanoseconds, sends a pattern for that long, then ends.
// "bench.echo":   returns everything as it comes.
// Integers are big-endian.
void add_bench_services(ByteServices& services);

struct BenchReport {
  std::uint64_t acknowledged_bytes = 0;  // that the receiving side counted
  double seconds = 0;                    // from the first write to the last answer
  std::size_t streams = 0;
  double cpu_seconds_local = 0;   // of this process, all threads
  double cpu_seconds_remote = 0;  // of the peer's; 0 for bench_download()
  [[nodiscard]] double gbps() const {
    return seconds > 0 ? static_cast<double>(acknowledged_bytes) * 8e-9 / seconds : 0;
  }
};

// Sends to the peer's bench.sink over `streams` streams at once (1 to 256) for `duration`.
[[nodiscard]] Task<Result<BenchReport>> bench_upload(Connection connection, std::size_t streams,
                                                     Duration duration);
// Receives from the peer's bench.source.
[[nodiscard]] Task<Result<BenchReport>> bench_download(Connection connection, std::size_t streams,
                                                       Duration duration);
// Round trips of 64-byte messages through the peer's bench.echo, in nanoseconds, in the order
// measured; ends after `duration` or 1 000 000 of them.
[[nodiscard]] Task<Result<std::vector<Duration>>> bench_echo(Connection connection,
                                                             Duration duration);

}  // namespace i2::stoq
