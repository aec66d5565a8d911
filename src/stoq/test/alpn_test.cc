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

// Answers one request on each stream of the next connection for `alpn`.
Task<std::string> serve_one(Transport& transport, std::string alpn) {
  auto connection = co_await transport.accept(alpn);
  EXPECT_TRUE(connection);
  co_await rt::switch_to(connection->executor());
  auto stream = co_await connection->accept_stream();
  EXPECT_TRUE(stream);
  const auto request = co_await stream->read_exactly(3);
  EXPECT_TRUE(request);
  EXPECT_EQ(as_text(*request), "GET");
  EXPECT_TRUE(co_await stream->write(Chunk::copy_of(as_bytes("200")), true));
  (void)co_await connection->closed();
  co_return connection->alpn();
}

Task<std::string> ask(Transport& transport, SocketAddress to, std::string alpn) {
  auto connection = co_await transport.connect(to, options(alpn));
  EXPECT_TRUE(connection);
  co_await rt::switch_to(connection->executor());
  auto stream = co_await connection->open_raw_stream();
  EXPECT_TRUE(stream);
  EXPECT_TRUE(co_await stream->write(Chunk::copy_of(as_bytes("GET"))));
  const auto answer = co_await stream->read_exactly(3);
  connection->close_with(0x100);
  co_return answer ? std::string(as_text(*answer)) : answer.error().to_string();
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
                                 serve_one(loopback.bob(), std::string(alpn)), asio::use_future);
    EXPECT_EQ(run(loopback.alice_runtime().control(),
                  ask(loopback.alice(), loopback.bob().local_address(), std::string(alpn))),
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
