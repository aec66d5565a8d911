// Several ALPNs on one endpoint.
#include "fixture.h"

namespace i2::stoq::core {
namespace {

Result<void> accept_any(const crypto::Certificate&) {
  return {};
}

Profile changed(Profile profile, std::string groups, std::string signature_algorithms) {
  if (!groups.empty()) {
    profile.tls.groups = std::move(groups);
  }
  if (!signature_algorithms.empty()) {
    profile.tls.signature_algorithms = std::move(signature_algorithms);
  }
  return profile;
}

class AlpnTest : public CoreTest {
 protected:
  AlpnTest() : chain_(testing::make_ordinary_chain({"beta.test.i2.internal"}, kUnixStart)) {
    auto tls = TlsContext::serve({stoq_profile(), join_profile(), http3_profile()});
    EXPECT_TRUE(tls);
    tls_ = *tls;
  }

  // alpha, who dials with `client` (or with what beta serves), and beta.
  void add_both(std::vector<Profile> client = {}) {
    nodes_.push_back(std::make_unique<testing::TestNode>(fleet_, "alpha", kUnixStart));
    fleet_.enrol(*nodes_.back());
    auto tls = client.empty() ? tls_ : *TlsContext::serve(std::move(client));
    network_.add_host({}, std::move(tls), *nodes_.back(), fleet_);
    add("beta").show_ordinary(chain_.credential);
  }

  static Endpoint::ConnectOptions options(std::string_view alpn) {
    Endpoint::ConnectOptions out{.alpn = std::string(alpn)};
    if (alpn != kAlpnStoq) {
      out.check_leaf = accept_any;
    }
    return out;
  }

  // Both sides connected.
  void open(Endpoint::ConnectOptions wanted) {
    network_.host(0).events.clear();
    network_.host(1).events.clear();
    ASSERT_TRUE(network_.connect(0, 1, std::move(wanted)));
    ASSERT_TRUE(wait_event(0, EventKind::kConnected));
    ASSERT_TRUE(wait_event(1, EventKind::kConnected));
  }

  // Why the connection of `host` ended; the server may never have taken it for a good one.
  std::string refusal(std::size_t host, Endpoint::ConnectOptions wanted) {
    std::string code;
    network_.on_event = [&](std::size_t where, const Event& event) {
      if (where == host && event.kind == EventKind::kClosed) {
        code = endpoint(host).find(event.connection)->close_error().code();
      }
    };
    EXPECT_TRUE(network_.connect(0, 1, std::move(wanted)));
    EXPECT_TRUE(network_.run_until([&] { return !code.empty(); }, 30 * kSecond));
    EXPECT_FALSE(find_event(1, EventKind::kConnected));
    return code;
  }

