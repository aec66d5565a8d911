// Nodes with a transport and nothing above it, for tests of the transport itself.
#pragma once

#include <thread>

#include "loopback.h"

namespace i2::stoq::test {

inline SocketAddress loopback_address(std::uint16_t port = 0) {
  SocketAddress out;
  out.ip[15] = 1;
  out.port = port;
  return out;
}

inline TransportConfig loopback_config() {
  TransportConfig out;
  out.bind = loopback_address();
  return out;
}

inline std::unique_ptr<Transport> make_transport(
    const TransportConfig& config, rt::Runtime& runtime, const ports::CertSource& identity,
    const ports::PeerVerifier& verifier = identities().fleet) {
  auto transport = Transport::create(config, runtime, identity, verifier);
  if (!transport) {
    std::fprintf(stderr, "transport: %s\n", transport.error().to_string().c_str());
    std::abort();
  }
  return std::move(*transport);
}

// A transport with a runtime of its own.
struct Node {
  explicit Node(const ports::CertSource& identity,
                const TransportConfig& config = loopback_config(), std::size_t workers = 1)
      : runtime({.workers = workers, .pool_threads = 1, .worker_cpus = {}}),
        transport(make_transport(config, runtime, identity)) {}

  [[nodiscard]] SocketAddress address() const { return transport->local_address(); }
  [[nodiscard]] Result<Connection> try_connect(const SocketAddress& remote,
                                               Transport::ConnectOptions options = {}) {
    return run(runtime.control(), transport->connect(remote, std::move(options)), "connect()");
  }
  [[nodiscard]] Connection connect(const SocketAddress& remote,
                                   Transport::ConnectOptions options = {}) {
    auto connection = try_connect(remote, std::move(options));
    if (!connection) {
      std::fprintf(stderr, "connect: %s\n", connection.error().to_string().c_str());
      std::abort();
    }
    return *connection;
  }
  [[nodiscard]] Connection accept() {
    auto connection = run(runtime.control(), transport->accept(), "accept()");
    if (!connection) {
      std::fprintf(stderr, "accept: %s\n", connection.error().to_string().c_str());
      std::abort();
    }
    return *connection;
  }
  void shut_down() { run(runtime.control(), transport->shutdown(), "shutdown()"); }
  [[nodiscard]] TransportStats stats() {
    return run(runtime.control(), transport->stats(), "stats()");
  }
  [[nodiscard]] bool wait_for_connections(std::size_t count) {
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (stats().connections != count) {
      if (std::chrono::steady_clock::now() >= until) {
        return false;
      }
      std::this_thread::yield();
    }
    return true;
  }

  rt::Runtime runtime;
  std::unique_ptr<Transport> transport;
};

// Why the connection ends.
inline Task<Result<void>> end_of(Connection connection) {
  co_return fail(co_await connection.closed());
}
inline Error closed(const Connection& connection) {
  return run(connection.executor(), end_of(connection), "the end of a connection").error();
}

// A PING there and back: what the peer was sent before, it has handled.
inline Result<Duration> ping(const Connection& connection) {
  Connection copy = connection;
  return run(connection.executor(), copy.ping(), "ping()");
}

// Both ends of one connection. Alice and bob share a worker, so that one coroutine may use both.
class PairTest : public ::testing::Test {
 protected:
  void SetUp() override { connect(); }
  void connect(const core::EndpointConfig& endpoint = {}) {
    TransportConfig config = loopback_config();
    config.endpoint = endpoint;
    config.endpoint.handshake_timeout = kPatience.count() * kSecond;
    bob_ = make_transport(config, runtime_, identities().bob);
    alice_ = make_transport(config, runtime_, identities().alice);
    auto client = run(runtime_.control(), alice_->connect(bob_->local_address()), "connect()");
    auto server = run(runtime_.control(), bob_->accept(), "accept()");
    ASSERT_TRUE(client) << client.error().to_string();
    ASSERT_TRUE(server) << server.error().to_string();
    client_ = *client;
    server_ = *server;
  }
  void shut_down() {
    run(runtime_.control(), alice_->shutdown(), "alice's shutdown");
    run(runtime_.control(), bob_->shutdown(), "bob's shutdown");
  }
  // The test's body, where it may use both ends.
  void on_worker(Task<void> body) { run(runtime_.worker(0), std::move(body), "the test"); }

  rt::Runtime runtime_{{.workers = 1, .pool_threads = 1, .worker_cpus = {}}};
  std::unique_ptr<Transport> bob_;
  std::unique_ptr<Transport> alice_;
  Connection client_;
  Connection server_;
};

}  // namespace i2::stoq::test
