#include "fixture.h"

namespace i2::stoq::core {
namespace {

class HandshakeTest : public CoreTest {
 protected:
  // Connects 0 to 1 and returns why the client's (or server's) connection closed.
  std::string refusal(std::size_t host) {
    std::string code;
    network_.on_event = [&](std::size_t where, const Event& event) {
      if (where == host && event.kind == EventKind::kClosed) {
        code = endpoint(host).find(event.connection)->close_error().code();
      }
    };
    EXPECT_TRUE(network_.connect(0, 1));
    EXPECT_TRUE(network_.run_until([&] { return !code.empty(); }, 30 * kSecond));
    EXPECT_FALSE(find_event(0, EventKind::kConnected) && find_event(1, EventKind::kConnected));
    return code;
  }
};

TEST_F(HandshakeTest, BothSidesKnowEachOther) {
  add("alpha");
  add("beta");
  connect();
  EXPECT_EQ(client().peer().name, "beta");
  EXPECT_EQ(server().peer().name, "alpha");
  EXPECT_EQ(client().security().key_exchange, "X25519MLKEM768");
  EXPECT_EQ(client().security().authentication, "falcon1024+ed25519");
  EXPECT_EQ(server().security().authentication, "falcon1024+ed25519");
  EXPECT_FALSE(client().security().resumed);
  EXPECT_EQ(*client().export_keying_material("EXPORTER-x", {}, 32),
            *server().export_keying_material("EXPORTER-x", {}, 32));
}

TEST_F(HandshakeTest, ALostCloseIsSaidAgain) {
  add("alpha");
  add("beta");
  connect();
  network_.run_for(kSecond);
  int lost = 0;
  network_.filter = [&](std::size_t from, std::size_t, ByteView) {
    return from != 0 || ++lost > 2;
  };
  client().close(0, "");
  EXPECT_TRUE(wait_event(1, EventKind::kClosed, kSecond));
  EXPECT_EQ(server().close_error().code(), "stoq.closed_by_peer");
  EXPECT_EQ(lost, 3);
}

TEST_F(HandshakeTest, AForeignRootIsRefused) {
  add("alpha");
  testing::TestFleet other(kUnixStart);
  testing::TestNode stranger(other, "beta", kUnixStart);
  fleet_.enrol(stranger);
  network_.add_host({}, tls_, stranger, fleet_);
  EXPECT_EQ(refusal(0), "trust.leaf_untrusted");
}

TEST_F(HandshakeTest, TheRefusedSideLearnsTheReason) {
  add("alpha");
  testing::TestFleet other(kUnixStart);
  testing::TestNode stranger(other, "beta", kUnixStart);
  fleet_.enrol(stranger);
  network_.add_host({}, tls_, stranger, fleet_);
  EXPECT_EQ(refusal(1), "trust.leaf_untrusted");
}

TEST_F(HandshakeTest, AnUnregisteredNodeIsRefused) {
  add("alpha", {}, false);
  add("beta");
  EXPECT_EQ(refusal(1), "trust.member_unknown");
}

TEST_F(HandshakeTest, AnExpiredBindingIsRefused) {
  add("alpha").bind_until(kUnixStart - 1);
  add("beta");
  EXPECT_EQ(refusal(1), "trust.binding_expired");
}

TEST_F(HandshakeTest, ABindingForAnotherLeafIsRefused) {
  testing::TestNode& alpha = add("alpha");
  add("beta");
  testing::TestNode second(fleet_, "alpha", kUnixStart);
  // A CA that issued a leaf for alpha's name cannot speak as alpha.
  class Impostor final : public ports::CertSource {
   public:
    Impostor(const testing::TestNode& real, const testing::TestNode& fake)
        : real_(real), fake_(fake) {}
    NodeId node_id() const override { return real_.node_id(); }
    std::shared_ptr<const ports::LeafCredential> current() const override {
      return std::make_shared<const ports::LeafCredential>(ports::LeafCredential{
          fake_.current()->certificate, fake_.current()->key, real_.current()->binding});
    }
    void sign_hello(Bytes message, std::function<void(Result<Bytes>)> done) const override {
      fake_.sign_hello(std::move(message), std::move(done));
    }

   private:
    const testing::TestNode& real_;
    const testing::TestNode& fake_;
  } impostor(alpha, second);
  testing::SeededRng rng(5);
  network_.host(0).endpoint = std::make_unique<Endpoint>(EndpointConfig{}, tls_, impostor, fleet_,
                                                         rng, network_.now(), network_.unix_now());
  EXPECT_EQ(refusal(1), "trust.binding_invalid");
}

TEST_F(HandshakeTest, AHelloSignedByAnotherKeyIsRefused) {
  testing::TestNode& alpha = add("alpha");
  alpha.sign_with(*crypto::PrivateKey::generate(crypto::SignatureAlgorithm::kEd25519));
  add("beta");
  EXPECT_EQ(refusal(1), "trust.hello_signature");
}

TEST_F(HandshakeTest, ClassicalGroupsAreRefused) {
  auto classical = TlsContext::create({.alpn = std::string(kAlpnStoq), .groups = "X25519"});
  ASSERT_TRUE(classical);
  nodes_.push_back(std::make_unique<testing::TestNode>(fleet_, "alpha", kUnixStart));
  fleet_.enrol(*nodes_.back());
  network_.add_host({}, *classical, *nodes_.back(), fleet_);
  add("beta");
  EXPECT_EQ(refusal(0), "stoq.tls_refused");
}

TEST_F(HandshakeTest, EcdsaOnlyClientsAreRefused) {
  auto classical = TlsContext::create(
      {.alpn = std::string(kAlpnStoq), .signature_algorithms = "ecdsa_secp256r1_sha256"});
  ASSERT_TRUE(classical);
  nodes_.push_back(std::make_unique<testing::TestNode>(fleet_, "alpha", kUnixStart));
  network_.add_host({}, *classical, *nodes_.back(), fleet_);
  add("beta");
  EXPECT_EQ(refusal(0), "stoq.tls_refused");
}

TEST_F(HandshakeTest, AnotherAlpnIsRefused) {
  auto other = TlsContext::create({.alpn = "h3"});
  ASSERT_TRUE(other);
  nodes_.push_back(std::make_unique<testing::TestNode>(fleet_, "alpha", kUnixStart));
  network_.add_host({}, *other, *nodes_.back(), fleet_);
  add("beta");
  EXPECT_EQ(refusal(0), "stoq.tls_refused");
}

TEST_F(HandshakeTest, NobodyAnswers) {
  add("alpha");
  add("beta");
  network_.filter = [](std::size_t, std::size_t, ByteView) { return false; };
  EXPECT_EQ(refusal(0), "stoq.unreachable");
}

TEST_F(HandshakeTest, AnAnswerThatBreaksOffIsAnotherErrorThanNone) {
  add("alpha");
  add("beta");
  int answers = 0;
  network_.filter = [&](std::size_t from, std::size_t, ByteView) {
    return from == 0 || ++answers == 1;
  };
  EXPECT_EQ(refusal(0), "stoq.handshake_timeout");
}

TEST_F(HandshakeTest, ThreePercentLossAndJitterStillConnect) {
  add("alpha");
  add("beta");
  network_.link.loss_per_million = 30'000;
  network_.link.jitter = 5 * kMillisecond;
  network_.link.duplicate_per_million = 10'000;
  int connected = 0;
  for (int i = 0; i < 40; ++i) {
    network_.host(0).events.clear();
    network_.host(1).events.clear();
    ASSERT_TRUE(network_.connect(0, 1));
    connected += wait_event(0, EventKind::kConnected, 9 * kSecond) ? 1 : 0;
  }
  EXPECT_EQ(connected, 40);
}

}  // namespace
}  // namespace i2::stoq::core
