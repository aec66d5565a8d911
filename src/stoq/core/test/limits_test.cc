// Every table, queue and window of the transport has a limit (config.h) that holds.
#include <algorithm>

#include "fixture.h"

namespace i2::stoq::core {
namespace {

class LimitsTest : public TransferTest {
 protected:
  // Bytes that wait at host 1 for their reader, all streams together; takes them.
  std::uint64_t take_waiting() {
    std::uint64_t out = 0;
    for (const StreamId id : streams_) {
      for (;;) {
        const auto result = server().read(id);
        if (!result || result->data.size() == 0) {
          break;
        }
        out += result->data.size();
      }
    }
    return out;
  }
  void write_streams(std::size_t count, std::size_t size) {
    for (std::size_t i = 0; i < count; ++i) {
      streams_.push_back(start(client(), pattern(size, i)));
    }
  }
  std::vector<StreamId> streams_;
};

TEST_F(LimitsTest, ConnectionsOfAServer) {
  EndpointConfig two;
  two.connections_max = 2;
  add("alpha");
  add("beta", two);
  for (int i = 0; i < 2; ++i) {
    forget_events(0, EventKind::kConnected);
    ASSERT_TRUE(network_.connect(0, 1));
    ASSERT_TRUE(wait_event(0, EventKind::kConnected));
  }
  const std::uint64_t dropped = endpoint(1).stats().datagrams_dropped;
  forget_events(0, EventKind::kConnected);
  ASSERT_TRUE(network_.connect(0, 1));
  ASSERT_TRUE(network_.run_until([&] { return close_codes_.contains(0); }));
  EXPECT_EQ(close_codes_[0], "stoq.unreachable");
  EXPECT_GT(endpoint(1).stats().datagrams_dropped, dropped);
  EXPECT_EQ(endpoint(1).connection_count(), 2u);
  // The place of a connection that is over goes to the next.
  server().close(0, "");
  network_.run_for(5 * kSecond);
  forget_events(0, EventKind::kConnected);
  ASSERT_TRUE(network_.connect(0, 1));
  EXPECT_TRUE(wait_event(0, EventKind::kConnected));
  EXPECT_EQ(endpoint(1).connection_count(), 2u);
}

TEST_F(LimitsTest, ConnectionsOfAClient) {
  EndpointConfig two;
  two.connections_max = 2;
  add("alpha", two);
  add("beta");
  ASSERT_TRUE(network_.connect(0, 1));
  ASSERT_TRUE(network_.connect(0, 1));
  const auto third = network_.connect(0, 1);
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code(), "stoq.overloaded");
}

TEST_F(LimitsTest, UnfinishedHandshakesEvenOfProvenAddresses) {
  EndpointConfig two;
  two.handshakes_max = 2;
  add("alpha");
  add("beta", two);
  network_.speechless = {0};  // HELLO never comes: the handshakes stay unfinished for ten seconds
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(network_.connect(0, 1));
    network_.run_for(kSecond);
  }
  EXPECT_EQ(endpoint(1).connection_count(), 2u);
  EXPECT_EQ(endpoint(1).stats().connections_accepted, 2u);
  network_.speechless = {};
  network_.run_for(60 * kSecond);
  ASSERT_TRUE(network_.connect(0, 1));
  EXPECT_TRUE(wait_event(0, EventKind::kConnected));
}

TEST_F(LimitsTest, StreamsOfBothKinds) {
  EndpointConfig few;
  few.streams_bidi_max = 3;
  few.streams_uni_max = 3;  // one of them is the control stream
  pair(few);
  for (const auto& [bidirectional, count] : {std::pair(true, 3), std::pair(false, 2)}) {
    SCOPED_TRACE(bidirectional);
    std::vector<StreamId> ids;
    for (int i = 0; i < count; ++i) {
      const auto id = client().open_stream(StreamType::kBytes, bidirectional);
      ASSERT_TRUE(id);
      ASSERT_TRUE(client().write(*id, Chunk(pattern(10)), true));
      ids.push_back(*id);
    }
    const auto more = [&] { return client().open_stream(StreamType::kBytes, bidirectional); };
    EXPECT_EQ(more().error().code(), "stoq.streams_exhausted");
    network_.run_for(kSecond);
    // Read to the end, but the application holds on to it: its place is not free.
    read_all(server(), ids[0]);
    ASSERT_EQ(finished_.back(), ids[0]);
    network_.run_for(kSecond);
    EXPECT_EQ(more().error().code(), "stoq.streams_exhausted");
    forget_events(0, EventKind::kStreamsAvailable);
    server().release_stream(ids[0]);
    client().release_stream(ids[0]);
    ASSERT_TRUE(wait_event(0, EventKind::kStreamsAvailable));
    EXPECT_TRUE(more());
    EXPECT_EQ(more().error().code(), "stoq.streams_exhausted");
  }
}

