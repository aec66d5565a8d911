// Who the peer is, and what may come from anywhere: refused credentials, resumption, restarts,
// garbage.
#include <i2/stoq/core/testing/network.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "nodes.h"

namespace i2::stoq::test {
namespace {

// --- refused

// Why alice, as `identity`, and bob do not get together. Both sides' views.
struct Refusal {
  std::string at_client;
  TransportStats client;
  TransportStats server;
};

Refusal refusal(const ports::CertSource& client_identity, const ports::CertSource& server_identity,
                const TransportConfig& client_config = loopback_config()) {
  TransportConfig server_config = loopback_config();
  server_config.accept_backlog = 0;
  Node bob(server_identity, server_config);
  Node alice(client_identity, client_config);
  const auto connection = alice.try_connect(bob.address());
  // A server's verdict may come when the client is content with the server.
  Refusal out{connection ? closed(*connection).code() : connection.error().code(), {}, {}};
  out.client = alice.stats();
  out.server = bob.stats();
  return out;
}

// Others that want to belong to the fleet of alice and bob.
struct Strangers {
  UnixMillis now = identities().now;
  core::testing::TestFleet other_fleet{now};
  core::testing::TestNode foreign{other_fleet, "foreign", now};
  core::testing::TestNode unknown{identities().fleet, "unknown", now};
  core::testing::TestNode unbound{identities().fleet, "unbound", now};
  core::testing::TestNode impostor{identities().fleet, "impostor", now};
  core::testing::TestNode early{identities().fleet, "early", now + 86'400'000};
  core::testing::TestNode classical{identities().fleet, "classical", now, 3'600 * kSecond,
                                    crypto::SignatureAlgorithm::kEcdsaP256};
  Strangers() {
    unbound.bind_until(now - 1'000);
    impostor.sign_with(*crypto::PrivateKey::generate(crypto::SignatureAlgorithm::kEd25519));
    for (const auto* node : {&unbound, &impostor, &early, &classical}) {
      identities().fleet.enrol(*node);
    }
  }
};
Strangers& strangers() {
  static Strangers instance;
  return instance;
}

class RefusedTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { (void)strangers(); }
};

TEST_F(RefusedTest, AClientWithoutAGoodCredential) {
  const std::pair<const core::testing::TestNode*, std::string> cases[] = {
      {&strangers().foreign, "trust.leaf_untrusted"},
      {&strangers().unknown, "trust.member_unknown"},
      {&strangers().unbound, "trust.binding_expired"},
      {&strangers().impostor, "trust.hello_signature"},
      {&strangers().early, "trust.leaf_not_yet_valid"}};
  for (const auto& [node, code] : cases) {
    const Refusal seen = refusal(*node, identities().bob);
    EXPECT_EQ(seen.at_client, code) << node->name();
    EXPECT_EQ(seen.server.endpoint.peers_refused, 1u) << node->name();
    EXPECT_EQ(seen.server.endpoint.connections_established, 0u) << node->name();
  }
}

TEST_F(RefusedTest, AServerWithoutAGoodCredential) {
  const std::pair<const core::testing::TestNode*, std::string> cases[] = {
      {&strangers().foreign, "trust.leaf_untrusted"},
      {&strangers().unknown, "trust.member_unknown"},
      {&strangers().unbound, "trust.binding_expired"},
      {&strangers().impostor, "trust.hello_signature"}};
  for (const auto& [node, code] : cases) {
    const Refusal seen = refusal(identities().alice, *node);
    EXPECT_EQ(seen.at_client, code) << node->name();
    EXPECT_EQ(seen.client.endpoint.peers_refused, 1u) << node->name();
    EXPECT_EQ(seen.client.endpoint.connections_established, 0u) << node->name();
  }
}

TEST_F(RefusedTest, ClassicalCryptography) {
  TransportConfig groups = loopback_config();
  groups.profiles.front().tls.groups = "X25519:P-256";
  EXPECT_EQ(refusal(identities().alice, identities().bob, groups).at_client, "stoq.tls_refused");
  TransportConfig signatures = loopback_config();
  signatures.profiles.front().tls.signature_algorithms = "ecdsa_secp256r1_sha256";
  const Refusal seen = refusal(strangers().classical, identities().bob, signatures);
  EXPECT_EQ(seen.at_client, "stoq.tls_refused");
  EXPECT_EQ(seen.server.endpoint.handshakes_failed, 1u);
}

// A node whose key does not answer.
class Mute final : public ports::CertSource {
 public:
  explicit Mute(const core::testing::TestNode& node) : node_(node) {}
  [[nodiscard]] NodeId node_id() const override { return node_.node_id(); }
  [[nodiscard]] std::shared_ptr<const ports::LeafCredential> current() const override {
    return node_.current();
  }
  void sign_hello(Bytes, std::function<void(Result<Bytes>)>) const override {}

