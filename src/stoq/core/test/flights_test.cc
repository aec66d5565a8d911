// How many round trips a connection takes, in virtual time, and what becomes of first flights that
// the network loses, reorders or repeats.
#include "fixture.h"

namespace i2::stoq::core {
namespace {

constexpr Duration kOneWay = 50 * kMillisecond;
constexpr Duration kRoundTrip = 2 * kOneWay;
constexpr Duration kSlack = kMillisecond;  // less than any pause between packets

class FlightsTest : public CoreTest {
 protected:
  void observe(std::size_t host, const Event& event) override {
    CoreTest::observe(host, event);
    times_.emplace(std::pair(host, event.kind), network_.now() - started_);
  }
  void two_far_apart(const EndpointConfig& config = {}) {
    add("alpha", config);
    add("beta", config);
    network_.link.delay = kOneWay;
  }
  // Connects and waits until both sides know each other.
  void meet(Endpoint::ConnectOptions options = {}) {
    for (const std::size_t host : {0, 1}) {
      forget_events(host, EventKind::kConnected);
    }
    times_.clear();
    started_ = network_.now();
    ASSERT_TRUE(network_.connect(0, 1, std::move(options)));
    ASSERT_TRUE(wait_event(0, EventKind::kConnected));
    ASSERT_TRUE(wait_event(1, EventKind::kConnected));
  }
  // What a connection leaves for the next one.
  Endpoint::ConnectOptions meet_and_part() {
    meet();
    network_.run_for(kSecond);
    Endpoint::ConnectOptions out{client().take_session(), client().take_token()};
    EXPECT_TRUE(out.session);
    EXPECT_FALSE(out.token.empty());
    client().close(0, "");
    network_.run_for(kSecond);
    return out;
  }
  void lose_from_client(std::size_t number) {
    network_.filter = [number, seen = std::size_t{0}](std::size_t from, std::size_t,
                                                      ByteView) mutable {
      return from != 0 || ++seen != number;
    };
  }
  [[nodiscard]] Duration time_of(std::size_t host, EventKind kind) const {
    const auto found = times_.find({host, kind});
    return found == times_.end() ? kNever : found->second;
  }
  // The client has finished TLS and checked the server after one round trip; its own HELLO, which
  // leaves then, is there half a one later.
  void expect_one_round_trip() {
    EXPECT_GE(time_of(0, EventKind::kHelloSignatureWanted), kRoundTrip);
    EXPECT_LE(time_of(0, EventKind::kConnected), kRoundTrip + kSlack);
    EXPECT_LE(time_of(1, EventKind::kConnected), kRoundTrip + kOneWay + kSlack);
  }

