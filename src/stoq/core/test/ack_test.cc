// When a packet is acknowledged, in a network as small as a building.
#include "fixture.h"

namespace i2::stoq::core {
namespace {

class AckTest : public TransferTest {
 protected:
  void near_pair() {
    network_.link.delay = 100 * kMicrosecond;
    pair();
    collect();
    network_.run_for(3 * kSecond);  // the MTU is known
    network_.filter = [this](std::size_t from, std::size_t, ByteView) {
      sent_[from].push_back(network_.now());
      return true;
    };
  }

  std::map<std::size_t, std::vector<Timestamp>> sent_;  // by host, when
};

TEST_F(AckTest, AnAnswerAcknowledgesTheQuestion) {
  near_pair();
  Connection asking = client();
  const auto stream = asking.open_stream(StreamType::kBytes, true);
  ASSERT_TRUE(stream);
  ASSERT_TRUE(asking.write(*stream, Chunk(pattern(100)), false));
  network_.run_for(2 * kMillisecond);
  EXPECT_EQ(received_[*stream].size(), 100u);
  EXPECT_EQ(sent_[1].size(), 0u);
  ASSERT_TRUE(server().write(*stream, Chunk(pattern(100)), false));
  network_.run_for(kMillisecond);
  EXPECT_EQ(asking.unacknowledged(*stream), 0u);
  network_.run_for(100 * kMillisecond);
  EXPECT_EQ(sent_[1].size(), 1u);  // the answer
  EXPECT_EQ(sent_[0].size(), 2u);  // the question, and what acknowledges the answer
}

TEST_F(AckTest, WithoutAnAnswerItTakesAMoment) {
  near_pair();
  Connection c = client();
  const Timestamp begin = network_.now();
  const StreamId stream = start(c, pattern(100));
  network_.run_for(100 * kMillisecond);
  EXPECT_EQ(c.unacknowledged(stream), 0u);
  ASSERT_EQ(sent_[1].size(), 1u);
  EXPECT_GE(sent_[1][0], begin + 5 * kMillisecond);
  EXPECT_LE(sent_[1][0], begin + 6 * kMillisecond);
}

TEST_F(AckTest, TwoPacketsAreAcknowledgedAtOnce) {
  near_pair();
  const Timestamp begin = network_.now();
  const StreamId first = start(client(), pattern(100));
  network_.run_for(kMillisecond);
  EXPECT_EQ(sent_[1].size(), 0u);
  const StreamId second = start(client(), pattern(100));
  network_.run_for(kMillisecond);
  EXPECT_EQ(client().unacknowledged(first), 0u);
  EXPECT_EQ(client().unacknowledged(second), 0u);
  ASSERT_EQ(sent_[1].size(), 1u);
  EXPECT_LE(sent_[1][0], begin + 2 * kMillisecond);
}

// Nothing that has to be sent is forgotten with the acknowledgement.
TEST_F(AckTest, CreditComesInTime) {
  EndpointConfig config;
  config.stream_window = 16 * 1024;
  network_.link.delay = 100 * kMicrosecond;
  pair(config);
  collect();
  const Bytes sent = pattern(2'000'000);
  const StreamId stream = start(client(), sent);
  const Timestamp begin = network_.now();
  ASSERT_TRUE(network_.run_until([&] { return !finished_.empty(); }));
  EXPECT_EQ(received_[stream], sent);
  EXPECT_LE(network_.now(), begin + kSecond);  // 250 windows, at most 4 ms for each
}

}  // namespace
}  // namespace i2::stoq::core