TEST_F(LimitsTest, UnreadBytesOfOneStream) {
  EndpointConfig config;
  config.stream_window = 20'000;
  pair(config);
  write_streams(1, 1'000'000);
  network_.run_for(20 * kSecond);
  EXPECT_EQ(take_waiting(), 20'000u - 1);  // the type took one
  EXPECT_EQ(client().unsent(streams_[0]), 1'000'000u - (20'000 - 1));
}

TEST_F(LimitsTest, UnreadBytesOfOneConnection) {
  EndpointConfig config;
  config.stream_window = 20'000;
  config.connection_window = 50'000;
  pair(config);
  write_streams(10, 100'000);
  network_.run_for(20 * kSecond);
  const std::uint64_t waiting = take_waiting();
  EXPECT_LE(waiting, 50'000u);
  EXPECT_GE(waiting, 48'000u);  // SETTINGS and HELLO came before, and gave their credit back late
}

TEST_F(LimitsTest, ASlowReaderNeverHasMoreThanTheWindow) {
  EndpointConfig config;
  config.stream_window = 20'000;
  config.connection_window = 50'000;
  pair(config);
  constexpr std::size_t kStreams = 5;
  constexpr std::size_t kSize = 100'000;
  write_streams(kStreams, kSize);
  std::uint64_t taken = 0;
  std::uint64_t largest = 0;
  for (int i = 0; i < 200 && taken < kStreams * kSize; ++i) {
    network_.run_for(kSecond);
    const std::uint64_t waiting = take_waiting();
    largest = std::max(largest, waiting);
    taken += waiting;
  }
  EXPECT_EQ(taken, kStreams * kSize);
  EXPECT_LE(largest, 50'000u);
}

TEST_F(LimitsTest, ReceivedDatagramsOfWhichTheOldestGo) {
  EndpointConfig config;
  config.datagram_queue_max = 4;
  pair(config);
  for (std::uint8_t i = 0; i < 10; ++i) {
    ASSERT_TRUE(client().send_datagram(Chunk(Bytes(100, i))));
    network_.run_for(100 * kMillisecond);
  }
  for (std::uint8_t i = 6; i < 10; ++i) {
    const auto datagram = server().take_datagram();
    ASSERT_TRUE(datagram);
    EXPECT_EQ(to_bytes(datagram->view()), Bytes(100, i));
  }
  EXPECT_FALSE(server().take_datagram());
}

TEST_F(LimitsTest, DatagramsThatWaitToBeSent) {
  EndpointConfig config;
  config.datagram_queue_max = 4;
  pair(config);
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(client().send_datagram(Chunk(Bytes(100))));
  }
  EXPECT_EQ(client().send_datagram(Chunk(Bytes(100))).error().code(), "stoq.overloaded");
  network_.run_for(100 * kMillisecond);
  EXPECT_TRUE(client().send_datagram(Chunk(Bytes(100))));
}

TEST_F(LimitsTest, DatagramsAPeerDoesNotTake) {
  EndpointConfig none;
  none.datagram_size_max = 0;
  add("alpha");
  add("beta", none);
  connect();
  EXPECT_EQ(client().datagram_size_max(), 0u);
  EXPECT_EQ(client().send_datagram(Chunk(Bytes(1))).error().code(), "stoq.datagram_too_large");
  (void)client().send_datagram(Chunk());
  network_.run_for(kSecond);
  EXPECT_TRUE(client().established() && server().established());
}

TEST_F(LimitsTest, PingsThatNobodyTook) {
  pair();
  for (std::uint64_t i = 0; i < 64; ++i) {
    ASSERT_TRUE(client().ping(i, network_.now()));
  }
  EXPECT_EQ(client().ping(64, network_.now()).error().code(), "stoq.overloaded");
  network_.run_for(kSecond);
  // All are answered, and the answers wait.
  EXPECT_EQ(client().ping(64, network_.now()).error().code(), "stoq.overloaded");
  for (std::uint64_t i = 0; i < 64; ++i) {
    const auto pong = client().take_pong();
    ASSERT_TRUE(pong);
    EXPECT_EQ(pong->sequence, i);
  }
  EXPECT_FALSE(client().take_pong());
  EXPECT_TRUE(client().ping(64, network_.now()));
}

}  // namespace
}  // namespace i2::stoq::core
