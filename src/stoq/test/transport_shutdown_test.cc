// How a transport ends, in every order, with everything that can be waiting for it.
#include <map>
#include <optional>

#include "nodes.h"

namespace i2::stoq::test {
namespace {

// Calls that wait on alice's side, by name.
using Waiting = std::map<std::string, std::future<std::string>>;

template <class T>
Task<std::string> code_of(Task<Result<T>> call) {
  const auto result = co_await std::move(call);
  co_return result ? "" : result.error().code();
}

Task<std::string> end_code(Connection connection) {
  co_return (co_await connection.closed()).code();
}

Task<Result<void>> exhaust_streams(Connection connection) {
  std::vector<Stream> all;
  for (;;) {
    auto stream = co_await connection.open_stream(StreamType::kBytes);
    if (!stream) {
      co_return fail(stream.error());
    }
    all.push_back(*stream);
  }
}

Task<Result<void>> write_for_ever(Connection connection) {
  I2_CO_TRY_VALUE(Stream stream, co_await connection.open_stream(StreamType::kMessages));
  for (;;) {
    I2_CO_TRY(co_await stream.write(Chunk(Bytes(64 * 1024))));
  }
}

Task<Result<void>> flush_unread(Connection connection) {
  I2_CO_TRY_VALUE(Stream stream, co_await connection.open_stream(StreamType::kMessages));
  I2_CO_TRY(co_await stream.write(Chunk(Bytes(1'000'000))));
  co_return co_await stream.flush();
}

Task<Result<Chunk>> read_nothing(Connection connection) {
  I2_CO_TRY_VALUE(Stream stream, co_await connection.open_stream(StreamType::kMessages));
  I2_CO_TRY(co_await stream.write(Chunk(Bytes(1))));
  co_return co_await stream.read();
}

Task<Result<void>> wait_for_changes(Connection connection) {
  I2_CO_TRY_VALUE(Stream stream, co_await connection.open_stream(StreamType::kMessages));
  I2_CO_TRY(co_await stream.write(Chunk(Bytes(1))));
  while (connection.is_open()) {
    co_await stream.changed();
  }
  co_return fail((co_await connection.closed()));
}

// A port that is bound and never read.
class Hole {
 public:
  Hole() : node_(identities().bob) { node_.runtime.stop(); }
  [[nodiscard]] SocketAddress address() const { return node_.address(); }

 private:
  Node node_;
};

class ShutdownTest : public ::testing::Test {
 protected:
  ShutdownTest() {
    TransportConfig config = loopback_config();
    config.endpoint.stream_window = 64 * 1024;
    config.endpoint.streams_bidi_max = 16;
    bob_.emplace(identities().bob, config);
    alice_.emplace(identities().alice, config);
    client_ = alice_->connect(bob_->address());
    server_ = bob_->accept();
  }

  template <class T>
  void wait_for(const std::string& name, Task<Result<T>> call) {
    waiting_[name] = asio::co_spawn(client_.executor(), code_of(std::move(call)), asio::use_future);
  }
  // Everything that a caller can be waiting for.
  void wait_for_everything() {
    const auto control = alice_->runtime.control();
    waiting_["connect"] = asio::co_spawn(
        control, code_of(alice_->transport->connect(hole_.address())), asio::use_future);
    waiting_["accept"] =
        asio::co_spawn(control, code_of(alice_->transport->accept()), asio::use_future);
    waiting_["closed"] = asio::co_spawn(client_.executor(), end_code(client_), asio::use_future);
    wait_for("write", write_for_ever(client_));
    wait_for("flush", flush_unread(client_));
    wait_for("read", read_nothing(client_));
    wait_for("changed", wait_for_changes(client_));
    wait_for("open_stream", exhaust_streams(client_));
    wait_for("accept_stream", client_.accept_stream());
    wait_for("receive_datagram", client_.receive_datagram());
    ASSERT_TRUE(ping(client_));
    // The dialled connection too.
    EXPECT_TRUE(alice_->wait_for_connections(2));
    for (auto& [name, call] : waiting_) {
      EXPECT_EQ(call.wait_for(std::chrono::seconds(0)), std::future_status::timeout) << name;
    }
  }
  void expect_all(const std::string& code) {
    for (auto& [name, call] : waiting_) {
      EXPECT_EQ(get(std::move(call), name.c_str()), code) << name;
    }
    waiting_.clear();
  }