  testing::OrdinaryChain chain_;
};

TEST_F(AlpnTest, EachConnectionKnowsItsAlpn) {
  add_both();
  for (const std::string_view alpn : {kAlpnStoq, kAlpnStoqJoin, kAlpnHttp3}) {
    open(options(alpn));
    EXPECT_EQ(client().alpn(), alpn);
    EXPECT_EQ(server().alpn(), alpn);
    EXPECT_EQ(client().security().key_exchange, "X25519MLKEM768");
  }
}

TEST_F(AlpnTest, WithoutOneAskedForTheFirstIsUsed) {
  add_both();
  connect();
  EXPECT_EQ(server().alpn(), kAlpnStoq);
  EXPECT_EQ(server().peer().name, "alpha");
}

TEST_F(AlpnTest, TheNodesOwnProtocolStillTakesOneRoundTrip) {
  add_both();
  network_.link.delay = 50 * kMillisecond;
  const Timestamp start = network_.now();
  ASSERT_TRUE(network_.connect(0, 1, options(kAlpnStoq)));
  ASSERT_TRUE(wait_event(0, EventKind::kHelloSignatureWanted));
  EXPECT_LT(network_.now() - start, 101 * kMillisecond);
}

TEST_F(AlpnTest, AnOrdinaryClientIsShownTheP256ChainAndAskedForNothing) {
  add_both();
  network_.link.delay = 50 * kMillisecond;
  const Timestamp start = network_.now();
  ASSERT_TRUE(network_.connect(0, 1, options(kAlpnHttp3)));
  ASSERT_TRUE(wait_event(0, EventKind::kConnected));
  EXPECT_LT(network_.now() - start, 101 * kMillisecond);
  EXPECT_EQ(client().peer_leaf().der(), chain_.credential->certificate.der());
  ASSERT_EQ(client().peer_chain().size(), 1u);
  EXPECT_EQ(client().peer_chain()[0].der(), chain_.credential->chain[0].der());
  EXPECT_EQ(client().security().authentication, "p256");
  ASSERT_TRUE(wait_event(1, EventKind::kConnected));
  EXPECT_FALSE(server().peer_leaf());
  EXPECT_TRUE(server().peer().name.empty());
}

TEST_F(AlpnTest, AnOrdinaryClientMayBeClassical) {
  add_both({changed(http3_profile(), "X25519", "")});
  open(options(kAlpnHttp3));
  EXPECT_EQ(server().security().key_exchange, "x25519");
}

TEST_F(AlpnTest, AnOrdinaryClientsUnknownShareIsAskedForAgain) {
  // The server knows only the second group: HelloRetryRequest, and a second ClientHello.
  add_both({changed(http3_profile(), "SecP384r1MLKEM1024:X25519MLKEM768", "")});
  open(options(kAlpnHttp3));
  EXPECT_EQ(server().security().key_exchange, "X25519MLKEM768");
  EXPECT_EQ(server().alpn(), kAlpnHttp3);
}

TEST_F(AlpnTest, AJoiningNodeSeesTheFalconLeafAndShowsNone) {
  add_both();
  open(options(kAlpnStoqJoin));
  EXPECT_EQ(client().peer_leaf().der(), nodes_[1]->current()->certificate.der());
  EXPECT_FALSE(server().peer_leaf());
}

// What the other profiles allow does not open the node's own protocol.
TEST_F(AlpnTest, ClassicalGroupsDoNotOpenStoq) {
  add_both({changed(stoq_profile(), "X25519", "")});
  EXPECT_EQ(refusal(0, options(kAlpnStoq)), "stoq.tls_refused");
}

TEST_F(AlpnTest, ClassicalGroupsDoNotOpenJoin) {
  add_both({changed(join_profile(), "X25519", "")});
  EXPECT_EQ(refusal(0, options(kAlpnStoqJoin)), "stoq.tls_refused");
}

TEST_F(AlpnTest, EcdsaDoesNotOpenStoq) {
  add_both({changed(stoq_profile(), "", "ecdsa_secp256r1_sha256")});
  EXPECT_EQ(refusal(0, options(kAlpnStoq)), "stoq.tls_refused");
}

TEST_F(AlpnTest, EcdsaDoesNotOpenJoin) {
  add_both({changed(join_profile(), "", "ecdsa_secp256r1_sha256")});
  EXPECT_EQ(refusal(0, options(kAlpnStoqJoin)), "stoq.tls_refused");
}

TEST_F(AlpnTest, FalconDoesNotOpenHttp3) {
  add_both({changed(http3_profile(), "", "falcon1024")});
  EXPECT_EQ(refusal(0, options(kAlpnHttp3)), "stoq.tls_refused");
}

TEST_F(AlpnTest, NobodyEntersStoqWithoutACertificate) {
  Profile bare = stoq_profile();
  bare.tls.peer_certificate = PeerCertificate::kNone;  // as a client: shows none
  add_both({bare});
  EXPECT_EQ(refusal(1, options(kAlpnStoq)), "stoq.tls_failed");
}

TEST_F(AlpnTest, ASessionOfOneAlpnIsNotResumedOnAnother) {
  add_both();
  open(options(kAlpnHttp3));
  network_.run_for(kSecond);
  Endpoint::ConnectOptions next = options(kAlpnStoq);
  next.session = client().take_session();
  ASSERT_TRUE(next.session);
  open(std::move(next));
  EXPECT_FALSE(client().security().resumed);
  EXPECT_EQ(server().peer().name, "alpha");
}

TEST_F(AlpnTest, ASessionIsResumedOnItsOwnAlpn) {
  add_both();
  open(options(kAlpnHttp3));
  network_.run_for(kSecond);
  Endpoint::ConnectOptions next = options(kAlpnHttp3);
  next.session = client().take_session();
  ASSERT_TRUE(next.session);
  open(std::move(next));
  EXPECT_TRUE(client().security().resumed);
}

TEST_F(AlpnTest, WithoutAnOrdinaryCredentialOrdinaryClientsAreRefused) {
  add_both();
  nodes_[1]->show_ordinary(nullptr);
  EXPECT_EQ(refusal(0, options(kAlpnHttp3)), "stoq.tls_refused");
  network_.on_event = nullptr;
  open(options(kAlpnStoq));
}

TEST_F(AlpnTest, TheClientDecidesWhetherTheServerIsTheRightOne) {
  add_both();
  Endpoint::ConnectOptions wanted = options(kAlpnHttp3);
  wanted.check_leaf = [](const crypto::Certificate&) -> Result<void> {
    return fail("crypto.untrusted", "not this one");
  };
  std::string code;
  network_.on_event = [&](std::size_t where, const Event& event) {
    if (where == 0 && event.kind == EventKind::kClosed) {
      code = endpoint(0).find(event.connection)->close_error().code();
    }
  };
  ASSERT_TRUE(network_.connect(0, 1, std::move(wanted)));
  EXPECT_TRUE(network_.run_until([&] { return !code.empty(); }, 30 * kSecond));
  EXPECT_EQ(code, "crypto.untrusted");
  EXPECT_FALSE(find_event(0, EventKind::kConnected));
}

TEST_F(AlpnTest, AClientWithoutAJudgeIsAnError) {
  add_both();
  const auto unjudged = network_.connect(0, 1, {.alpn = std::string(kAlpnHttp3)});
  ASSERT_FALSE(unjudged);
  EXPECT_EQ(unjudged.error().code(), "stoq.tls_setup");
  const auto unknown = network_.connect(0, 1, {.alpn = "doq"});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code(), "stoq.tls_setup");
  const auto twice =
      network_.connect(0, 1, {.alpn = std::string(kAlpnStoq), .check_leaf = accept_any});
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().code(), "stoq.tls_setup");
}

