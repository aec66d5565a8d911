#include <gtest/gtest.h>
#include <i2/stoq/core/address.h>

namespace i2::stoq::core {
namespace {

TEST(SocketAddress, RoundTripsItsText) {
  for (const char* text : {"[::1]:9292", "[2001:db8::42]:443", "[fe80::2%3]:1", "[::]:0"}) {
    const auto address = SocketAddress::parse(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->to_string(), text);
  }
  EXPECT_EQ(SocketAddress::parse("::1", 9292)->to_string(), "[::1]:9292");
  EXPECT_EQ(SocketAddress::parse("[::1]", 7)->port, 7);
  EXPECT_TRUE(SocketAddress::parse("::1")->is_loopback());
  EXPECT_TRUE(SocketAddress::parse("::")->is_unspecified());
}

TEST(SocketAddress, RefusesIpv4WithItsOwnError) {
  for (const char* text : {"127.0.0.1", "127.0.0.1:443", "[::ffff:127.0.0.1]:443",
                           "::ffff:10.0.0.1", "[10.0.0.1]:80"}) {
    const auto address = SocketAddress::parse(text);
    ASSERT_FALSE(address) << text;
    EXPECT_EQ(address.error().code(), "stoq.ipv4_refused") << text;
  }
}

TEST(SocketAddress, RefusesNonsense) {
  for (const char* text : {"", "[", "[::1", "[::1]x", "[::1]:", "[::1]:65536", "[::1]:-1", "host:1",
                           "[::1%x]:1", "1:2:3"}) {
    const auto address = SocketAddress::parse(text);
    ASSERT_FALSE(address) << text;
    EXPECT_EQ(address.error().code(), "stoq.address_malformed") << text;
  }
}

}  // namespace
}  // namespace i2::stoq::core
