// The byte services that measure, and their callers.
#include <i2/rt/clock.h>
#include <i2/rt/signal.h>
#include <i2/stoq/bytes.h>
#include <i2/wire/reader.h>

#include <algorithm>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <ctime>
#include <exception>

namespace i2::stoq {
namespace asio = boost::asio;

namespace {

constexpr std::size_t kPatternSize = 1024 * 1024;
constexpr std::size_t kStreamsMax = 256;
constexpr std::size_t kEchoSize = 64;
constexpr std::size_t kRoundTripsMax = 1'000'000;
constexpr Duration kDurationMax = 3'600 * kSecond;

Timestamp now() {
  return rt::SystemClock().now();
}

// CPU time of the process, all threads.
Duration cpu_time() {
  timespec value{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &value);
  return static_cast<Duration>(value.tv_sec) * kSecond + static_cast<Duration>(value.tv_nsec);
}

double seconds(Duration duration) {
  return static_cast<double>(duration) * 1e-9;
}

// Bytes that do not compress. Every write of a measurement shares one block of them.
Chunk make_pattern() {
  Bytes bytes(kPatternSize);
  std::uint64_t state = 0x9e3779b97f4a7c15;
  for (std::size_t i = 0; i < bytes.size(); i += sizeof state) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    std::memcpy(bytes.data() + i, &state, sizeof state);
  }
  return Chunk(std::move(bytes));
}

Task<void> sink(Connection, Stream stream) {
  std::uint64_t received = 0;
  Timestamp first = 0;
  Timestamp last = 0;
  const Duration cpu_before = cpu_time();
  for (;;) {
    const Result<Chunk> chunk = co_await stream.read();
    if (!chunk) {
      co_return;
    }
    if (chunk->size() == 0) {
      break;
    }
    last = now();
    if (received == 0) {
      first = last;
    }
    received += chunk->size();
  }
  Bytes answer;
  wire::Writer writer(answer);
  writer.u64(received);
  writer.u64(last - first);
  writer.u64((cpu_time() - cpu_before) / kMicrosecond);
  (void)co_await stream.write(Chunk(std::move(answer)), true);
}

Task<void> source(Connection, Stream stream) {
  const Result<Bytes> request = co_await stream.read_exactly(sizeof(std::uint64_t));
  if (!request) {
    co_return;
  }
  const Duration duration = std::min<Duration>(wire::Reader(*request).u64(), kDurationMax);
  const Timestamp until = now() + duration;
  const Chunk pattern = make_pattern();
  while (now() < until) {
    const Result<void> written = co_await stream.write(pattern);
    if (!written) {
      co_return;
    }
  }
  (void)co_await stream.write(Chunk{}, true);
}

Task<void> echo(Connection, Stream stream) {
  for (;;) {
    Result<Chunk> chunk = co_await stream.read();
    if (!chunk) {
      co_return;
    }
    const bool end = chunk->size() == 0;
    const Result<void> written = co_await stream.write(std::move(*chunk), end);
    if (!written || end) {
      co_return;
    }
  }
}

struct Share {
  std::uint64_t bytes = 0;
  Duration remote_cpu = 0;
};

// Several streams at work, and the one who waits for all of them. Shared by the streams'
// coroutines.
struct Group {
  explicit Group(asio::any_io_executor executor) : changed(std::move(executor)) {}
  std::size_t running = 0;
  Share sum;
  std::optional<Error> error;
  rt::Signal changed;
};

Task<Result<Share>> upload_one(Connection connection, Chunk pattern, Timestamp until) {
  Result<Stream> stream = co_await open_bytes(connection, "bench.sink");
  if (!stream) {
    co_return fail(std::move(stream).error());
  }
  while (now() < until) {
    const Result<void> written = co_await stream->write(pattern);
    if (!written) {
      break;  // the read below says why
    }
  }
  (void)co_await stream->write(Chunk{}, true);
  const Result<Bytes> answer = co_await stream->read_exactly(3 * sizeof(std::uint64_t));
  if (!answer) {
    co_return fail(explain(answer.error()));
  }
  wire::Reader reader(*answer);
  Share share;
  share.bytes = reader.u64();
  (void)reader.u64();  // from first to last byte; the whole measurement is timed here
  share.remote_cpu = reader.u64() * kMicrosecond;
  co_return share;
}

Task<Result<Share>> download_one(Connection connection, Duration duration) {
  Result<Stream> stream = co_await open_bytes(connection, "bench.source");
  if (!stream) {
    co_return fail(std::move(stream).error());
  }
  Bytes request;
  wire::Writer(request).u64(duration);
  (void)co_await stream->write(Chunk(std::move(request)), true);
  Share share;
  for (;;) {
    const Result<Chunk> chunk = co_await stream->read();
    if (!chunk) {
      co_return fail(explain(chunk.error()));
    }
    if (chunk->size() == 0) {
      co_return share;
    }
    share.bytes += chunk->size();
  }
}

void start(const std::shared_ptr<Group>& group, const Connection& connection,
           Task<Result<Share>> task) {
  ++group->running;
  asio::co_spawn(
      connection.executor(), std::move(task),
      asio::bind_executor(
          connection.executor(), [group](const std::exception_ptr& thrown, Result<Share> share) {
            if (thrown) {
              share = fail("stoq.cancelled", "a measuring stream broke off");
            }
            if (share) {
              group->sum.bytes += share->bytes;
              // Every stream reports the same process: the longest report covers the others.
              group->sum.remote_cpu = std::max(group->sum.remote_cpu, share->remote_cpu);
            } else {
              group->error = std::move(share).error();
            }
            --group->running;
            group->changed.notify();
          }));
}

Task<Result<BenchReport>> finish(std::shared_ptr<Group> group, std::size_t streams,
                                 Timestamp started, Duration cpu_started) {
  while (group->running > 0) {
    co_await group->changed.wait();
  }
  if (group->error) {
    co_return fail(*group->error);
  }
  co_return BenchReport{.acknowledged_bytes = group->sum.bytes,
                        .seconds = seconds(now() - started),
                        .streams = streams,
                        .cpu_seconds_local = seconds(cpu_time() - cpu_started),
                        .cpu_seconds_remote = seconds(group->sum.remote_cpu)};
}

}  // namespace

