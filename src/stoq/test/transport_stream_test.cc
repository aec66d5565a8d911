// Streams, datagrams and pings over real sockets.
#include <algorithm>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <map>

#include "nodes.h"

namespace i2::stoq::test {
namespace {

constexpr auto kCancelled = static_cast<std::int64_t>(AppError::kCancelled);
constexpr auto kRefused = static_cast<std::int64_t>(AppError::kRefused);

Bytes numbered(std::size_t size, std::uint8_t first = 0) {
  Bytes out(size);
  for (std::size_t i = 0; i < size; ++i) {
    out[i] = static_cast<std::uint8_t>(first + i * 7);
  }
  return out;
}

// A stream of the client with its first byte, and the server's end of it, which has read that.
struct Ends {
  Stream client;
  Stream server;
};
Task<Ends> open(Connection client, Connection server, bool bidirectional = true) {
  auto ours = co_await client.open_stream(StreamType::kBytes, bidirectional);
  EXPECT_TRUE(ours);
  EXPECT_TRUE(co_await ours->write(Chunk(Bytes{'!'})));
  auto theirs = co_await server.accept_stream();
  EXPECT_TRUE(theirs);
  const auto first = co_await theirs->read_exactly(1);
  EXPECT_EQ(first.value_or(Bytes{}), Bytes{'!'});
  co_return Ends{*ours, *theirs};
}

template <class T>
using Outcome = std::shared_ptr<std::optional<Result<T>>>;

template <class T>
Task<void> record(Task<Result<T>> call, Outcome<T> out) {
  *out = co_await std::move(call);
}

// Starts a call that will have to wait.
template <class T>
Outcome<T> start(const Connection& connection, Task<Result<T>> call) {
  auto out = std::make_shared<std::optional<Result<T>>>();
  asio::co_spawn(connection.executor(), record(std::move(call), out), asio::detached);
  return out;
}

// Lets everything happen that is under way between the two.
Task<void> settle(Connection client, Connection server) {
  EXPECT_TRUE(co_await client.ping());
  EXPECT_TRUE(co_await server.ping());
}

template <class T>
Task<std::string> code_of(Outcome<T> outcome, Connection client, Connection server) {
  const auto until = std::chrono::steady_clock::now() + kPatience / 2;
  while (!*outcome && std::chrono::steady_clock::now() < until) {
    co_await settle(client, server);
  }
  if (!*outcome) {
    co_return "still waiting";
  }
  co_return (*outcome)->has_value() ? "" : (*outcome)->error().code();
}

class StreamTest : public PairTest {
 protected:
  void SetUp() override {
    core::EndpointConfig config;
    config.streams_bidi_max = 3;
    config.streams_uni_max = 2;  // one of them is the control stream
    config.stream_window = 64 * 1024;
    config.datagram_queue_max = 4;
    connect(config);
  }
};

Task<void> both_ways(Connection client, Connection server) {
  Ends ends = co_await open(client, server);
  EXPECT_EQ(ends.server.type(), static_cast<std::uint64_t>(StreamType::kBytes));
  EXPECT_EQ(ends.server.id(), ends.client.id());
  const Bytes question = numbered(100'000, 1);
  const Bytes answer = numbered(30'000, 2);
  const auto sending = start(client, ends.client.write(Chunk(Bytes(question)), true));
  const auto asked = co_await ends.server.read_exactly(question.size());
  EXPECT_TRUE(asked && *asked == question);
  const auto end = co_await ends.server.read();
  EXPECT_TRUE(end && end->size() == 0);
  EXPECT_EQ(co_await code_of(sending, client, server), "");

  EXPECT_TRUE(co_await ends.server.write(Chunk(Bytes(answer)), true));
  EXPECT_TRUE(co_await ends.server.flush());
  Bytes got;
  for (;;) {
    const auto piece = co_await ends.client.read(1'000);
    EXPECT_TRUE(piece);
    if (!piece || piece->size() == 0) {
      break;
    }
    EXPECT_LE(piece->size(), 1'000u);
    append(got, piece->view());
  }
  EXPECT_TRUE(got == answer);
  const auto late = co_await ends.client.write(Chunk(Bytes(1)));
  EXPECT_EQ(late.error().code(), "stoq.stream_closed");
}

TEST_F(StreamTest, CarriesBytesBothWays) {
  on_worker(both_ways(client_, server_));
}

Task<void> short_read(Connection client, Connection server) {
  Ends ends = co_await open(client, server);
  EXPECT_TRUE(co_await ends.client.write(Chunk(numbered(10)), true));
  const auto got = co_await ends.server.read_exactly(11);
  EXPECT_EQ(got.error().code(), "stoq.stream_ended");
}

TEST_F(StreamTest, SaysThatItEndedEarly) {
  on_worker(short_read(client_, server_));
}

Task<void> slow_reader(Connection client, Connection server) {
  Ends ends = co_await open(client, server);
  constexpr std::size_t kSize = 5 * 1024 * 1024;
  const auto writing = start(client, ends.client.write(Chunk(Bytes(kSize, 1))));
  co_await settle(client, server);
  EXPECT_FALSE(*writing) << "more than 4 MiB are waiting to be sent";
  const auto flushing = start(client, ends.client.flush());
  std::size_t received = 0;
  while (received < kSize) {
    const auto chunk = co_await ends.server.read();
    if (!chunk || chunk->size() == 0) {
      break;
    }
    received += chunk->size();
    if (received < kSize / 2) {
      EXPECT_FALSE(*flushing) << "acknowledged before it was sent";
    }
  }
  EXPECT_EQ(received, kSize);
  EXPECT_EQ(co_await code_of(writing, client, server), "");
  EXPECT_EQ(co_await code_of(flushing, client, server), "");
}

TEST_F(StreamTest, WritesWaitForASlowReader) {
  on_worker(slow_reader(client_, server_));
}

Task<void> reset_by_the_writer(Connection client, Connection server) {
  Ends ends = co_await open(client, server);
  const auto writing = start(client, ends.client.write(Chunk(Bytes(5 * 1024 * 1024, 1))));
  const auto flushing = start(client, ends.client.flush());
  co_await settle(client, server);
  EXPECT_FALSE(*writing || *flushing);
  ends.client.reset(AppError::kCancelled);
  EXPECT_EQ(co_await code_of(writing, client, server), "stoq.stream_closed");
  EXPECT_EQ(co_await code_of(flushing, client, server), "stoq.stream_closed");
  const auto later = co_await ends.client.write(Chunk(Bytes(1)));
  EXPECT_EQ(later.error().code(), "stoq.stream_closed");
  // What came before the reset may still be read.
  std::optional<Error> end;
  while (!end) {
    const auto chunk = co_await ends.server.read();
    if (!chunk) {
      end = chunk.error();
    } else if (chunk->size() == 0) {
      end = Error("stoq.stream_ended", "not reset");
    }
  }
  EXPECT_EQ(end->code(), "stoq.stream_reset");
  EXPECT_EQ(end->native(), kCancelled);
  // The other direction goes on.
  EXPECT_TRUE(co_await ends.server.write(Chunk(Bytes(5, 9)), true));
  EXPECT_EQ((co_await ends.client.read_exactly(5)).value_or(Bytes{}), Bytes(5, 9));
}

TEST_F(StreamTest, AResetEndsOneDirection) {
  on_worker(reset_by_the_writer(client_, server_));
}

Task<void> stopped_by_the_reader(Connection client, Connection server) {
  Ends ends = co_await open(client, server);
  const auto writing = start(client, ends.client.write(Chunk(Bytes(5 * 1024 * 1024, 1))));
  const auto flushing = start(client, ends.client.flush());
  const auto reading = start(server, ends.server.read_exactly(10 * 1024 * 1024));
  co_await settle(client, server);
  EXPECT_FALSE(ends.client.peer_stopped());
  ends.server.stop(AppError::kRefused);
  EXPECT_EQ(co_await code_of(writing, client, server), "stoq.stream_closed");
  EXPECT_EQ(co_await code_of(flushing, client, server), "stoq.stream_closed");
  EXPECT_EQ(co_await code_of(reading, client, server), "stoq.stream_closed");
  EXPECT_TRUE(ends.client.peer_stopped());
  EXPECT_TRUE(co_await ends.server.write(Chunk(Bytes(5, 9)), true));
  EXPECT_EQ((co_await ends.client.read_exactly(5)).value_or(Bytes{}), Bytes(5, 9));
}

TEST_F(StreamTest, AStopReachesAWriterThatFlowControlBlocks) {
  on_worker(stopped_by_the_reader(client_, server_));
}

Task<Result<void>> until_stopped(Stream stream) {
  while (!stream.peer_stopped()) {
    co_await stream.changed();
  }
  co_return Result<void>{};
}

Task<void> stopped_before_the_answer(Connection client, Connection server) {
  Ends ends = co_await open(client, server);
  const auto preparing = start(server, until_stopped(ends.server));
  co_await settle(client, server);
  EXPECT_FALSE(*preparing);
  ends.client.stop(AppError::kCancelled);
  EXPECT_EQ(co_await code_of(preparing, client, server), "");
  EXPECT_TRUE(ends.server.peer_stopped());
}

TEST_F(StreamTest, AStopReachesWhoHasNotWrittenYet) {
  on_worker(stopped_before_the_answer(client_, server_));
}

Task<void> dropped(Connection client, Connection server) {
  Ends ends = co_await open(client, server);
  const auto reading = start(server, ends.server.read());
  {
    const Stream copy = ends.client;
    ends.client = {};
    co_await settle(client, server);
    EXPECT_FALSE(*reading) << "a copy is still there";
  }
  EXPECT_EQ(co_await code_of(reading, client, server), "stoq.stream_reset");
  EXPECT_EQ((*reading)->error().native(), kCancelled);
  const auto written = co_await ends.server.write(Chunk(Bytes(1)));
  EXPECT_EQ(written.error().code(), "stoq.stream_closed");
}

TEST_F(StreamTest, TheLastCopyReleasesIt) {
  on_worker(dropped(client_, server_));
}

Task<void> limits(Connection client, Connection server, bool bidirectional, std::size_t allowed) {
  std::vector<Ends> all;
  for (std::size_t i = 0; i < allowed; ++i) {
    all.push_back(co_await open(client, server, bidirectional));
  }
  const auto refused = client.try_open_stream(StreamType::kBytes, bidirectional);
  EXPECT_EQ(refused.error().code(), "stoq.streams_exhausted");
  const auto waiting = start(client, client.open_stream(StreamType::kBytes, bidirectional));
  co_await settle(client, server);
  EXPECT_FALSE(*waiting);
  all.pop_back();  // both ends let go of one
  EXPECT_EQ(co_await code_of(waiting, client, server), "");
}

TEST_F(StreamTest, BeyondTheLimitOpeningWaits) {
  on_worker(limits(client_, server_, true, 3));
  on_worker(limits(client_, server_, false, 1));
}

Task<void> given_up(Connection client, Connection server) {
  using namespace asio::experimental::awaitable_operators;
  Ends ends = co_await open(client, server);
  for (int i = 0; i < 20; ++i) {
    const auto first = co_await (ends.server.read() || rt::sleep_for(std::chrono::milliseconds(1)));
    EXPECT_EQ(first.index(), 1u) << "nothing was sent";
  }
  EXPECT_TRUE(co_await ends.client.write(Chunk(Bytes(3, 7)), true));
  EXPECT_EQ((co_await ends.server.read_exactly(3)).value_or(Bytes{}), Bytes(3, 7));
}

TEST_F(StreamTest, AReadThatWasGivenUpTakesNothingWithIt) {
  on_worker(given_up(client_, server_));
}

// --- the end of the connection

Task<void> closed_with(Connection client, Connection server) {
  Ends ends = co_await open(client, server);
  const auto read = start(server, ends.server.read());
  const auto write = start(server, ends.server.write(Chunk(Bytes(5 * 1024 * 1024))));
  const auto flush = start(server, ends.server.flush());
  const auto accept = start(server, server.accept_stream());
  const auto datagram = start(server, server.receive_datagram());
  co_await settle(client, server);
  client.close(AppError::kRefused);
  EXPECT_EQ((co_await client.closed()).code(), "stoq.closed");
  const Error why = co_await server.closed();
  EXPECT_EQ(why.code(), "stoq.refused");
  EXPECT_EQ(why.native(), kRefused);
  EXPECT_FALSE(client.is_open());
  EXPECT_FALSE(server.is_open());
  co_await rt::switch_to(server.executor());  // behind what was resumed
  EXPECT_TRUE(*read && (*read)->error().is("stoq.refused"));
  EXPECT_TRUE(*write && (*write)->error().is("stoq.refused"));
  EXPECT_TRUE(*flush && (*flush)->error().is("stoq.refused"));
  EXPECT_TRUE(*accept && (*accept)->error().is("stoq.refused"));
  EXPECT_TRUE(*datagram && (*datagram)->error().is("stoq.refused"));
  EXPECT_EQ(server.try_open_stream(StreamType::kBytes).error().code(), "stoq.refused");
  EXPECT_EQ((co_await server.ping()).error().code(), "stoq.refused");
  EXPECT_EQ(server.send_datagram(Chunk(Bytes(1))).error().code(), "stoq.refused");
  EXPECT_EQ(server.peer().name, "alice");
}

TEST_F(StreamTest, TheEndOfTheConnectionEndsEveryCall) {
  on_worker(closed_with(client_, server_));
}

// --- datagrams and pings

Task<void> datagrams(Connection client, Connection server) {
  EXPECT_GT(client.datagram_size_max(), 1'000u);
  const auto waiting = start(server, server.receive_datagram());
  EXPECT_TRUE(client.send_datagram(Chunk(numbered(1'000))));
  EXPECT_EQ(co_await code_of(waiting, client, server), "");
  EXPECT_TRUE(*waiting && **waiting && to_bytes((**waiting)->view()) == numbered(1'000));

  const auto large = client.send_datagram(Chunk(Bytes(client.datagram_size_max() + 1)));
  EXPECT_EQ(large.error().code(), "stoq.datagram_too_large");
  // Nobody receives: the oldest give way. Nobody sends: the newest are refused.
  for (std::uint8_t i = 0; i < 20; ++i) {
    EXPECT_TRUE(client.send_datagram(Chunk(Bytes(10, i))));
    co_await settle(client, server);
  }
  for (std::uint8_t i = 16; i < 20; ++i) {
    const auto datagram = co_await server.receive_datagram();
    EXPECT_TRUE(datagram && to_bytes(datagram->view()) == Bytes(10, i)) << int{i};
  }
  std::size_t taken = 0;
  while (client.send_datagram(Chunk(Bytes(10)))) {
    ++taken;
  }
  EXPECT_EQ(taken, 4u);
  EXPECT_EQ(client.send_datagram(Chunk(Bytes(10))).error().code(), "stoq.overloaded");
}

TEST_F(StreamTest, DatagramsArriveOrAreRefused) {
  on_worker(datagrams(client_, server_));
}

Task<void> pings(Connection client, Connection server) {
  constexpr std::size_t kUnderWay = 64;
  std::vector<Outcome<Duration>> all;
  for (std::size_t i = 0; i < kUnderWay + 3; ++i) {
    all.push_back(start(client, client.ping()));
  }
  std::map<std::string, int> codes;
  for (const auto& one : all) {
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (!*one && std::chrono::steady_clock::now() < until) {
      co_await rt::sleep_for(std::chrono::milliseconds(1));
    }
    EXPECT_TRUE(*one);
    if (*one) {
      ++codes[**one ? "" : (*one)->error().code()];
      EXPECT_TRUE(!**one || ***one > 0);
    }
  }
  EXPECT_EQ(codes, (std::map<std::string, int>{{"", kUnderWay}, {"stoq.overloaded", 3}}));
  co_await settle(client, server);
}

TEST_F(StreamTest, PingsUpToTheirLimit) {
  on_worker(pings(client_, server_));
}

Task<void> exporters(Connection client, Connection server) {
  const auto ours = client.export_keying_material("EXPORTER-a", as_bytes("context"), 48);
  const auto theirs = server.export_keying_material("EXPORTER-a", as_bytes("context"), 48);
  const auto other = server.export_keying_material("EXPORTER-b", as_bytes("context"), 48);
  EXPECT_TRUE(ours && theirs && other);
  EXPECT_EQ(*ours, *theirs);
  EXPECT_NE(*ours, *other);
  EXPECT_EQ(ours->size(), 48u);
  co_return;
}

TEST_F(StreamTest, BothEndsExportTheSameKeys) {
  EXPECT_TRUE(client_.is_client());
  EXPECT_FALSE(server_.is_client());
  EXPECT_EQ(client_.local_node(), server_.peer().node_id);
  on_worker(exporters(client_, server_));
}

}  // namespace
}  // namespace i2::stoq::test
