#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <i2/gateway/accept.h>
#include <i2/gateway/target.h>

#include <array>

namespace i2::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

std::string path_of(std::string_view text) {
  const auto target = parse_target(text);
  return target ? target->path() : target.error().code();
}

TEST(TargetTest, ReadsPathsAndQueries) {
  const auto target = parse_target("/api/v1/members/a%20b?limit=10&after=x%2Fy&flag&q=a+b");
  ASSERT_TRUE(target) << target.error().to_string();
  EXPECT_THAT(target->segments, ElementsAre("api", "v1", "members", "a b"));
  EXPECT_THAT(target->query, ElementsAre(Pair("limit", "10"), Pair("after", "x/y"),
                                         Pair("flag", ""), Pair("q", "a b")));
  EXPECT_EQ(target->path(), "/api/v1/members/a b");
  EXPECT_EQ(path_of("/"), "/");
  EXPECT_EQ(path_of("/?a=b"), "/");
}

TEST(TargetTest, ReadsTheAbsoluteForm) {
  const auto target = parse_target("http://[::1]:9292/metrics?x=1");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->authority, "[::1]:9292");
  EXPECT_EQ(target->path(), "/metrics");
  EXPECT_EQ(path_of("https://localhost"), "/");
  const auto without_path = parse_target("https://localhost?x");
  ASSERT_TRUE(without_path);
  EXPECT_EQ(without_path->path(), "/");
  EXPECT_EQ(without_path->query.size(), 1u);
}

TEST(TargetTest, RefusesWhatTwoReadersCouldReadDifferently) {
  for (const std::string_view bad :
       {"",        "?x",        "*",      "metrics", "http://",     "http:///metrics",
        "/a/../b", "/a/./b",    "/..",    "/.",      "/a/%2e%2e/b", "/a/%2E%2e",
        "/%2e",    "//metrics", "/a//b",  "/a/",     "/a%2fb",      "/a%2Fb",
        "/a\\b",   "/a%5cb",    "/a%00b", "/a%0ab",  "/a%7f",       "/%",
        "/%1",     "/%zz",      "/a b",   "/a#b",    "/a\tb",       "/a?b=%0d",
        "/a?b=%2", "/a?b#c"}) {
    EXPECT_EQ(path_of(bad), "gateway.target_invalid") << bad;
  }
  EXPECT_EQ(path_of(std::string_view("/a\0b", 4)), "gateway.target_invalid");
  const std::string longest(kTargetSizeMax, '/');
  EXPECT_EQ(path_of(longest + "a"), "gateway.target_invalid");
  std::string query = "/a?";
  for (std::size_t i = 0; i <= kQueryPairsMax; ++i) {
    query += "a=b&";
  }
  EXPECT_EQ(path_of(query), "gateway.target_invalid");
}

TEST(TargetTest, PercentEncodedTextStaysOneSegment) {
  EXPECT_EQ(path_of("/a%3fb"), "/a?b");
  EXPECT_EQ(path_of("/a%23b"), "/a#b");
  EXPECT_EQ(path_of("/..a/a..b"), "/..a/a..b");
  EXPECT_EQ(path_of("/a+b"), "/a+b");            // a space only in a query
  EXPECT_EQ(path_of("/%252e%252e"), "/%2e%2e");  // decoded once
}

std::string authority_of(std::string_view text) {
  const auto authority = parse_authority(text);
  return authority ? authority->host + "|" + authority->port : authority.error().code();
}

TEST(AuthorityTest, ReadsHostsAndPorts) {
  EXPECT_EQ(authority_of("localhost"), "localhost|");
  EXPECT_EQ(authority_of("Alpha.Home.I2.internal:443"), "alpha.home.i2.internal|443");
  EXPECT_EQ(authority_of("[::1]:9292"), "::1|9292");
  EXPECT_EQ(authority_of("[FD00::1]"), "fd00::1|");
  for (const std::string_view bad :
       {"", ":443", "a:", "a:b", "a:123456", "[::1", "::1", "[]:1", "a b", "a/b", "a@b", "a,b",
        "[::1]9292", "[::1]x:1", "a:1:2"}) {
    EXPECT_EQ(authority_of(bad), "gateway.host_invalid") << bad;
  }
  EXPECT_EQ(authority_of(std::string(300, 'a')), "gateway.host_invalid");
}

constexpr std::array<std::string_view, 3> kMetrics{"application/json",
                                                   "application/openmetrics-text", "text/plain"};

std::optional<std::size_t> choice(std::optional<std::string_view> accept) {
  return choose_media_type(accept, kMetrics);
}

TEST(AcceptTest, ChoosesWhatTheClientRatesHighest) {
  EXPECT_EQ(choice(std::nullopt), 0u);
  EXPECT_EQ(choice(""), 0u);
  EXPECT_EQ(choice("*/*"), 0u);
  EXPECT_EQ(choice("text/plain"), 2u);
  EXPECT_EQ(choice("TEXT/Plain; version=0.0.4"), 2u);
  EXPECT_EQ(choice("text/*"), 2u);
  EXPECT_EQ(choice("text/html, */*;q=0.1"), 0u);
  EXPECT_EQ(choice("application/json;q=0.5, text/plain"), 2u);
  EXPECT_EQ(choice("application/json;q=0, */*"), 1u);
  EXPECT_EQ(choice("text/plain;q=0.001"), 2u);
  EXPECT_EQ(choice("image/png"), std::nullopt);
  EXPECT_EQ(choice("text/plain;q=0"), std::nullopt);
  EXPECT_EQ(choice("text/plain;q=2"), std::nullopt);
  EXPECT_EQ(choice("text/plain;q=0.1234"), std::nullopt);
}

// What Prometheus sends.
TEST(AcceptTest, PrometheusGetsOpenMetrics) {
  EXPECT_EQ(choice("application/openmetrics-text;version=1.0.0;q=0.5,"
                   "application/openmetrics-text;version=0.0.1;q=0.4,"
                   "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"),
            1u);
}

}  // namespace
}  // namespace i2::gateway