void add_bench_services(ByteServices& services) {
  services.add("bench.sink", sink);
  services.add("bench.source", source);
  services.add("bench.echo", echo);
}

Task<Result<BenchReport>> bench_upload(Connection connection, std::size_t streams,
                                       Duration duration) {
  streams = std::clamp<std::size_t>(streams, 1, kStreamsMax);
  const auto group = std::make_shared<Group>(connection.executor());
  const Chunk pattern = make_pattern();
  const Duration cpu_started = cpu_time();
  const Timestamp started = now();
  for (std::size_t i = 0; i < streams; ++i) {
    start(group, connection,
          upload_one(connection, pattern, started + std::min(duration, kDurationMax)));
  }
  co_return co_await finish(group, streams, started, cpu_started);
}

Task<Result<BenchReport>> bench_download(Connection connection, std::size_t streams,
                                         Duration duration) {
  streams = std::clamp<std::size_t>(streams, 1, kStreamsMax);
  const auto group = std::make_shared<Group>(connection.executor());
  const Duration cpu_started = cpu_time();
  const Timestamp started = now();
  for (std::size_t i = 0; i < streams; ++i) {
    start(group, connection, download_one(connection, duration));
  }
  co_return co_await finish(group, streams, started, cpu_started);
}

Task<Result<std::vector<Duration>>> bench_echo(Connection connection, Duration duration) {
  Result<Stream> stream = co_await open_bytes(connection, "bench.echo");
  if (!stream) {
    co_return fail(std::move(stream).error());
  }
  std::vector<Duration> round_trips;
  const Chunk message = make_pattern().prefix(kEchoSize);
  const Timestamp until = now() + std::min(duration, kDurationMax);
  for (Timestamp sent = now(); sent < until && round_trips.size() < kRoundTripsMax;) {
    (void)co_await stream->write(message);
    const Result<Bytes> answer = co_await stream->read_exactly(kEchoSize);
    if (!answer) {
      co_return fail(explain(answer.error()));
    }
    const Timestamp back = now();
    round_trips.push_back(back - sent);
    sent = back;
  }
  (void)co_await stream->write(Chunk{}, true);
  co_return round_trips;
}

}  // namespace i2::stoq