  Timestamp started_ = 0;
  std::map<std::pair<std::size_t, EventKind>, Duration> times_;  // of the first of each kind
};

TEST_F(FlightsTest, AFirstContactTakesOneRoundTrip) {
  two_far_apart();
  meet();
  EXPECT_FALSE(client().security().resumed);
  expect_one_round_trip();
}

TEST_F(FlightsTest, TheServerSpeaksHalfARoundTripBeforeItHearsAnAnswer) {
  two_far_apart();
  meet();
  EXPECT_GE(time_of(1, EventKind::kHelloSignatureWanted), kOneWay);
  EXPECT_LE(time_of(1, EventKind::kHelloSignatureWanted), kOneWay + kSlack);
}

TEST_F(FlightsTest, WithATokenASessionTakesOneRoundTrip) {
  two_far_apart();
  auto left = meet_and_part();
  meet({.session = nullptr, .token = std::move(left.token)});
  EXPECT_FALSE(client().security().resumed);
  expect_one_round_trip();
}

TEST_F(FlightsTest, WithResumptionASessionTakesOneRoundTrip) {
  two_far_apart();
  auto left = meet_and_part();
  meet({.session = std::move(left.session), .token = {}});
  EXPECT_TRUE(client().security().resumed);
  expect_one_round_trip();
}

TEST_F(FlightsTest, WithBothASessionTakesOneRoundTrip) {
  two_far_apart();
  meet(meet_and_part());
  EXPECT_TRUE(client().security().resumed);
  EXPECT_TRUE(server().security().resumed);
  EXPECT_EQ(server().peer().name, "alpha");
  expect_one_round_trip();
}

TEST_F(FlightsTest, ATicketIsGoodForOneConnection) {
  two_far_apart();
  const auto left = meet_and_part();
  meet({.session = left.session, .token = {}});
  EXPECT_TRUE(server().security().resumed);
  client().close(0, "");
  network_.run_for(kSecond);
  meet({.session = left.session, .token = {}});
  EXPECT_FALSE(server().security().resumed);
}

TEST_F(FlightsTest, ARevokedMemberIsRefusedAlsoWhenItResumes) {
  two_far_apart();
  auto left = meet_and_part();
  fleet_.expel(nodes_[0]->node_id());
  close_codes_.clear();
  ASSERT_TRUE(network_.connect(0, 1, std::move(left)));
  ASSERT_TRUE(network_.run_until([&] { return close_codes_.size() == 2; }));
  EXPECT_EQ(close_codes_[0], "trust.member_unknown");
  EXPECT_EQ(close_codes_[1], "trust.member_unknown");
}

TEST_F(FlightsTest, TheFirstInitialMayBeLost) {
  two_far_apart();
  lose_from_client(1);
  meet();
  // The others alone are the rest of a ClientHello. Nothing is kept of them: Retry.
  EXPECT_EQ(endpoint(1).stats().retries_sent, kFirstFlight - 1);
  EXPECT_EQ(endpoint(1).stats().connections_established, 1u);
}

TEST_F(FlightsTest, TheFirstInitialAndTheRetryMayBeLost) {
  two_far_apart();
  network_.filter = [client = 0, server = 0](std::size_t from, std::size_t, ByteView) mutable {
    return from == 0 ? ++client != 1 : ++server != 1;
  };
  meet();
  EXPECT_GE(endpoint(1).stats().retries_sent, 2u);
  EXPECT_EQ(endpoint(1).stats().connections_established, 1u);
}

TEST_F(FlightsTest, TheSecondInitialMayBeLost) {
  two_far_apart();
  lose_from_client(2);
  meet();
  EXPECT_EQ(endpoint(1).stats().retries_sent, 0u);
  EXPECT_EQ(endpoint(1).stats().connections_accepted, 1u);
}

TEST_F(FlightsTest, TheLastInitialMayBeLost) {
  two_far_apart();
  lose_from_client(kFirstFlight);
  meet();
  EXPECT_EQ(endpoint(1).stats().retries_sent, 0u);
  EXPECT_EQ(endpoint(1).stats().connections_accepted, 1u);
}

TEST_F(FlightsTest, InitialsThatOvertakeEachOtherMakeOneConnection) {
  two_far_apart();
  Bytes held;
  std::size_t from_client = 0;
  network_.filter = [&](std::size_t from, std::size_t, ByteView datagram) {
    if (from != 0) {
      return true;
    }
    ++from_client;
    if (from_client == 1) {
      held = to_bytes(datagram);
      return false;
    }
    if (from_client == kFirstFlight) {
      network_.inject(network_.host(0).address, 1, held);  // before this one leaves
    }
    return true;
  };
  meet();
  network_.run_for(20 * kSecond);
  EXPECT_EQ(endpoint(1).stats().connections_established, 1u);
  EXPECT_EQ(endpoint(1).connection_count(), 1u);
  EXPECT_EQ(endpoint(0).connection_count(), 1u);
  EXPECT_TRUE(client().established());
}

TEST_F(FlightsTest, ARepeatedFirstFlightGetsNothing) {
  two_far_apart();
  std::vector<Bytes> flight;
  network_.filter = [&](std::size_t from, std::size_t, ByteView datagram) {
    if (from == 0 && flight.size() < kFirstFlight) {
      flight.push_back(to_bytes(datagram));
    }
    return true;
  };
  meet();
  ASSERT_EQ(flight.size(), kFirstFlight);
  const auto replay = [&] {
    for (const Bytes& datagram : flight) {
      network_.inject(network_.host(0).address, 1, datagram);
    }
    network_.run_for(kSecond);
  };
  // While the connection lives the flight belongs to it.
  replay();
  EXPECT_EQ(endpoint(1).connection_count(), 1u);
  EXPECT_TRUE(client().established() && server().established());
  // Later it looks like a new client, who never answers.
  client().close(0, "");
  network_.run_for(kSecond);
  replay();
  EXPECT_EQ(endpoint(1).stats().connections_accepted, 2u);
  network_.run_for(30 * kSecond);
  EXPECT_EQ(endpoint(1).connection_count(), 0u);
  EXPECT_EQ(endpoint(1).stats().connections_established, 1u);
  EXPECT_EQ(close_codes_[1], "stoq.handshake_timeout");
}

TEST_F(FlightsTest, QuicVersion2IsSpoken) {
  EndpointConfig second;
  second.version = QuicVersion::kV2;
  EndpointConfig careful;
  careful.handshakes_max = 1;  // Retry for everybody
  add("alpha", second);
  add("beta", careful);
  network_.link.delay = kOneWay;
  Bytes first;
  network_.filter = [&](std::size_t from, std::size_t, ByteView datagram) {
    if (from == 0 && first.empty()) {
      first = to_bytes(datagram);
    }
    return true;
  };
  meet();
  ASSERT_GT(first.size(), 5u);
  EXPECT_EQ(to_hex(ByteView(first).subspan(1, 4)), "6b3343cf");  // RFC 9369 §3.1
  EXPECT_EQ(endpoint(1).stats().version_negotiations_sent, 0u);
  EXPECT_EQ(endpoint(1).stats().retries_sent, kFirstFlight);
  EXPECT_EQ(server().peer().name, "alpha");
}

}  // namespace
}  // namespace i2::stoq::core
