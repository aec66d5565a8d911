// Connections of several ALPNs through one transport.
#include <boost/asio/use_awaitable.hpp>

#include "loopback.h"

namespace i2::stoq::test {
namespace {

using core::kAlpnHttp3;
using core::kAlpnStoqJoin;

Transport::ConnectOptions options(std::string_view alpn) {
  return {.alpn = std::string(alpn),
          .check_leaf = [](const crypto::Certificate&) -> Result<void> { return {}; }};
}

Task<Result<void>> answer(Connection connection) {
  I2_CO_TRY_VALUE(auto stream, co_await connection.accept_stream());
  I2_CO_TRY_VALUE(const auto request, co_await stream.read_exactly(3));
  EXPECT_EQ(as_text(request), "GET");
  I2_CO_TRY(co_await stream.write(Chunk::copy_of(as_bytes("200")), true));
  (void)co_await connection.closed();
  co_return Result<void>{};
}

// Answers one request on the next connection for `alpn`, and says which it was.
Task<std::string> serve_one(Transport* transport, std::string alpn) {
  auto connection = co_await transport->accept(alpn);
  EXPECT_TRUE(connection);
  EXPECT_TRUE(
      co_await asio::co_spawn(connection->executor(), answer(*connection), asio::use_awaitable));
  co_return connection->alpn();
}

Task<Result<std::string>> request(Connection connection) {
  I2_CO_TRY_VALUE(auto stream, co_await connection.open_raw_stream());
  I2_CO_TRY(co_await stream.write(Chunk::copy_of(as_bytes("GET"))));
  I2_CO_TRY_VALUE(const auto answered, co_await stream.read_exactly(3));
  connection.close_with(0x100);
  co_return std::string(as_text(answered));
}

Task<std::string> ask(Transport* transport, SocketAddress to, std::string alpn) {
  auto connection = co_await transport->connect(to, options(alpn));
  EXPECT_TRUE(connection);
  const auto answered =
      co_await asio::co_spawn(connection->executor(), request(*connection), asio::use_awaitable);
  co_return answered ? *answered : answered.error().to_string();
}

TEST(TransportAlpn, EachAlpnHasItsOwnAcceptAndRawStreams) {
  StreamDispatcher dispatcher;
  Loopback::Options setup;
  setup.transport.profiles = {core::stoq_profile(), core::join_profile(), core::http3_profile()};
  identities().bob.show_ordinary(
      core::testing::make_ordinary_chain({"bob.test.i2.internal"}, identities().now).credential);
  Loopback loopback(dispatcher, setup);
  for (const std::string_view alpn : {kAlpnHttp3, kAlpnStoqJoin}) {
    auto served = asio::co_spawn(loopback.bob_runtime().control(),
                                 serve_one(&loopback.bob(), std::string(alpn)), asio::use_future);
    EXPECT_EQ(run(loopback.alice_runtime().control(),
                  ask(&loopback.alice(), loopback.bob().local_address(), std::string(alpn))),
              "200");
    EXPECT_EQ(get(std::move(served), "serving"), alpn);
  }
  // The first profile is what connect() and accept() mean.
  EXPECT_EQ(loopback.connect().alpn(), core::kAlpnStoq);
  EXPECT_EQ(loopback.accepted().peer().name, "alice");
}

TEST(TransportAlpn, AnUnknownAlpnIsAnError) {
  StreamDispatcher dispatcher;
  Loopback loopback(dispatcher);
  const auto accepted = run(loopback.bob_runtime().control(), loopback.bob().accept("h3"));
  ASSERT_FALSE(accepted);
  EXPECT_EQ(accepted.error().code(), "stoq.tls_setup");
  const auto connected =
      run(loopback.alice_runtime().control(),
          loopback.alice().connect(loopback.bob().local_address(), options("h3")));
  ASSERT_FALSE(connected);
  EXPECT_EQ(connected.error().code(), "stoq.tls_setup");
}

}  // namespace
}  // namespace i2::stoq::test