 private:
  const core::testing::TestNode& node_;
};

// A node whose key is broken.
class Broken final : public ports::CertSource {
 public:
  explicit Broken(const core::testing::TestNode& node) : node_(node) {}
  [[nodiscard]] NodeId node_id() const override { return node_.node_id(); }
  [[nodiscard]] std::shared_ptr<const ports::LeafCredential> current() const override {
    return node_.current();
  }
  void sign_hello(Bytes, std::function<void(Result<Bytes>)> done) const override {
    std::thread([done = std::move(done)] {
      done(fail("crypto.sign", "the token is gone"));
    }).join();
  }

 private:
  const core::testing::TestNode& node_;
};

TEST_F(RefusedTest, APeerThatCannotSignItsHello) {
  const Mute mute(identities().bob);
  TransportConfig config = loopback_config();
  config.endpoint.handshake_timeout = kSecond;
  EXPECT_EQ(refusal(identities().alice, mute, config).at_client, "stoq.hello_timeout");
  // Too early in the handshake for a reason (RFC 9000 §10.2.3), unless the key took its time.
  const Broken broken(identities().bob);
  const std::string code = refusal(identities().alice, broken).at_client;
  EXPECT_TRUE(code == "stoq.closed_by_peer" || code == "stoq.peer_internal") << code;
}

// --- resumed

TEST(Resumption, TheSecondConnectionIsResumedUnlessToldOtherwise) {
  Node bob(identities().bob);
  Node alice(identities().alice);
  const auto visit = [&](bool resume) {
    Connection connection = alice.connect(bob.address(), {.resume = resume});
    const Connection server = bob.accept();
    EXPECT_EQ(connection.peer().name, "bob");
    EXPECT_EQ(server.peer().name, "alice");
    EXPECT_EQ(connection.security().resumed, server.security().resumed);
    EXPECT_EQ(connection.security().key_exchange, "X25519MLKEM768");
    EXPECT_EQ(connection.security().authentication, "falcon1024+ed25519");
    EXPECT_TRUE(ping(connection));  // the server's ticket has come
    asio::post(connection.executor(), [connection]() mutable { connection.close(); });
    EXPECT_EQ(closed(connection).code(), "stoq.closed");
    EXPECT_EQ(closed(server).code(), "stoq.closed_by_peer");
    return connection.security().resumed;
  };
  EXPECT_FALSE(visit(true));
  EXPECT_TRUE(visit(true));
  EXPECT_FALSE(visit(false));
  EXPECT_TRUE(visit(true));
}

TEST(Resumption, ARestartedPeerEndsTheOldConnectionAndTakesANewOne) {
  TransportConfig config = loopback_config();
  config.endpoint.secret = Hash256{7};  // as a node keeps it on disk
  Node alice(identities().alice);
  std::optional<Node> bob;
  bob.emplace(identities().bob, config);
  config.bind = bob->address();
  const Connection old = alice.connect(config.bind);
  ASSERT_TRUE(ping(old));
  bob.reset();  // without a word to alice
  bob.emplace(identities().bob, config);
  // The PING finds nobody who knows the connection.
  EXPECT_EQ(ping(old).error().code(), "stoq.peer_restarted");
  EXPECT_EQ(closed(old).code(), "stoq.peer_restarted");
  EXPECT_GE(bob->stats().endpoint.stateless_resets_sent, 1u);
  const Connection next = alice.connect(config.bind);
  EXPECT_TRUE(ping(next));
  EXPECT_FALSE(next.security().resumed) << "the ticket was the old process's";
}

// --- garbage

// Sends from a socket of its own until told to end.
class Garbage {
 public:
  explicit Garbage(std::vector<SocketAddress> targets) : targets_(std::move(targets)) {
    thread_ = std::thread([this] { run(); });
  }
  ~Garbage() { (void)end(); }
  Garbage(const Garbage&) = delete;
  Garbage& operator=(const Garbage&) = delete;
  // How many datagrams went out.
  std::size_t end() {
    stop_ = true;
    if (thread_.joinable()) {
      thread_.join();
    }
    return sent_;
  }

