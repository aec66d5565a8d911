// STOP_SENDING reaches writers that do not write: ngtcp2 has no callback for it.
#include <algorithm>

#include "fixture.h"

namespace i2::stoq::core {
namespace {

constexpr auto kRefused = static_cast<std::uint64_t>(AppError::kRefused);

class StopTest : public CoreTest {
 protected:
  void pair(const EndpointConfig& config = {}) {
    add("alpha", config);
    add("beta", config);
    connect();
  }
  // A stream of the client that the server has got the first ten bytes of.
  StreamId open() {
    const auto id = client().open_stream(StreamType::kBytes, true);
    EXPECT_TRUE(id);
    EXPECT_TRUE(client().write(*id, Chunk(Bytes(10))));
    EXPECT_TRUE(network_.run_until([&] { return server().stream_type(*id).has_value(); }));
    return *id;
  }
  [[nodiscard]] bool stopped(std::size_t host, StreamId id) {
    return std::ranges::any_of(network_.host(host).events, [&](const Event& event) {
      return event.kind == EventKind::kStreamStopped && event.stream == id;
    });
  }
  bool wait_stopped(std::size_t host, StreamId id) {
    return network_.run_until([&] { return stopped(host, id); }, 5 * kSecond);
  }
  // Everything the client has to read on the stream.
  [[nodiscard]] Bytes answer(StreamId id) {
    Bytes out;
    for (;;) {
      const auto result = client().read(id);
      EXPECT_TRUE(result);
      if (!result || result->data.size() == 0) {
        return out;
      }
      append(out, result->data.view());
    }
  }
};

TEST_F(StopTest, WhileTheStreamWindowBlocks) {
  EndpointConfig config;
  config.stream_window = 64 * 1024;
  pair(config);
  const StreamId id = open();
  ASSERT_TRUE(client().write(id, Chunk(Bytes(1'000'000))));
  network_.run_for(5 * kSecond);
  EXPECT_GT(client().unsent(id), 900'000u);
  server().stop_sending(id, kRefused);
  ASSERT_TRUE(wait_stopped(0, id));
  EXPECT_EQ(client().unsent(id), 0u);
  EXPECT_EQ(client().write(id, Chunk(Bytes(1))).error().code(), "stoq.stream_closed");
  // The other direction goes on.
  ASSERT_TRUE(server().write(id, Chunk(Bytes(7, 0x5a)), true));
  network_.run_for(kSecond);
  EXPECT_EQ(answer(id), Bytes(7, 0x5a));
}

TEST_F(StopTest, WhileTheConnectionWindowBlocksAndAnotherStreamIsFirst) {
  EndpointConfig config;
  config.connection_window = 64 * 1024;
  pair(config);
  const StreamId first = open();
  const StreamId second = open();
  ASSERT_TRUE(client().write(first, Chunk(Bytes(1'000'000))));
  network_.run_for(kSecond);
  ASSERT_TRUE(client().write(second, Chunk(Bytes(1'000'000))));
  client().want_writable(second);
  network_.run_for(kSecond);
  server().stop_sending(second, kRefused);
  EXPECT_TRUE(wait_stopped(0, second));
  EXPECT_FALSE(stopped(0, first));
}

TEST_F(StopTest, WhileAnAcknowledgementIsAwaitedThatNeverComes) {
  pair();
  const StreamId id = open();
  network_.filter = [](std::size_t from, std::size_t, ByteView) { return from != 0; };
  ASSERT_TRUE(client().write(id, Chunk(Bytes(100))));
  client().want_acknowledged(id);
  network_.run_for(10 * kMillisecond);
  EXPECT_EQ(client().unsent(id), 0u);
  server().stop_sending(id, kRefused);
  network_.run_for(50 * kMillisecond);
  network_.filter = nullptr;
  EXPECT_TRUE(wait_stopped(0, id));
  EXPECT_FALSE(find_event(0, EventKind::kStreamAcknowledged));
}

TEST_F(StopTest, WhileNothingIsWrittenYet) {
  pair();
  const StreamId id = open();
  server().want_stopped(id);
  network_.run_for(kSecond);
  EXPECT_FALSE(stopped(1, id));
  client().stop_sending(id, kRefused);
  ASSERT_TRUE(wait_stopped(1, id));
  EXPECT_EQ(server().write(id, Chunk(Bytes(1))).error().code(), "stoq.stream_closed");
}

TEST_F(StopTest, IsNotWhatThisSideDidItself) {
  pair();
  const StreamId finished = open();
  const StreamId reset = open();
  client().want_stopped(finished);
  client().want_stopped(reset);
  ASSERT_TRUE(client().write(finished, Chunk(), true));
  client().reset_stream(reset, kRefused);
  network_.run_for(kSecond);
  EXPECT_FALSE(find_event(0, EventKind::kStreamStopped));
  // Released while it is watched.
  const StreamId dropped = open();
  client().want_stopped(dropped);
  client().release_stream(dropped);
  server().release_stream(dropped);
  network_.run_for(kSecond);
  EXPECT_FALSE(stopped(0, dropped));
}

}  // namespace
}  // namespace i2::stoq::core
