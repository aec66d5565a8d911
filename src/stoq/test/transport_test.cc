// Connections between transports over real sockets: who lands where, who is refused, and how.
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <map>
#include <thread>

#include "nodes.h"

namespace i2::stoq::test {
namespace {

std::string code_of(const Result<Connection>& result) {
  return result ? "connected" : result.error().code();
}

// --- several workers on one port

// Sends `size` bytes on a stream and returns what comes back.
Task<Result<std::size_t>> call_echo(Connection connection, std::size_t size) {
  I2_CO_TRY_VALUE(Stream stream, co_await connection.open_stream(StreamType::kBytes));
  I2_CO_TRY(co_await stream.write(Chunk(Bytes(size, 0x42)), true));
  std::size_t received = 0;
  for (;;) {
    I2_CO_TRY_VALUE(const Chunk chunk, co_await stream.read());
    if (chunk.size() == 0) {
      co_return received;
    }
    received += chunk.size();
  }
}

Task<Result<void>> echo_once(Connection connection) {
  I2_CO_TRY_VALUE(Stream stream, co_await connection.accept_stream());
  for (;;) {
    I2_CO_TRY_VALUE(Chunk chunk, co_await stream.read());
    const bool last = chunk.size() == 0;
    I2_CO_TRY(co_await stream.write(std::move(chunk), last));
    if (last) {
      co_return co_await stream.flush();
    }
  }
}

TEST(Steering, ConnectionsSpreadOverTheWorkersAndStay) {
  constexpr std::size_t kWorkers = 3;
  constexpr std::size_t kConnections = 24;  // each way
  constexpr std::size_t kSize = 50'000;
  Node bob(identities().bob, loopback_config(), kWorkers);
  Node alice(identities().alice, loopback_config(), kWorkers);
  if (!bob.transport->capabilities().connection_id_steering) {
    GTEST_SKIP() << "this kernel attaches no program to a group of sockets";
  }
  std::vector<std::future<Result<std::size_t>>> calls;
  std::vector<std::future<Result<void>>> echoes;
  std::map<const Node*, std::vector<Connection>> dialled, accepted;
  for (const auto& [from, to] : {std::pair{&alice, &bob}, std::pair{&bob, &alice}}) {
    for (std::size_t i = 0; i < kConnections; ++i) {
      dialled[from].push_back(from->connect(to->address()));
      accepted[to].push_back(to->accept());
    }
  }
  for (const Node* node : {&alice, &bob}) {
    for (std::size_t i = 0; i < kConnections; ++i) {
      const Connection& in = accepted[node][i];
      const Connection& out = dialled[node][i];
      echoes.push_back(asio::co_spawn(in.executor(), echo_once(in), asio::use_future));
      calls.push_back(asio::co_spawn(out.executor(), call_echo(out, kSize), asio::use_future));
    }
  }
  for (auto& call : calls) {
    const auto received = get(std::move(call), "an echo");
    ASSERT_TRUE(received) << received.error().to_string();
    EXPECT_EQ(*received, kSize);
  }
  for (auto& echo : echoes) {
    const auto served = get(std::move(echo), "the end of an echo");
    EXPECT_TRUE(served) << served.error().to_string();
  }
  for (Node* node : {&alice, &bob}) {
    // Who connects takes the workers by turns, who accepts by the first connection ID.
    for (std::size_t worker = 0; worker < kWorkers; ++worker) {
      const auto here = [&](const Connection& connection) {
        return connection.executor() == node->runtime.worker(worker);
      };
      EXPECT_EQ(std::ranges::count_if(dialled[node], here), kConnections / kWorkers);
      EXPECT_LT(std::ranges::count_if(accepted[node], here), kConnections);
    }
    const TransportStats stats = node->stats();
    EXPECT_EQ(stats.connections, 2 * kConnections);
    EXPECT_EQ(stats.endpoint.connections_established, 2 * kConnections);
    EXPECT_EQ(stats.endpoint.datagrams_dropped, 0u) << "some came to a worker not their own";
    EXPECT_EQ(stats.endpoint.stateless_resets_sent, 0u);
    EXPECT_EQ(stats.endpoint.retries_sent, 0u);
  }
}

// --- binding

std::string bind_error(const SocketAddress& address, std::size_t workers = 1) {
  rt::Runtime runtime({.workers = workers, .pool_threads = 1, .worker_cpus = {}});
  TransportConfig config;
  config.bind = address;
  const auto made = Transport::create(config, runtime, identities().bob, identities().fleet);
  return made ? "" : made.error().code();
}

TEST(Binding, OneOwnerOfAPortHoweverManyWorkers) {
  for (const std::size_t first : {1, 3}) {
    std::optional<Node> bob;
    bob.emplace(identities().bob, loopback_config(), first);
    const std::uint16_t port = bob->address().port;
    EXPECT_EQ(bind_error(loopback_address(port), 1), "stoq.port_in_use") << first;
    EXPECT_EQ(bind_error(loopback_address(port), 2), "stoq.port_in_use") << first;
    bob.reset();
    EXPECT_EQ(bind_error(loopback_address(port), 2), "") << first;
  }
}

TEST(Binding, RefusesIpv4AndForeignAddresses) {
  SocketAddress mapped;
  mapped.ip = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1};
  EXPECT_EQ(bind_error(mapped), "stoq.ipv4_refused");
  const auto foreign = SocketAddress::parse("[2001:db8::1]:0");
  ASSERT_TRUE(foreign);
  EXPECT_EQ(bind_error(*foreign), "stoq.address_unavailable");
}

// Capabilities belong to threads.
bool drop_bind_capability() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct data[2]{};
  if (syscall(SYS_capget, &header, data) != 0) {
    return false;
  }
  data[0].effective &= ~(1u << CAP_NET_BIND_SERVICE);
  return syscall(SYS_capset, &header, data) == 0;
}

