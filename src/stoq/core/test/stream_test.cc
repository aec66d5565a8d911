#include "fixture.h"

namespace i2::stoq::core {
namespace {

class StreamTest : public TransferTest {};

TEST_F(StreamTest, BytesArriveInOrderAndAreAcknowledged) {
  pair();
  collect();
  const Bytes sent = pattern(3'000'000);
  Connection c = client();
  const auto stream = c.open_stream(StreamType::kBytes, true);
  ASSERT_TRUE(stream);
  ASSERT_TRUE(c.write(*stream, Chunk(Bytes(sent)), true));
  c.want_acknowledged(*stream);
  ASSERT_TRUE(network_.run_until([&] { return !finished_.empty(); }));
  EXPECT_EQ(received_[*stream], sent);
  EXPECT_EQ(server().stream_type(*stream), static_cast<std::uint64_t>(StreamType::kBytes));
  ASSERT_TRUE(wait_event(0, EventKind::kStreamAcknowledged));
  EXPECT_EQ(c.unacknowledged(*stream), 0u);
}

TEST_F(StreamTest, LossReorderingAndDuplicationChangeNothing) {
  pair();
  collect();
  network_.link = {.delay = 10 * kMillisecond,
                   .jitter = 8 * kMillisecond,
                   .loss_per_million = 20'000,
                   .duplicate_per_million = 10'000,
                   .corrupt_per_million = 5'000};
  const Bytes sent = pattern(1'000'000);
  Connection c = client();
  const auto stream = c.open_stream(StreamType::kBytes, true);
  ASSERT_TRUE(c.write(*stream, Chunk(Bytes(sent)), true));
  ASSERT_TRUE(network_.run_until([&] { return !finished_.empty(); }, 120 * kSecond));
  EXPECT_EQ(received_[*stream], sent);
}

TEST_F(StreamTest, AReaderThatStopsHoldsTheSenderAtTheWindow) {
  EndpointConfig config;
  config.stream_window = 64 * 1024;
  pair(config);
  Connection c = client();
  const auto stream = c.open_stream(StreamType::kBytes, true);
  ASSERT_TRUE(c.write(*stream, Chunk(pattern(1'000'000)), true));
  network_.run_for(5 * kSecond);
  EXPECT_GT(c.unsent(*stream), 900'000u);
  collect();
  std::size_t total = 0;
  for (int i = 0; i < 200 && finished_.empty(); ++i) {
    const auto result = server().read(*stream);
    ASSERT_TRUE(result);
    total += result->data.size();
    if (result->finished) {
      break;
    }
    network_.run_for(50 * kMillisecond);
  }
  EXPECT_EQ(total + received_[*stream].size(), 1'000'000u);
}

TEST_F(StreamTest, AConnectionWindowSharedByManyStreamsDrains) {
  EndpointConfig config;
  config.connection_window = 128 * 1024;
  config.stream_window = 64 * 1024;
  pair(config);
  collect();
  Connection c = client();
  std::vector<StreamId> ids;
  for (int i = 0; i < 20; ++i) {
    ids.push_back(*c.open_stream(StreamType::kBytes, true));
    ASSERT_TRUE(c.write(ids.back(), Chunk(pattern(100'000, i)), true));
  }
  ASSERT_TRUE(network_.run_until([&] { return finished_.size() == 20; }));
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(received_[ids[i]], pattern(100'000, i));
  }
}

TEST_F(StreamTest, ResetAndStopCarryTheirCodes) {
  pair();
  collect();
  Connection c = client();
  const auto first = c.open_stream(StreamType::kBytes, true);
  ASSERT_TRUE(c.write(*first, Chunk(pattern(1000))));
  ASSERT_TRUE(network_.run_until([&] { return received_[*first].size() == 1000; }));
  c.reset_stream(*first, static_cast<std::uint64_t>(AppError::kCancelled));
  ASSERT_TRUE(network_.run_until([&] { return reset_.contains(*first); }));
  EXPECT_EQ(reset_[*first], static_cast<std::uint64_t>(AppError::kCancelled));
  EXPECT_FALSE(c.write(*first, Chunk(pattern(1))));

  const auto second = c.open_stream(StreamType::kBytes, true);
  ASSERT_TRUE(c.write(*second, Chunk(pattern(10))));
  ASSERT_TRUE(network_.run_until([&] { return received_[*second].size() == 10; }));
  server().stop_sending(*second, static_cast<std::uint64_t>(AppError::kRefused));
  network_.run_for(kSecond);
  ASSERT_TRUE(c.write(*second, Chunk(pattern(1))));
  ASSERT_TRUE(wait_event(0, EventKind::kStreamStopped));
  EXPECT_EQ(c.write(*second, Chunk(pattern(1))).error().code(), "stoq.stream_closed");
}

TEST_F(StreamTest, StreamLimitsBlockAndOpenAgain) {
  EndpointConfig config;
  config.streams_bidi_max = 3;
  pair(config);
  collect();
  Connection c = client();
  std::vector<StreamId> ids;
  for (int i = 0; i < 3; ++i) {
    ids.push_back(*c.open_stream(StreamType::kBytes, true));
    ASSERT_TRUE(c.write(ids.back(), Chunk(pattern(10)), true));
  }
  EXPECT_EQ(c.open_stream(StreamType::kBytes, true).error().code(), "stoq.streams_exhausted");
  ASSERT_TRUE(network_.run_until([&] { return finished_.size() == 3; }));
  ASSERT_TRUE(server().write(ids[0], Chunk(), true));
  server().release_stream(ids[0]);
  c.release_stream(ids[0]);
  ASSERT_TRUE(wait_event(0, EventKind::kStreamsAvailable));
  EXPECT_TRUE(c.open_stream(StreamType::kBytes, true));
}

TEST_F(StreamTest, GreaseStreamsAreIgnored) {
  pair();
  Connection c = client();
  const auto grease = c.open_stream(static_cast<StreamType>(0x21 + 0x1f * 7), true);
  ASSERT_TRUE(c.write(*grease, Chunk(pattern(100)), true));
  network_.run_for(kSecond);
  EXPECT_FALSE(find_event(1, EventKind::kStreamOpened));
  EXPECT_TRUE(server().established());
}

TEST_F(StreamTest, ASecondControlStreamEndsTheConnection) {
  pair();
  const auto second = client().open_stream(StreamType::kControl, false);
  ASSERT_TRUE(client().write(*second, Chunk(pattern(1))));
  ASSERT_TRUE(network_.run_until([&] { return close_codes_.contains(0); }));
  EXPECT_EQ(close_codes_[0], "stoq.protocol_violation");
}

TEST_F(StreamTest, DatagramsArriveAndTooLargeOnesAreRefused) {
  pair();
  Connection c = client();
  EXPECT_EQ(c.send_datagram(Chunk(pattern(70'000))).error().code(), "stoq.datagram_too_large");
  ASSERT_TRUE(c.send_datagram(Chunk(pattern(900))));
  ASSERT_TRUE(wait_event(1, EventKind::kDatagramReceived));
  const auto got = server().take_datagram();
  ASSERT_TRUE(got);
  EXPECT_EQ(to_bytes(got->view()), pattern(900));
}

TEST_F(StreamTest, PingMeasuresTheRoundTrip) {
  pair();
  network_.link.delay = 25 * kMillisecond;
  ASSERT_TRUE(client().ping(42, network_.now()));
  ASSERT_TRUE(wait_event(0, EventKind::kPong));
  const auto pong = client().take_pong();
  ASSERT_TRUE(pong);
  EXPECT_EQ(pong->sequence, 42u);
  EXPECT_GE(pong->round_trip, 50 * kMillisecond);
  EXPECT_LT(pong->round_trip, 80 * kMillisecond);
}

TEST_F(StreamTest, TheMtuLadderFindsThePath) {
  pair();
  network_.link.mtu = 9000;
  network_.run_for(20 * kSecond);
  EXPECT_EQ(client().path().mtu, 8952u);
}

TEST_F(StreamTest, AnIdleConnectionLivesByKeepAliveAndDiesSilentlyWithout) {
  pair();
  network_.run_for(100 * kSecond);
  EXPECT_TRUE(client().established());
  network_.filter = [](std::size_t, std::size_t, ByteView) { return false; };
  ASSERT_TRUE(network_.run_until([&] { return close_codes_.contains(0); }, 60 * kSecond));
  EXPECT_EQ(close_codes_[0], "stoq.idle_timeout");
  network_.run_for(10 * kSecond);
  EXPECT_EQ(endpoint(0).connection_count(), 0u);
}

TEST_F(StreamTest, ShutDownTellsThePeerAndLeavesNothing) {
  pair();
  endpoint(1).shut_down();
  ASSERT_TRUE(network_.run_until([&] { return close_codes_.contains(0); }));
  EXPECT_EQ(close_codes_[0], "stoq.going_away");
  network_.run_for(10 * kSecond);
  EXPECT_EQ(endpoint(0).connection_count(), 0u);
  EXPECT_EQ(endpoint(1).connection_count(), 0u);
}

TEST_F(StreamTest, RandomAndTruncatedDatagramsAreDropped) {
  pair();
  collect();
  std::vector<Bytes> captured;
  network_.filter = [&](std::size_t, std::size_t to, ByteView datagram) {
    if (to == 1 && captured.size() < 200) {
      captured.push_back(to_bytes(datagram));
    }
    return true;
  };
  const auto stream = client().open_stream(StreamType::kBytes, true);
  ASSERT_TRUE(client().write(*stream, Chunk(pattern(100'000))));
  network_.run_for(kSecond);
  testing::SeededRng rng(3);
  for (int i = 0; i < 2000; ++i) {
    Bytes datagram = pattern(1 + rng.next() % 1400, i);
    if (!captured.empty() && i % 2 == 0) {
      datagram = captured[rng.next() % captured.size()];
      if (i % 4 == 0) {
        datagram.resize(1 + rng.next() % datagram.size());
      } else {
        datagram[rng.next() % datagram.size()] ^= static_cast<std::uint8_t>(1u << rng.next() % 8);
      }
    }
    network_.inject(network_.host(0).address, 1, datagram);
  }
  network_.run_for(5 * kSecond);
  EXPECT_TRUE(server().established());
  ASSERT_TRUE(client().write(*stream, Chunk(pattern(1000)), true));
  ASSERT_TRUE(network_.run_until([&] { return !finished_.empty(); }));
  EXPECT_EQ(received_[*stream].size(), 101'000u);
  EXPECT_LE(endpoint(1).connection_count(), 2u);
}

}  // namespace
}  // namespace i2::stoq::core