TEST_F(AlpnTest, RawStreamsCarryNothingOfOurs) {
  add_both();
  open(options(kAlpnHttp3));
  const auto stream = client().open_raw_stream(true);
  ASSERT_TRUE(stream);
  ASSERT_TRUE(client().write(*stream, Chunk::copy_of(as_bytes("\x04GET")), true));
  ASSERT_TRUE(wait_event(1, EventKind::kStreamReadable));
  EXPECT_EQ(find_event(1, EventKind::kStreamOpened)->stream, *stream);
  EXPECT_FALSE(server().stream_type(*stream).has_value());
  const auto read = server().read(*stream);
  ASSERT_TRUE(read);
  EXPECT_EQ(as_text(read->data.view()), "\x04GET");
  EXPECT_TRUE(read->finished);
  ASSERT_TRUE(server().write(*stream, Chunk::copy_of(as_bytes("200")), true));
  ASSERT_TRUE(wait_event(0, EventKind::kStreamReadable));
  EXPECT_EQ(as_text(client().read(*stream)->data.view()), "200");
}

// 0x21 is a greasing type of stoq/1 and an ordinary byte elsewhere.
TEST_F(AlpnTest, ARawStreamMayBeginWithAnyByteAndAnEmptyOneIsAStream) {
  add_both();
  open(options(kAlpnStoqJoin));
  const auto grease = client().open_raw_stream(true);
  const auto empty = client().open_raw_stream(true);
  ASSERT_TRUE(grease && empty);
  ASSERT_TRUE(client().write(*grease, Chunk::copy_of(as_bytes("\x21"))));
  ASSERT_TRUE(client().write(*empty, Chunk{}, true));
  std::set<StreamId> opened;
  ASSERT_TRUE(network_.run_until([&] {
    for (const Event& event : network_.host(1).events) {
      if (event.kind == EventKind::kStreamOpened) {
        opened.insert(event.stream);
      }
    }
    return opened.size() == 2;
  }));
  EXPECT_TRUE(server().read(*empty)->finished);
}

TEST_F(AlpnTest, StrangersGetTheLimitsOfTheirProfile) {
  add_both();
  open(options(kAlpnStoqJoin));
  const auto allowed = join_profile().limits->streams_bidi_max;
  for (std::uint64_t i = 0; i < allowed; ++i) {
    EXPECT_TRUE(client().open_raw_stream(true));
  }
  const auto more = client().open_raw_stream(true);
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().code(), "stoq.streams_exhausted");
  EXPECT_EQ(client().datagram_size_max(), 0u);
}

TEST_F(AlpnTest, TheWindowOfAProfileBoundsWhatWaitsUnread) {
  add_both();
  open(options(kAlpnStoqJoin));
  const auto stream = client().open_raw_stream(true);
  ASSERT_TRUE(stream);
  ASSERT_TRUE(client().write(*stream, Chunk(Bytes(1024 * 1024))));
  network_.run_for(5 * kSecond);
  const std::uint64_t sent = 1024 * 1024 - client().unsent(*stream);
  EXPECT_EQ(sent, join_profile().limits->stream_window);
}

TEST(TlsContextTest, SelectsTheFirstProfileThatIsOffered) {
  const auto tls = TlsContext::serve({stoq_profile(), http3_profile()});
  ASSERT_TRUE(tls);
  const auto selected = [&](std::string_view list) {
    const Profile* const profile = (*tls)->select(as_bytes(list));
    return profile == nullptr ? std::string() : profile->tls.alpn;
  };
  EXPECT_EQ(selected("\x02h3\x06stoq/1"), "stoq/1");
  EXPECT_EQ(selected("\x05h3-29\x02h3"), "h3");
  EXPECT_EQ(selected("\x08http/1.1"), "");
  EXPECT_EQ(selected(""), "");
  EXPECT_EQ(selected("\x02h3\x07stoq/1"), "");                            // cut short
  EXPECT_EQ(selected(std::string_view("\x00\x02h3", 4)), "");             // an empty name
  EXPECT_EQ(selected(std::string_view("\x02h3\x06stoq/1\x00", 11)), "");  // and at the end
}

}  // namespace
}  // namespace i2::stoq::core
