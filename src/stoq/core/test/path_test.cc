// Paths that change, shrink, mark and lose.
#include <algorithm>

#include "fixture.h"

namespace i2::stoq::core {
namespace {

class PathTest : public TransferTest {
 protected:
  // The NAT in front of host 0 forgets it and chooses this instead.
  SocketAddress rebind(std::uint16_t port, bool other_network = false) {
    SocketAddress outside = network_.host(0).address;
    outside.port = port;
    outside.ip[13] = other_network ? 0xaa : 0;
    network_.rebind(0, outside);
    return outside;
  }
  // Something comes back from the other direction: `from` sends, the other side collects.
  StreamId begin(std::size_t from, std::size_t size) {
    collect(1 - from);
    sent_ = pattern(size, size);
    return start(from == 0 ? client() : server(), sent_);
  }
  bool finish(StreamId id, Duration limit = 120 * kSecond) {
    const bool done = network_.run_until(
        [&] { return std::ranges::find(finished_, id) != finished_.end(); }, limit);
    return done && received_[id] == sent_;
  }
  bool transfer(std::size_t from, std::size_t size, Duration limit = 120 * kSecond) {
    return finish(begin(from, size), limit);
  }
  // As soon as this much of a stream has arrived.
  bool arrived(StreamId id, std::size_t size) {
    return network_.run_until([&] { return received_[id].size() >= size; });
  }
  Bytes sent_;
};

// --- another address

class RebindingTest : public PathTest, public ::testing::WithParamInterface<std::size_t> {};

TEST_P(RebindingTest, ATransferGoesOn) {
  pair();
  const StreamId id = begin(GetParam(), 2'000'000);
  ASSERT_TRUE(arrived(id, 500'000));
  const SocketAddress outside = rebind(40'000);
  // An address that is not validated gets three times what it sent: both directions need more.
  EXPECT_TRUE(finish(id));
  EXPECT_EQ(server().path().addresses.remote, outside);
  EXPECT_TRUE(client().established() && server().established());
  EXPECT_EQ(endpoint(1).connection_count(), 1u);
}

TEST_P(RebindingTest, ATransferGoesOnInAnotherNetworkAndBack) {
  pair();
  const SocketAddress home = network_.host(0).address;
  constexpr std::size_t kSize = 8'000'000;
  const StreamId id = begin(GetParam(), kSize);
  ASSERT_TRUE(arrived(id, 500'000));
  const SocketAddress away = rebind(40'000, true);
  ASSERT_TRUE(network_.run_until([&] { return server().path().addresses.remote == away; }));
  network_.run_for(20 * kMillisecond);  // a round trip, for the challenge of the new path
  ASSERT_LT(received_[id].size(), kSize);
  network_.rebind(0, home);
  EXPECT_TRUE(finish(id));
  EXPECT_EQ(server().path().addresses.remote, home);
}

TEST_P(RebindingTest, ATransferGoesOnOverABadPath) {
  pair();
  network_.link = {.delay = 20 * kMillisecond,
                   .jitter = 15 * kMillisecond,
                   .loss_per_million = 30'000,
                   .duplicate_per_million = 10'000,
                   .corrupt_per_million = 5'000};
  const StreamId id = begin(GetParam(), 1'000'000);
  for (std::uint16_t i = 1; i <= 4; ++i) {
    ASSERT_TRUE(arrived(id, i * 200'000u));
    (void)rebind(static_cast<std::uint16_t>(40'000 + i), i % 2 == 0);
  }
  EXPECT_TRUE(finish(id, 300 * kSecond));
}

INSTANTIATE_TEST_SUITE_P(From, RebindingTest, ::testing::Values(0, 1),
                         [](const auto& made) { return made.param == 0 ? "Client" : "Server"; });

TEST_F(PathTest, AnIdleConnectionFollowsItsClient) {
  pair();
  network_.run_for(20 * kSecond);
  const SocketAddress outside = rebind(40'000);
  network_.run_for(40 * kSecond);  // the keep-alive carries the news
  EXPECT_EQ(server().path().addresses.remote, outside);
  EXPECT_TRUE(transfer(1, 100'000, 5 * kSecond));
}

// RFC 9000 §9.3.1: somebody repeats a packet from an address of his choice.
TEST_F(PathTest, AVictimGetsNoMoreThanThreeTimesWhatCameInItsName) {
  pair();
  add("victim");
  const StreamId id = begin(1, 2'000'000);
  ASSERT_TRUE(arrived(id, 500'000));
  Bytes stolen;
  std::uint64_t to_victim = 0;
  network_.filter = [&](std::size_t from, std::size_t to, ByteView datagram) {
    if (from == 0 && stolen.empty()) {
      stolen = to_bytes(datagram);
      network_.inject(network_.host(2).address, 1, stolen);
      return false;
    }
    to_victim += to == 2 ? datagram.size() : 0;
    return to != 2;
  };
  EXPECT_TRUE(finish(id));
  EXPECT_FALSE(stolen.empty());
  EXPECT_GT(to_victim, 0u);
  EXPECT_LE(to_victim, 3 * stolen.size());
  EXPECT_EQ(server().path().addresses.remote, network_.host(0).address);
}

// --- another size

struct Ladder {
  std::size_t limit;     // of the path, UDP payload
  std::size_t expected;  // where the ladder ends
};

class LadderTest : public PathTest, public ::testing::WithParamInterface<Ladder> {};

TEST_P(LadderTest, EndsAtTheLargestSizeThatArrives) {
  network_.link.mtu = GetParam().limit;
  pair();
  network_.run_for(20 * kSecond);
  EXPECT_EQ(client().path().mtu, GetParam().expected);
  EXPECT_EQ(server().path().mtu, GetParam().expected);
  std::size_t largest = 0;
  network_.filter = [&](std::size_t, std::size_t, ByteView datagram) {
    largest = std::max(largest, datagram.size());
    return true;
  };
  EXPECT_TRUE(transfer(0, 2'000'000));
  EXPECT_EQ(largest, GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(Of, LadderTest,
                         ::testing::Values(Ladder{1'200, 1'200}, Ladder{1'280, 1'200},
                                           Ladder{1'451, 1'200}, Ladder{1'452, 1'452},
                                           Ladder{8'951, 4'000}, Ladder{8'952, 8'952},
                                           Ladder{65'487, 65'487}),
                         [](const auto& made) { return std::to_string(made.param.limit); });

TEST_F(PathTest, APathBelowTheMinimumOfQuicIsNoPath) {
  network_.link.mtu = 1'199;  // RFC 9000 §14
  add("alpha");
  add("beta");
  ASSERT_TRUE(network_.connect(0, 1));
  ASSERT_TRUE(network_.run_until([&] { return close_codes_.contains(0); }));
  EXPECT_EQ(close_codes_[0], "stoq.unreachable");
}

class ShrinkingTest : public PathTest, public ::testing::WithParamInterface<std::size_t> {
 protected:
  Connection sender() { return GetParam() == 0 ? client() : server(); }
};

TEST_P(ShrinkingTest, ATransferGoesOnWithSmallPackets) {
  network_.link.mtu = 8'952;
  pair();
  network_.run_for(5 * kSecond);
  ASSERT_EQ(sender().path().mtu, 8'952u);
  const StreamId id = begin(GetParam(), 4'000'000);
  ASSERT_TRUE(arrived(id, 1'000'000));
  network_.link.mtu = 1'300;
  EXPECT_TRUE(finish(id, 20 * kSecond));
  EXPECT_EQ(sender().path().mtu, 1'200u);
  EXPECT_TRUE(client().established() && server().established());
}

TEST_P(ShrinkingTest, APathThatGrowsAgainIsUsedAgain) {
  network_.link.mtu = 8'952;
  pair();
  network_.run_for(5 * kSecond);
  network_.link.mtu = 1'300;
  ASSERT_TRUE(transfer(GetParam(), 100'000, 20 * kSecond));
  ASSERT_EQ(sender().path().mtu, 1'200u);
  network_.link.mtu = 8'952;
  network_.run_for(30 * kSecond);
  EXPECT_EQ(sender().path().mtu, 8'952u);
  EXPECT_TRUE(transfer(GetParam(), 1'000'000, 20 * kSecond));
  EXPECT_EQ(sender().path().mtu, 8'952u);
}

TEST_P(ShrinkingTest, DatagramsThatGrewTooLargeDoNotHoldUpStreams) {
  network_.link.mtu = 8'952;
  pair();
  network_.run_for(5 * kSecond);
  const StreamId id = begin(GetParam(), 400'000);
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(sender().send_datagram(Chunk(Bytes(8'000))));
  }
  network_.link.mtu = 1'300;
  EXPECT_TRUE(finish(id, 20 * kSecond));
  EXPECT_LT(sender().datagram_size_max(), 1'200u);
  EXPECT_EQ(sender().send_datagram(Chunk(Bytes(8'000))).error().code(), "stoq.datagram_too_large");
}

TEST_P(ShrinkingTest, AnInterruptionIsNotForEver) {
  network_.link.mtu = 8'952;
  pair();
  network_.run_for(5 * kSecond);
  const StreamId id = begin(GetParam(), 4'000'000);
  ASSERT_TRUE(arrived(id, 1'000'000));
  network_.filter = [](std::size_t, std::size_t, ByteView) { return false; };
  network_.run_for(5 * kSecond);
  network_.filter = nullptr;
  EXPECT_TRUE(finish(id, 20 * kSecond));
  network_.run_for(30 * kSecond);
  EXPECT_EQ(sender().path().mtu, 8'952u);
}

INSTANTIATE_TEST_SUITE_P(From, ShrinkingTest, ::testing::Values(0, 1),
                         [](const auto& made) { return made.param == 0 ? "Client" : "Server"; });

// --- congestion marks (RFC 9000 §13.4)

constexpr std::uint8_t kNotEct = 0;
constexpr std::uint8_t kCongestion = 3;

TEST_F(PathTest, CongestionMarksSlowTheSenderDownWithoutLoss) {
  add("alpha");
  add("beta");
  add("gamma");
  testing::SeededRng rng(4);
  const auto window_after_transfer = [&](std::size_t to, std::uint32_t marked_per_million) {
    std::uint64_t capable = 0;
    network_.mark = [&](std::uint8_t ecn) {
      capable += ecn != kNotEct ? 1 : 0;
      return ecn != kNotEct && rng.chance(marked_per_million) ? kCongestion : ecn;
    };
    forget_events(0, EventKind::kConnected);
    EXPECT_TRUE(network_.connect(0, to));
    EXPECT_TRUE(wait_event(0, EventKind::kConnected));
    const StreamId id = start(client(), pattern(4'000'000));
    EXPECT_TRUE(network_.run_until([&] { return client().unacknowledged(id) == 0; }));
    EXPECT_GT(capable, 2'000u);  // ECN is in use
    return client().path().congestion_window;
  };
  collect(1);
  const std::uint64_t free = window_after_transfer(1, 0);
  collect(2);
  const std::uint64_t marked = window_after_transfer(2, 20'000);
  EXPECT_LT(marked, free / 4);
}

TEST_F(PathTest, APathThatErasesOrInventsMarksStillWorks) {
  pair();
  const std::pair<std::uint8_t, std::uint8_t> kinds[] = {
      {1, kNotEct}, {2, kNotEct}, {2, 1}, {kNotEct, kCongestion}};
  for (const auto& [from, to] : kinds) {
    SCOPED_TRACE(static_cast<int>(from) * 10 + static_cast<int>(to));
    network_.mark = [from, to](std::uint8_t ecn) { return ecn == from ? to : ecn; };
    EXPECT_TRUE(transfer(0, 500'000));
  }
  EXPECT_TRUE(client().established());
}

// --- new keys

TEST_F(PathTest, KeysChangeUnderLossAndReordering) {
  pair();
  network_.link = {.delay = 10 * kMillisecond,
                   .jitter = 8 * kMillisecond,
                   .loss_per_million = 30'000,
                   .duplicate_per_million = 10'000,
                   .corrupt_per_million = 5'000};
  const StreamId id = begin(0, 3'000'000);
  int updates = 0;
  int refusals = 0;
  for (std::size_t size = 100'000; size < 3'000'000; size += 100'000) {
    ASSERT_TRUE(arrived(id, size));
    for (Connection side : {client(), server()}) {
      const bool updated = side.update_keys(network_.now()).has_value();
      updates += updated ? 1 : 0;
      if (updated) {
        // RFC 9001 §6.2: not again before the peer has confirmed the first.
        const auto again = side.update_keys(network_.now());
        refusals += !again && again.error().is("stoq.not_connected") ? 1 : 0;
      }
    }
  }
  EXPECT_TRUE(finish(id));
  EXPECT_GE(updates, 4);
  EXPECT_EQ(refusals, updates);
  EXPECT_TRUE(client().established() && server().established());
}

}  // namespace
}  // namespace i2::stoq::core
