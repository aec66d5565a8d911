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
 public:
  ~HostileTest() override { testing::forger() = nullptr; }

 protected:
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

TEST_F(HostileTest, LongFormsOfTheStreamTypeCostThePeerNothing) {
  EndpointConfig config;
  config.connection_window = 4'096;
  config.stream_window = 4'096;
  config.datagram_size_max = 65'000;
  pair(config);
  // 8 bytes for a type that fits into one; 700 of them exceed the connection's window.
  const Bytes type{0xc0, 0, 0, 0, 0, 0, 0, 0x04};
  for (std::uint64_t stream = 0; stream < 700; stream += 35) {
    Frames frames;
    for (std::uint64_t i = stream; i < stream + 35; ++i) {
      frames.stream(4 * i, 0, type, true);
    }
    send(frames);
    ASSERT_EQ(server().state(), ConnectionState::kOpen) << server().close_error().to_string();
  }
  EXPECT_EQ(count_events(1, EventKind::kStreamOpened), 700u);
}

TEST_F(HostileTest, AVersionNegotiationThatNamesNothingKnownEndsTheAttempt) {
  add("alpha");
  add("beta");
  Bytes initial;
  network_.filter = [&](std::size_t from, std::size_t, ByteView datagram) {
    if (from == 0 && initial.empty()) {
      initial = to_bytes(datagram);
    }
    return false;
  };
  std::string code;
  network_.on_event = [&](std::size_t host, const Event& event) {
    if (host == 0 && event.kind == EventKind::kClosed) {
      code = endpoint(0).find(event.connection)->close_error().code();
    }
  };
  ASSERT_TRUE(network_.connect(0, 1));
  network_.run_for(kMillisecond);
  ASSERT_GT(initial.size(), 40u);
  const ByteView dcid = ByteView(initial).subspan(6, initial[5]);
  const ByteView scid = ByteView(initial).subspan(7 + dcid.size(), initial[6 + dcid.size()]);
  // RFC 9000 §17.2.1
  Bytes packet{0x80, 0, 0, 0, 0, static_cast<std::uint8_t>(scid.size())};
  append(packet, scid);
  packet.push_back(static_cast<std::uint8_t>(dcid.size()));
  append(packet, dcid);
  append(packet, Bytes{0x5a, 0x5a, 0x5a, 0x5a});
  network_.inject(network_.host(1).address, 0, packet);
  network_.run_for(kSecond);
  EXPECT_EQ(code, "stoq.version_unsupported");
}

TEST_F(HostileTest, AHugeTokenIsNotKept) {
  pair();
  (void)server();
  testing::forger() = [this, once = true](bool long_header, MutableByteView out) mutable {
    if (once && !long_header && network_.sending() == 1) {
      // NEW_TOKEN, RFC 9000 §19.7
      testing::replace_frames(out, Frames().numbers({0x07, 1'000}).bytes());
      once = false;
    }
  };
  const std::size_t before = client().take_token().size();
  ASSERT_TRUE(server().send_datagram(Chunk(Bytes(1'100))));
  network_.run_for(kSecond);
  EXPECT_GT(before, 0u);
  EXPECT_TRUE(client().take_token().empty());
  EXPECT_EQ(client().state(), ConnectionState::kOpen);
}

TEST_F(HostileTest, StreamsBeforeHelloAreNotServed) {
  EndpointConfig config;
  add("alpha", config);
  add("beta", config);
  network_.speechless = {0};
  testing::forger() = [this](bool long_header, MutableByteView out) {
    if (!long_header && network_.sending() == 0 && out.size() > 1'000) {  // an MTU probe
      testing::replace_frames(out, Frames().stream(0, 0, Bytes{0x04, 1, 2, 3}, true).bytes());
    }
  };
  std::string code;
  network_.on_event = [&](std::size_t host, const Event& event) {
    if (host == 1 && event.kind == EventKind::kClosed) {
      auto connection = endpoint(1).find(event.connection);
      code = connection->close_error().code();
      EXPECT_EQ(connection->stream_type(0), 0x04u);  // it came, and nobody was told
    }
  };
  ASSERT_TRUE(network_.connect(0, 1));
  network_.run_for(30 * kSecond);
  EXPECT_EQ(code, "stoq.hello_timeout");
  EXPECT_EQ(count_events(1, EventKind::kStreamOpened), 0u);
  EXPECT_EQ(count_events(1, EventKind::kStreamReadable), 0u);
  EXPECT_EQ(count_events(1, EventKind::kConnected), 0u);
  EXPECT_EQ(endpoint(1).connection_count(), 0u);
  EXPECT_EQ(endpoint(0).connection_count(), 0u);
}

}  // namespace
}  // namespace i2::stoq::core