TEST(Binding, APrivilegedPortNeedsItsPrivilege) {
  std::string code;
  bool dropped = false;
  std::thread([&] {
    dropped = drop_bind_capability();
    code = bind_error(loopback_address(1));
  }).join();
  ASSERT_TRUE(dropped);
  if (code.empty()) {
    GTEST_SKIP() << "this system lets everybody bind port 1 (net.ipv4.ip_unprivileged_port_start)";
  }
  EXPECT_EQ(code, "stoq.permission");
}

// --- connecting

// Loaded machines take their time for a handshake; where none is expected, less will do.
TransportConfig impatient_config() {
  TransportConfig config = loopback_config();
  config.endpoint.handshake_timeout = 300 * kMillisecond;
  return config;
}

// A port where nobody listens.
SocketAddress dead_address() {
  const Node gone(identities().bob);
  return gone.address();
}

TEST(Connecting, SaysWhyItCannot) {
  Node alice(identities().alice, impatient_config());
  SocketAddress mapped = loopback_address(4'433);
  mapped.ip = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1};
  EXPECT_EQ(code_of(alice.try_connect(mapped)), "stoq.ipv4_refused");
  const SocketAddress nobody = dead_address();
  const auto dead = alice.try_connect(nobody);
  EXPECT_EQ(code_of(dead), "stoq.unreachable");
  EXPECT_NE(dead.error().message().find(nobody.to_string()), std::string::npos);
  EXPECT_EQ(alice.stats().connections, 0u);
}

TEST(Connecting, StopsAtItsOwnLimit) {
  TransportConfig config = loopback_config();
  config.endpoint.connections_max = 1;
  Node bob(identities().bob);
  Node alice(identities().alice, config);
  const Connection first = alice.connect(bob.address());
  EXPECT_EQ(code_of(alice.try_connect(bob.address())), "stoq.overloaded");
  EXPECT_TRUE(ping(first));
}

TEST(Connecting, FromAndToUnspecifiedAddressesTakesThePathThatWasAsked) {
  TransportConfig everywhere;
  Node bob(identities().bob, everywhere);
  Node alice(identities().alice, everywhere);
  const Connection client = alice.connect(loopback_address(bob.address().port));
  const Connection server = bob.accept();
  EXPECT_TRUE(ping(client));
  EXPECT_TRUE(ping(server));
  const auto paths = [](Connection connection) -> Task<PathInfo> { co_return connection.path(); };
  const PathInfo ours = run(client.executor(), paths(client));
  const PathInfo theirs = run(server.executor(), paths(server));
  EXPECT_EQ(ours.addresses.local, loopback_address(alice.address().port));
  EXPECT_EQ(ours.addresses.remote, loopback_address(bob.address().port));
  EXPECT_EQ(theirs.addresses.remote, ours.addresses.local);
}

TEST(Connecting, ACancelledConnectLeavesNothingBehind) {
  Node alice(identities().alice);
  asio::cancellation_signal cancel;
  auto connecting =
      asio::co_spawn(alice.runtime.control(), alice.transport->connect(dead_address()),
                     asio::bind_cancellation_slot(cancel.slot(), asio::use_future));
  EXPECT_TRUE(alice.wait_for_connections(1));
  cancel.emit(asio::cancellation_type::terminal);
  EXPECT_THROW((void)get(std::move(connecting), "connect()"), boost::system::system_error);
  EXPECT_TRUE(alice.wait_for_connections(0));
}

// --- accepting

TEST(Accepting, WhatFindsNoPlaceInTheBacklogIsToldSo) {
  TransportConfig config = loopback_config();
  config.accept_backlog = 2;
  Node bob(identities().bob, config);
  Node alice(identities().alice);
  std::vector<Connection> clients;
  for (int i = 0; i < 2; ++i) {
    clients.push_back(alice.connect(bob.address()));
    ASSERT_TRUE(ping(clients.back()));  // it is in the queue
  }
  for (int i = 0; i < 2; ++i) {
    const Error why = closed(alice.connect(bob.address()));
    EXPECT_EQ(why.code(), "stoq.overloaded");
    EXPECT_EQ(why.native(), static_cast<std::int64_t>(AppError::kOverloaded));
  }
  // First come, first served, and a place that is free again is given to the next.
  const auto fingerprint = [](Connection connection) -> Task<Bytes> {
    const auto exported = connection.export_keying_material("EXPORTER-test", {}, 32);
    co_return exported.value_or(Bytes{});
  };
  clients.push_back(alice.connect(bob.address()));
  const Error why = closed(clients.back());
  EXPECT_EQ(why.code(), "stoq.overloaded");
  clients.pop_back();
  for (std::size_t i = 0; i < 2; ++i) {
    const Connection server = bob.accept();
    EXPECT_EQ(run(server.executor(), fingerprint(server)),
              run(clients[i].executor(), fingerprint(clients[i])));
    clients.push_back(alice.connect(bob.address()));
    ASSERT_TRUE(ping(clients.back()));
  }
  for (const Connection& client : clients) {
    EXPECT_TRUE(ping(client));
  }
  EXPECT_EQ(bob.stats().connections, 4u);
}

}  // namespace
}  // namespace i2::stoq::test