 private:
  void run() {
    const int descriptor = ::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    core::testing::SeededRng rng(11);
    while (!stop_ || sent_ < 500) {
      Bytes datagram(rng.next() % 1'500);
      rng.fill(datagram);
      shape(datagram, rng);
      for (const SocketAddress& target : targets_) {
        sockaddr_in6 name{};
        name.sin6_family = AF_INET6;
        name.sin6_port = htons(target.port);
        std::copy(target.ip.begin(), target.ip.end(), std::begin(name.sin6_addr.s6_addr));
        if (::sendto(descriptor, datagram.data(), datagram.size(), 0,
                     reinterpret_cast<const sockaddr*>(&name), sizeof name) >= 0) {
          ++sent_;
        }
      }
      // More would only fill the sockets' buffers.
      std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
    ::close(descriptor);
  }

  // Random bytes are mostly dropped at the first look: let some pass for Initials of version 1 or
  // 2, of an unknown version, or for short headers.
  static void shape(Bytes& datagram, core::testing::SeededRng& rng) {
    if (datagram.size() < 32) {
      return;
    }
    switch (rng.next() % 4) {
      case 0: {
        const Bytes head{0xc3, 0, 0, 0, 1, 8};
        std::copy(head.begin(), head.end(), datagram.begin());
        datagram[14] = 8;  // length of the source connection ID
        datagram[23] = 0;  // no token
        break;
      }
      case 1: {
        const Bytes head{0xd3, 0x6b, 0x33, 0x43, 0xcf, 20};
        std::copy(head.begin(), head.end(), datagram.begin());
        break;
      }
      case 2:
        datagram[0] = 0x40 | (datagram[0] & 0x3f);
        break;
      default:
        break;
    }
  }

  std::vector<SocketAddress> targets_;
  std::atomic<bool> stop_ = false;
  std::size_t sent_ = 0;
  std::thread thread_;
};

Bytes pattern(std::size_t size) {
  Bytes out(size);
  core::testing::SeededRng(3).fill(out);
  return out;
}

Task<Result<void>> send_all(Connection connection, Bytes data) {
  I2_CO_TRY_VALUE(Stream stream, co_await connection.open_stream(StreamType::kBytes, false));
  I2_CO_TRY(co_await stream.write(Chunk(std::move(data)), true));
  co_return co_await stream.flush();
}

Task<Result<Bytes>> receive_all(Connection connection) {
  I2_CO_TRY_VALUE(Stream stream, co_await connection.accept_stream());
  Bytes out;
  for (;;) {
    I2_CO_TRY_VALUE(const Chunk chunk, co_await stream.read());
    if (chunk.size() == 0) {
      co_return out;
    }
    append(out, chunk.view());
  }
}

TEST(Garbage, BetweenTheDatagramsOfATransferChangesNothing) {
  Node bob(identities().bob);
  Node alice(identities().alice);
  const Connection client = alice.connect(bob.address());
  const Connection server = bob.accept();
  const Bytes data = pattern(8 * 1024 * 1024);
  Garbage garbage({alice.address(), bob.address()});
  for (int round = 0; round < 2; ++round) {
    const Connection& from = round == 0 ? client : server;
    const Connection& to = round == 0 ? server : client;
    auto sent = asio::co_spawn(from.executor(), send_all(from, data), asio::use_future);
    auto received = asio::co_spawn(to.executor(), receive_all(to), asio::use_future);
    const auto got = get(std::move(received), "a transfer");
    ASSERT_TRUE(got) << got.error().to_string();
    EXPECT_TRUE(*got == data);
    EXPECT_TRUE(get(std::move(sent), "the acknowledgement"));
  }
  EXPECT_GE(garbage.end(), 500u);
  EXPECT_TRUE(ping(client));
  for (Node* node : {&alice, &bob}) {
    const TransportStats stats = node->stats();
    EXPECT_EQ(stats.connections, 1u);
    EXPECT_EQ(stats.endpoint.connections_accepted, node == &bob ? 1u : 0u);
    EXPECT_EQ(stats.endpoint.connections_established, 1u);
    EXPECT_GT(stats.endpoint.datagrams_dropped, 0u);
  }
}

}  // namespace
}  // namespace i2::stoq::test