  Hole hole_;
  std::optional<Node> bob_;
  std::optional<Node> alice_;
  Connection client_;
  Connection server_;
  Waiting waiting_;
};

TEST_F(ShutdownTest, EndsEveryCallAndTellsThePeer) {
  wait_for_everything();
  alice_->shut_down();
  expect_all("stoq.shut_down");
  const Error why = closed(server_);
  EXPECT_EQ(why.code(), "stoq.going_away");
  EXPECT_EQ(closed(client_).code(), "stoq.shut_down");
}

TEST_F(ShutdownTest, TheDestructorEndsEveryCallButTellsNobody) {
  wait_for_everything();
  alice_->transport.reset();
  expect_all("stoq.shut_down");
  EXPECT_EQ(closed(client_).code(), "stoq.shut_down");
  EXPECT_EQ(client_.peer().name, "bob");
  EXPECT_EQ(bob_->stats().connections, 1u);
}

TEST_F(ShutdownTest, AfterItNothingBegins) {
  const SocketAddress address = alice_->address();
  alice_->shut_down();
  EXPECT_EQ(alice_->try_connect(bob_->address()).error().code(), "stoq.shut_down");
  const auto accepted = run(alice_->runtime.control(), alice_->transport->accept());
  EXPECT_EQ(accepted.error().code(), "stoq.shut_down");
  EXPECT_EQ(ping(client_).error().code(), "stoq.shut_down");
  EXPECT_EQ(alice_->address(), address);
  EXPECT_EQ(alice_->stats().connections, 0u);
  // Its port is free although the object is still there.
  TransportConfig config;
  config.bind = address;
  const auto successor =
      Transport::create(config, alice_->runtime, identities().alice, identities().fleet);
  ASSERT_TRUE(successor) << successor.error().to_string();
  EXPECT_TRUE(run(alice_->runtime.control(), (*successor)->connect(bob_->address())).has_value());
}

TEST_F(ShutdownTest, MayBeAskedForTwiceAndAtOnce) {
  wait_for_everything();
  const auto control = alice_->runtime.control();
  auto first = asio::co_spawn(control, alice_->transport->shutdown(), asio::use_future);
  auto second = asio::co_spawn(control, alice_->transport->shutdown(), asio::use_future);
  get(std::move(first), "a shutdown");
  get(std::move(second), "another shutdown");
  expect_all("stoq.shut_down");
  alice_->shut_down();
}

TEST_F(ShutdownTest, OfBothSidesAtOnce) {
  wait_for_everything();
  auto ours =
      asio::co_spawn(alice_->runtime.control(), alice_->transport->shutdown(), asio::use_future);
  auto theirs =
      asio::co_spawn(bob_->runtime.control(), bob_->transport->shutdown(), asio::use_future);
  get(std::move(ours), "alice's shutdown");
  get(std::move(theirs), "bob's shutdown");
  for (auto& [name, call] : waiting_) {
    const std::string code = get(std::move(call), name.c_str());
    EXPECT_TRUE(code == "stoq.shut_down" || code == "stoq.going_away") << name << ": " << code;
  }
}

// What waits is destroyed with the runtime; nobody hears of it.
TEST_F(ShutdownTest, AfterTheRuntimeHasStopped) {
  wait_for_everything();
  alice_->runtime.stop();
  alice_->transport.reset();
  client_ = {};
  alice_.reset();
  for (auto& [name, call] : waiting_) {
    EXPECT_THROW(get(std::move(call), name.c_str()), std::future_error) << name;
  }
  EXPECT_EQ(bob_->stats().connections, 1u);
}

TEST_F(ShutdownTest, TheRuntimeStopsWhileAShutdownRuns) {
  wait_for_everything();
  auto ending =
      asio::co_spawn(alice_->runtime.control(), alice_->transport->shutdown(), asio::use_future);
  alice_->runtime.stop();
  client_ = {};
  alice_.reset();
  // It may have ended before.
  if (ending.wait_for(std::chrono::seconds(0)) == std::future_status::ready) {
    try {
      ending.get();
    } catch (const std::future_error& broken) {
      EXPECT_EQ(broken.code(), std::future_errc::broken_promise);
    }
  }
}

TEST_F(ShutdownTest, AConnectionOutlivesItsTransport) {
  alice_->shut_down();
  alice_->transport.reset();
  EXPECT_FALSE(client_.is_open());
  EXPECT_EQ(client_.peer().name, "bob");
  EXPECT_EQ(client_.security().key_exchange, "X25519MLKEM768");
  EXPECT_EQ(client_.path().addresses.remote, bob_->address());
  EXPECT_EQ(client_.datagram_size_max(), 0u);
  EXPECT_EQ(client_.try_open_stream(StreamType::kBytes).error().code(), "stoq.shut_down");
}

TEST(Shutdown, TellsAsManyPeersAsThereAre) {
  constexpr std::size_t kPeers = 70;  // more than one turn of the worker sends to
  Node bob(identities().bob);
  Node alice(identities().alice);
  std::vector<Connection> clients;
  for (std::size_t i = 0; i < kPeers; ++i) {
    clients.push_back(alice.connect(bob.address()));
  }
  for (const Connection& client : clients) {
    ASSERT_TRUE(ping(client));  // bob has all of them
  }
  bob.shut_down();
  for (const Connection& client : clients) {
    EXPECT_EQ(closed(client).code(), "stoq.going_away");
  }
}

}  // namespace
}  // namespace i2::stoq::test
