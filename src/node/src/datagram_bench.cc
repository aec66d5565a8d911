#include "datagram_bench.h"

#include <i2/rt/clock.h>
#include <i2/wire/reader.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <ctime>
#include <memory>

namespace i2::node {
namespace asio = boost::asio;

namespace {

constexpr std::string_view kService = "bench.datagrams";
constexpr std::uint8_t kData = 0;
constexpr std::uint8_t kEnd = 1;
constexpr std::uint8_t kReady = 1;
constexpr std::size_t kAnswerSize = 24;
constexpr Duration kEndInterval = 20 * kMillisecond;

std::uint64_t cpu_microseconds() {
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<std::uint64_t>(used.tv_sec) * 1'000'000 +
         static_cast<std::uint64_t>(used.tv_nsec) / 1'000;
}

Task<> count(stoq::Connection connection, stoq::Stream stream) {
  if (!co_await stream.write(stoq::Chunk(Bytes{kReady}))) {
    co_return;
  }
  const std::uint64_t cpu_start = cpu_microseconds();
  std::uint64_t datagrams = 0;
  std::uint64_t bytes = 0;
  for (;;) {
    const auto datagram = co_await connection.receive_datagram();
    if (!datagram) {
      co_return;
    }
    if (datagram->size() > 0 && datagram->view().front() == kEnd) {
      break;
    }
    ++datagrams;
    bytes += datagram->size();
  }
  Bytes answer;
  wire::Writer w(answer);
  w.u64(datagrams);
  w.u64(bytes);
  w.u64(cpu_microseconds() - cpu_start);
  (void)co_await stream.write(stoq::Chunk(std::move(answer)), true);
  (void)co_await stream.flush();
}

// Until `answered`: end markers, as any of them may be lost.
Task<> send_ends(stoq::Connection connection, std::shared_ptr<bool> answered) {
  while (!*answered && connection.is_open()) {
    (void)connection.send_datagram(stoq::Chunk(Bytes{kEnd}));
    co_await rt::sleep_for(std::chrono::nanoseconds(kEndInterval));
  }
}

}  // namespace

void add_datagram_bench(stoq::ByteServices& services) {
  services.add(std::string(kService), [](stoq::Connection connection, stoq::Stream stream) {
    return count(std::move(connection), std::move(stream));
  });
}

Task<Result<DatagramReport>> datagram_upload(stoq::Connection connection, Duration duration) {
  DatagramReport out;
  out.size = connection.datagram_size_max();
  if (out.size == 0) {
    co_return fail("stoq.datagram_too_large", "the peer takes no datagrams");
  }
  const auto executor = co_await asio::this_coro::executor;
  I2_CO_TRY_VALUE(stoq::Stream stream,
                  co_await stoq::open_bytes(connection, std::string(kService)));
  // Datagrams go out in front of stream data: without waiting they would all come before the
  // stream.
  if (const auto ready = co_await stream.read_exactly(1); !ready) {
    co_return fail(stoq::explain(ready.error()));
  }
  const stoq::Chunk data(Bytes(out.size, kData));
  const rt::SystemClock clock;
  const std::uint64_t cpu_start = cpu_microseconds();
  const Timestamp start = clock.now();
  while (clock.now() - start < duration) {
    const auto sent = connection.send_datagram(data);
    if (sent) {
      ++out.sent;
    } else if (sent.error().is("stoq.overloaded")) {
      co_await asio::post(executor, asio::use_awaitable);  // the queue is full: let it be sent
    } else {
      co_return fail(sent.error());
    }
  }
  out.seconds = static_cast<double>(clock.now() - start) * 1e-9;
  const auto answered = std::make_shared<bool>(false);
  asio::co_spawn(executor, send_ends(connection, answered), [](const std::exception_ptr&) {});
  const auto answer = co_await stream.read_exactly(kAnswerSize);
  *answered = true;
  if (!answer) {
    co_return fail(stoq::explain(answer.error()));
  }
  wire::Reader r(*answer);
  out.received = r.u64();
  out.received_bytes = r.u64();
  out.cpu_seconds_remote = static_cast<double>(r.u64()) * 1e-6;
  out.cpu_seconds_local = static_cast<double>(cpu_microseconds() - cpu_start) * 1e-6;
  co_return out;
}

}  // namespace i2::node
