// What strangers, liars and vandals may send.
#include <i2/stoq/core/testing/forger.h>
#include <i2/wire/reader.h>

#include <algorithm>

#include "fixture.h"

namespace i2::stoq::core {
namespace {

// Frames of RFC 9000 §19.
class Frames {
 public:
  Frames& stream(std::uint64_t id, std::uint64_t offset, ByteView data, bool fin = false) {
    writer_.varint(fin ? 0x0f : 0x0e);
    writer_.varint(id);
    writer_.varint(offset);
    writer_.varint(data.size());
    writer_.bytes(data);
    return *this;
  }
  Frames& reset_stream(std::uint64_t id, std::uint64_t code, std::uint64_t final_size) {
    return numbers({0x04, id, code, final_size});
  }
  Frames& stop_sending(std::uint64_t id, std::uint64_t code) { return numbers({0x05, id, code}); }
  Frames& close(std::uint64_t code) { return numbers({0x1d, code, 0}); }
  Frames& numbers(std::initializer_list<std::uint64_t> values) {
    for (const std::uint64_t value : values) {
      writer_.varint(value);
    }
    return *this;
  }
  [[nodiscard]] const Bytes& bytes() const { return bytes_; }

 private:
  Bytes bytes_;
  wire::Writer writer_{bytes_};
};

class HostileTest : public CoreTest {
 protected:
  ~HostileTest() override { testing::forger() = nullptr; }
  void pair(const EndpointConfig& config = {}) {
    add("alpha", config);
    add("beta", config);
    connect();
    network_.run_for(kSecond);  // the MTU ladder would take our packets
  }
  // The client sends one packet with these frames.
  void send(const Frames& frames) {
    testing::forger() = [this, wanted = frames.bytes()](bool long_header,
                                                        MutableByteView out) mutable {
      if (!wanted.empty() && !long_header && network_.sending() == 0) {
        testing::replace_frames(out, wanted);
        wanted.clear();
      }
    };
    ASSERT_TRUE(client().send_datagram(Chunk(Bytes(frames.bytes().size()))));
    network_.run_for(kSecond);
  }
  // What the client has written to its control stream: type, SETTINGS, HELLO.
  [[nodiscard]] std::uint64_t client_control_size() {
    Bytes frame;
    Settings settings;
    settings.datagram_size_max = EndpointConfig{}.datagram_size_max;
    append_frame(frame, FrameType::kSettings, encode(settings));
    Hello hello;
    hello.binding = nodes_[0]->current()->binding;
    hello.signature = Bytes(64);
    append_frame(frame, FrameType::kHello, encode(hello));
    return 1 + frame.size();
  }
  [[nodiscard]] std::size_t count_events(std::size_t host, EventKind kind) {
    return static_cast<std::size_t>(std::ranges::count_if(
        network_.host(host).events, [&](const Event& event) { return event.kind == kind; }));
  }
};

TEST_F(HostileTest, AnEmptyDatagramIsDropped) {
  pair();
  const std::uint64_t dropped = endpoint(1).stats().datagrams_dropped;
  network_.inject(network_.host(0).address, 1, {});
  network_.run_for(kSecond);
  EXPECT_EQ(endpoint(1).stats().datagrams_dropped, dropped + 1);
  EXPECT_TRUE(server().established());
}

TEST_F(HostileTest, NothingFollowsTheLastEventOfAConnection) {
  pair();
  std::string code;
  network_.on_event = [&](std::size_t host, const Event& event) {
    if (host == 1 && event.kind == EventKind::kClosed) {
      code = endpoint(1).find(event.connection)->close_error().code();
    }
  };
  send(Frames().stream(0, 0, Bytes{0x04, 1, 2, 3}));
  ASSERT_EQ(count_events(1, EventKind::kStreamOpened), 1u);
  ASSERT_EQ(server().read(0)->data.size(), 3u);
  // A violation, then a frame that is news for a stream, then the peer's own end, in one packet.
  send(Frames().stream(4, 0, {}, true).reset_stream(0, 7, 4).close(0x01));
  EXPECT_EQ(count_events(1, EventKind::kClosed), 1u);
  EXPECT_EQ(network_.host(1).events.back().kind, EventKind::kClosed);
  EXPECT_EQ(code, "stoq.protocol_violation");
  network_.run_for(60 * kSecond);
  EXPECT_EQ(endpoint(1).connection_count(), 0u);
}

TEST_F(HostileTest, APingFloodWithoutAcknowledgementsFillsNoQueue) {
  pair();
  Bytes ping;
  append_frame(ping, FrameType::kPing, encode(Ping{1, 1}));
  constexpr std::uint64_t kClientControl = 2;
  constexpr std::uint64_t kServerControl = 3;
  std::uint64_t offset = client_control_size();
  testing::forger() = [&](bool long_header, MutableByteView out) {
    if (long_header || network_.sending() != 0) {
      return;
    }
    if (out.size() < 1'000) {
      testing::replace_frames(out, Frames().numbers({0x01}).bytes());  // no ACK: PING
      return;
    }
    Bytes pings;
    while (pings.size() + ping.size() < out.size() - 20) {
      append(pings, ping);
    }
    testing::replace_frames(out, Frames().stream(kClientControl, offset, pings).bytes());
    offset += pings.size();
  };
  for (int i = 0; i < 2'000; ++i) {
    (void)client().send_datagram(Chunk(Bytes(1'100)));
    network_.run_for(5 * kMillisecond);
  }
  EXPECT_GT(offset, 1'000'000u);
  EXPECT_LE(server().unacknowledged(kServerControl), 128u * 1024);
}

TEST_F(HostileTest, OnlyPongsThatWereAskedForCount) {
  pair();
  Bytes pongs;
  for (std::uint64_t sequence = 0; sequence < 20; ++sequence) {
    append_frame(pongs, FrameType::kPong, encode(Ping{sequence, 1}));
  }
  send(Frames().stream(2, client_control_size(), pongs));
  EXPECT_EQ(count_events(1, EventKind::kPong), 0u);
  EXPECT_FALSE(server().take_pong());
  // A liar's clock: the time of departure is the one that was remembered here.
  testing::forger() = nullptr;
  const Timestamp before = network_.now();
  ASSERT_TRUE(server().ping(5, network_.now()));
  Bytes answer;
  append_frame(answer, FrameType::kPong, encode(Ping{5, 1}));
  send(Frames().stream(2, client_control_size() + pongs.size(), answer));
  const auto pong = server().take_pong();
  ASSERT_TRUE(pong);
  EXPECT_LE(pong->round_trip, network_.now() - before);
  for (int i = 0; i < 64; ++i) {
    (void)server().ping(100 + i, network_.now());
  }
  EXPECT_EQ(server().ping(999, network_.now()).error().code(), "stoq.overloaded");
}

}  // namespace
}  // namespace i2::stoq::core
