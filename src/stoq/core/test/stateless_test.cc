// What an endpoint does for addresses it knows nothing about: Retry and tokens, Version
// Negotiation, stateless resets, and never much for little.
#include <algorithm>

#include "fixture.h"

namespace i2::stoq::core {
namespace {

// Long header, RFC 9000 §17.2.
bool is_initial(ByteView datagram) {
  return datagram.size() > 5 && (datagram[0] & 0xf0) == 0xc0;
}
std::size_t token_offset(ByteView initial) {
  const std::size_t dcid = initial[5];
  const std::size_t scid = initial[6 + dcid];
  return 7 + dcid + scid + 2;  // behind a token length of two bytes
}
bool has_token(ByteView initial) {
  return initial[token_offset(initial) - 2] != 0;
}

class StatelessTest : public CoreTest {
 protected:
  static EndpointConfig careful() {
    EndpointConfig out;
    out.handshakes_max = 1;  // half of it is none: Retry for everybody
    return out;
  }
  SocketAddress elsewhere(std::uint16_t port = 5'000) {
    SocketAddress out = network_.host(0).address;
    out.ip[14] = 0xee;
    out.port = port;
    return out;
  }
  // Connects host 0 and returns the Initials of its first flight from the first one on that is
  // `wanted`. They are held back together with everything that follows.
  std::vector<Bytes> hold_initials(const std::function<bool(ByteView)>& wanted) {
    std::vector<Bytes> held;
    network_.filter = [&](std::size_t from, std::size_t, ByteView datagram) {
      if (from != 0 || !is_initial(datagram) || (held.empty() && !wanted(datagram))) {
        return held.empty();
      }
      if (held.size() < kFirstFlight) {
        held.push_back(to_bytes(datagram));
      }
      return false;
    };
    EXPECT_TRUE(network_.connect(0, 1));
    EXPECT_TRUE(network_.run_until([&] { return held.size() == kFirstFlight; }, kSecond));
    network_.filter = [](std::size_t from, std::size_t, ByteView) { return from != 0; };
    return held;
  }
  void inject(const SocketAddress& from, const std::vector<Bytes>& datagrams) {
    for (const Bytes& datagram : datagrams) {
      network_.inject(from, 1, datagram);
    }
    network_.run_for(100 * kMillisecond);
  }
  // A server that accepts one unproven handshake at a time would accept these from anybody else.
  [[nodiscard]] std::uint64_t accepted() { return endpoint(1).stats().connections_accepted; }
};

TEST_F(StatelessTest, ManyUnfinishedHandshakesMakeNewClientsProveTheirAddress) {
  EndpointConfig few;
  few.handshakes_max = 2;
  add("alpha");
  add("beta", few);
  add("gamma");
  network_.filter = [&](std::size_t from, std::size_t to, ByteView) {
    return !(from == 1 && to == 2);  // gamma never hears an answer
  };
  ASSERT_TRUE(network_.connect(2, 1));
  network_.run_for(50 * kMillisecond);
  ASSERT_TRUE(network_.connect(0, 1));
  EXPECT_TRUE(wait_event(0, EventKind::kConnected));
  EXPECT_EQ(endpoint(1).stats().retries_sent, kFirstFlight);  // one for each Initial
}

TEST_F(StatelessTest, TheTokenOfARetryProvesItsAddressOnly) {
  add("alpha");
  add("beta", careful());
  const auto proven = hold_initials(has_token);
  inject(elsewhere(), proven);
  EXPECT_EQ(accepted(), 0u);
  EXPECT_EQ(endpoint(1).connection_count(), 0u);
  inject(network_.host(0).address, proven);
  EXPECT_EQ(accepted(), 1u);
}

TEST_F(StatelessTest, TheTokenOfARetryIsGoodForTenSeconds) {
  add("alpha");
  add("beta", careful());
  const auto proven = hold_initials(has_token);
  network_.run_for(9 * kSecond);
  inject(network_.host(0).address, proven);
  EXPECT_EQ(accepted(), 1u);

  network_.run_for(60 * kSecond);
  ASSERT_EQ(endpoint(1).connection_count(), 0u);
  const auto late = hold_initials(has_token);
  network_.run_for(11 * kSecond);
  inject(network_.host(0).address, late);
  EXPECT_EQ(accepted(), 1u);
}

TEST_F(StatelessTest, AnAlteredTokenOfARetryIsRefused) {
  add("alpha");
  add("beta", careful());
  const auto proven = hold_initials(has_token);
  const std::size_t start = token_offset(proven[0]);
  for (std::size_t at : {start + 1, start + 20, start + 40}) {
    auto altered = proven;
    for (Bytes& datagram : altered) {
      datagram[at] ^= 1;
    }
    inject(network_.host(0).address, altered);
    EXPECT_EQ(accepted(), 0u) << at;
  }
  inject(network_.host(0).address, proven);
  EXPECT_EQ(accepted(), 1u);
}

TEST_F(StatelessTest, ATokenOfNobodysIsAsGoodAsNone) {
  add("alpha");
  add("beta");
  Endpoint::ConnectOptions options;
  options.token = Bytes(60, 0x17);
  ASSERT_TRUE(network_.connect(0, 1, std::move(options)));
  EXPECT_TRUE(wait_event(0, EventKind::kConnected));
  EXPECT_TRUE(wait_event(1, EventKind::kConnected));
}

TEST_F(StatelessTest, ATokenForLaterConnectionsSurvivesARestartWithTheSameSecret) {
  for (const bool kept : {true, false}) {
    SCOPED_TRACE(kept);
    EndpointConfig config = careful();
    if (kept) {
      config.secret = Hash256{1, 2, 3};
    }
    const std::size_t client = nodes_.size();
    add("client");
    add("server", config);
    ASSERT_TRUE(network_.connect(client, client + 1));
    ASSERT_TRUE(wait_event(client, EventKind::kConnected));
    network_.run_for(kSecond);
    auto connection = endpoint(client).find(find_event(client, EventKind::kConnected)->connection);
    ASSERT_TRUE(connection);
    Endpoint::ConnectOptions options{.session = nullptr, .token = connection->take_token()};
    ASSERT_FALSE(options.token.empty());
    network_.restart(client + 1);
    forget_events(client, EventKind::kConnected);
    ASSERT_TRUE(network_.connect(client, client + 1, std::move(options)));
    ASSERT_TRUE(wait_event(client, EventKind::kConnected));
    EXPECT_EQ(endpoint(client + 1).stats().retries_sent == 0, kept);
  }
}

TEST_F(StatelessTest, ATokenForLaterConnectionsIsGoodForADay) {
  constexpr Duration kHour = 3'600 * kSecond;
  leaf_life_ = 72 * kHour;
  add("alpha");
  add("beta", careful());
  connect();
  network_.run_for(kSecond);
  const Bytes token = client().take_token();
  ASSERT_FALSE(token.empty());
  client().close(0, "");
  const std::uint64_t retries = endpoint(1).stats().retries_sent;
  const auto connect_after = [&](Duration time) {
    network_.run_for(time);
    forget_events(0, EventKind::kConnected);
    EXPECT_TRUE(network_.connect(0, 1, {.session = nullptr, .token = token}));
    EXPECT_TRUE(wait_event(0, EventKind::kConnected));
    client().close(0, "");
    return endpoint(1).stats().retries_sent - retries;
  };
  EXPECT_EQ(connect_after(23 * kHour), 0u);
  EXPECT_GT(connect_after(2 * kHour), 0u);
}

TEST_F(StatelessTest, UnknownVersionsAreNegotiated) {
  add("alpha");
  add("beta");
  Bytes initial(1200);
  initial[0] = 0xc0;
  std::fill_n(initial.begin() + 1, 4, std::uint8_t{0x5a});
  initial[5] = 8;
  std::fill_n(initial.begin() + 6, 8, std::uint8_t{0xdd});
  initial[14] = 8;
  std::fill_n(initial.begin() + 15, 8, std::uint8_t{0x55});
  Bytes answer;
  network_.filter = [&](std::size_t from, std::size_t, ByteView datagram) {
    if (from == 1) {
      answer = to_bytes(datagram);
    }
    return false;
  };
  network_.inject(network_.host(0).address, 1, initial);
  network_.run_for(kSecond);
  EXPECT_EQ(endpoint(1).stats().version_negotiations_sent, 1u);
  EXPECT_EQ(endpoint(1).connection_count(), 0u);
  // RFC 9000 §17.2.1: version 0, the connection IDs exchanged, then what is spoken here.
  ASSERT_EQ(answer.size(), 23u + 3 * 4);
  EXPECT_EQ(to_hex(ByteView(answer).subspan(1, 22)),
            "00000000"
            "08"
            "5555555555555555"
            "08"
            "dddddddddddddddd");
  EXPECT_EQ(to_hex(ByteView(answer).subspan(27)),
            "00000001"
            "6b3343cf");
  // RFC 9000 §6.1: what is too small to be a first datagram is not answered.
  network_.inject(network_.host(0).address, 1, ByteView(initial).first(1'199));
  network_.run_for(kSecond);
  EXPECT_EQ(endpoint(1).stats().version_negotiations_sent, 1u);
}

TEST_F(StatelessTest, AVersionNegotiationThatNamesTheVersionInUseIsIgnored) {
  add("alpha");
  add("beta");
  bool forged = false;
  network_.filter = [&](std::size_t from, std::size_t, ByteView initial) {
    if (from == 0 && !forged) {
      forged = true;
      const ByteView dcid = initial.subspan(6, initial[5]);
      const ByteView scid = initial.subspan(7 + dcid.size(), initial[6 + dcid.size()]);
      Bytes packet{0x80, 0, 0, 0, 0, static_cast<std::uint8_t>(scid.size())};
      append(packet, scid);
      packet.push_back(static_cast<std::uint8_t>(dcid.size()));
      append(packet, dcid);
      append(packet, Bytes{0x6b, 0x33, 0x43, 0xcf, 0, 0, 0, 1});
      network_.inject(network_.host(1).address, 0, packet);
    }
    return true;
  };
  connect();
  EXPECT_TRUE(forged);
  EXPECT_TRUE(client().established());  // RFC 9000 §6.2
}

class ResetTest : public StatelessTest {
 protected:
  // A pair, whose server restarts with this secret.
  void restarted_pair(std::optional<Hash256> secret) {
    EndpointConfig config;
    config.secret = secret;
    add("alpha");
    add("beta", config);
    connect();
    network_.run_for(5 * kSecond);
    network_.restart(1);
  }
};

TEST_F(ResetTest, APeerThatRestartedWithItsSecretEndsTheConnectionAtOnce) {
  restarted_pair(Hash256{7});
  const Timestamp start = network_.now();
  ASSERT_TRUE(client().ping(1, start));
  ASSERT_TRUE(network_.run_until([&] { return close_codes_.contains(0); }, 5 * kSecond));
  EXPECT_EQ(close_codes_[0], "stoq.peer_restarted");
  EXPECT_LE(network_.now() - start, 2 * network_.link.delay + kMillisecond);
  EXPECT_EQ(endpoint(1).stats().stateless_resets_sent, 1u);
  network_.run_for(5 * kSecond);
  EXPECT_EQ(endpoint(0).connection_count(), 0u);
}

TEST_F(ResetTest, APeerThatRestartedWithoutItsSecretCannot) {
  restarted_pair(std::nullopt);
  const Timestamp start = network_.now();
  ASSERT_TRUE(client().ping(1, start));
  EXPECT_FALSE(network_.run_until([&] { return close_codes_.contains(0); }, 25 * kSecond));
  EXPECT_GE(endpoint(1).stats().stateless_resets_sent, 1u);
  ASSERT_TRUE(network_.run_until([&] { return close_codes_.contains(0); }, 60 * kSecond));
  EXPECT_EQ(close_codes_[0], "stoq.idle_timeout");
}

TEST_F(ResetTest, NobodyElseCanEndAConnection) {
  add("alpha");
  add("beta");
  connect();
  testing::SeededRng rng(9);
  for (int i = 0; i < 1'000; ++i) {
    Bytes guess(21 + rng.next() % 1'000);
    rng.fill(guess);
    guess[0] = static_cast<std::uint8_t>(0x40 | (guess[0] & 0x3f));
    network_.inject(network_.host(1).address, 0, guess);
  }
  network_.run_for(kSecond);
  EXPECT_TRUE(client().established());
  ASSERT_TRUE(client().ping(1, network_.now()));
  EXPECT_TRUE(wait_event(0, EventKind::kPong, kSecond));
}

TEST_F(ResetTest, ResetsAreFewAndTwoForgetfulEndpointsFallSilent) {
  add("alpha");
  add("beta");
  testing::SeededRng rng(9);
  const std::uint64_t before = network_.datagrams_sent();
  for (int i = 0; i < 1'000; ++i) {
    Bytes stray(1'200);
    rng.fill(stray);
    stray[0] = static_cast<std::uint8_t>(0x40 | (stray[0] & 0x3f));
    network_.inject(network_.host(0).address, 1, stray);
  }
  network_.run_for(900 * kMillisecond);
  EXPECT_LE(endpoint(1).stats().stateless_resets_sent, 100u);
  EXPECT_GE(endpoint(1).stats().stateless_resets_sent, 50u);
  network_.run_for(60 * kSecond);
  const std::uint64_t after = network_.datagrams_sent();
  network_.run_for(60 * kSecond);
  EXPECT_EQ(network_.datagrams_sent(), after);
  EXPECT_LT(after - before, 1'000u + 5'000u);
}

TEST_F(ResetTest, AWorkerDoesNotEndTheConnectionsOfItsSiblings) {
  EndpointConfig config;
  config.workers = 2;
  config.worker = 0;
  add("alpha");
  add("beta", config);
  network_.filter = [](std::size_t, std::size_t, ByteView) { return false; };
  Bytes stray(100, 0x40);
  stray[1] = 1;  // the connection ID of the other worker
  network_.inject(network_.host(0).address, 1, stray);
  network_.run_for(kSecond);
  EXPECT_EQ(endpoint(1).stats().stateless_resets_sent, 0u);
  stray[1] = 2;
  network_.inject(network_.host(0).address, 1, stray);
  network_.run_for(kSecond);
  EXPECT_EQ(endpoint(1).stats().stateless_resets_sent, 1u);
}

class AmplificationTest : public StatelessTest {
 protected:
  // Counts what host 1 receives from host 0 and what it sends there, and lets none of that through.
  void count() {
    network_.filter = [this](std::size_t from, std::size_t to, ByteView datagram) {
      if (from == 0 && to == 1) {
        received_ += datagram.size();
        return true;
      }
      if (from == 1 && to == 0) {
        sent_ += datagram.size();
        worst_ = std::max(worst_, static_cast<double>(sent_) / static_cast<double>(received_));
      }
      return false;
    };
  }
  std::uint64_t received_ = 0;
  std::uint64_t sent_ = 0;
  double worst_ = 0;
};

TEST_F(AmplificationTest, AnUnprovenAddressGetsNoMoreThanThreeTimesWhatItSent) {
  add("alpha");
  add("beta");
  count();
  network_.link.delay = 0;  // counted when sent: what is under way would blur it
  ASSERT_TRUE(network_.connect(0, 1));
  network_.run_for(30 * kSecond);
  EXPECT_GE(received_, kFirstFlight * 1'200);
  EXPECT_GT(sent_, 2 * kFirstFlight * 1'200);
  EXPECT_LE(worst_, 3.0);  // RFC 9000 §8.1
}

TEST_F(AmplificationTest, StatelessAnswersAreSmallerThanTheirQuestions) {
  add("alpha");
  add("beta", careful());
  count();
  network_.link.delay = 0;
  ASSERT_TRUE(network_.connect(0, 1));
  network_.run_for(30 * kSecond);
  EXPECT_GE(endpoint(1).stats().retries_sent, kFirstFlight);
  EXPECT_EQ(accepted(), 0u);
  EXPECT_LT(worst_, 1.0);
}

TEST_F(AmplificationTest, AFloodOfInitialsHasBoundedMemory) {
  EndpointConfig config;
  config.handshakes_max = 20;
  EndpointConfig many;
  many.connections_max = 300;
  many.handshakes_max = 600;
  add("alpha", many);
  add("beta", config);
  std::vector<Bytes> flood;
  network_.filter = [&](std::size_t from, std::size_t, ByteView datagram) {
    flood.push_back(to_bytes(datagram));
    EXPECT_EQ(from, 0u);
    return false;
  };
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(network_.connect(0, 1));
    network_.run_for(0);
  }
  ASSERT_EQ(flood.size(), 200 * kFirstFlight);
  // Every client from an address of its own; nobody takes the answers.
  const PathAddresses to{network_.host(1).address, {}};
  for (std::size_t i = 0; i < flood.size(); ++i) {
    PathAddresses path = to;
    path.remote = elsewhere(static_cast<std::uint16_t>(1 + i / kFirstFlight));
    endpoint(1).handle_datagram(path, 0, flood[i], network_.now());
    ASSERT_LE(endpoint(1).connection_count(), 10u);
  }
  EXPECT_EQ(accepted(), 10u);
  EXPECT_EQ(endpoint(1).stats().retries_sent, 256u);  // kStatelessQueueMax
  std::size_t waiting = 0;
  std::uint64_t bytes = 0;
  Bytes buffer(kTransmitSizeMax);
  while (const auto transmit = endpoint(1).poll_transmit(buffer, network_.now())) {
    ++waiting;
    bytes += transmit->size;
  }
  EXPECT_LE(waiting, 256u + 10u * 9);
  EXPECT_LE(bytes, 256u * 256 + 10u * 3 * kFirstFlight * 1'200);
  // Who can prove its address gets in meanwhile.
  add("gamma");
  network_.filter = [](std::size_t from, std::size_t, ByteView) { return from != 0; };
  ASSERT_TRUE(network_.connect(2, 1));
  EXPECT_TRUE(wait_event(2, EventKind::kConnected, 5 * kSecond));
  network_.run_for(60 * kSecond);
  EXPECT_EQ(endpoint(1).connection_count(), 1u);
}

}  // namespace
}  // namespace i2::stoq::core
