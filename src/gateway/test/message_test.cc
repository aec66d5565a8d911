#include "message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace i2::gateway {
namespace {

const ServiceLimits kMessageLimits{
    .headers_size_max = 400, .headers_count_max = 8, .body_size_max = 10};

RequestBuilder begun() {
  RequestBuilder out(kMessageLimits, Client{});
  out.field(":method", "POST");
  out.field(":scheme", "https");
  out.field(":authority", "localhost");
  out.field(":path", "/x");
  return out;
}

std::string code(RequestBuilder& builder) {
  const auto request = builder.finish();
  return request ? "ok" : request.error().code();
}

TEST(RequestBuilderTest, PutsARequestTogether) {
  RequestBuilder builder = begun();
  builder.field("accept", "text/plain");
  builder.body("12345");
  builder.body("67890");
  const auto request = builder.finish();
  ASSERT_TRUE(request);
  EXPECT_EQ(request->method, Method::kPost);
  EXPECT_EQ(request->target, "/x");
  EXPECT_EQ(request->headers.find("accept"), "text/plain");
  EXPECT_EQ(request->headers.all().size(), 1u);
  EXPECT_EQ(request->body, "1234567890");
}

TEST(RequestBuilderTest, RefusesWhatIsTooLarge) {
  RequestBuilder body = begun();
  body.body("1234567890");
  EXPECT_FALSE(body.error());
  body.body("1");
  EXPECT_EQ(code(body), "gateway.body_too_large");

  RequestBuilder many = begun();
  for (int i = 0; i < 5; ++i) {
    many.field("a", "b");
  }
  EXPECT_EQ(code(many), "gateway.headers_too_large");

  RequestBuilder large = begun();
  large.field("a", std::string(400, 'x'));
  EXPECT_EQ(code(large), "gateway.headers_too_large");
}

TEST(RequestBuilderTest, RefusesAHostThatDiffers) {
  RequestBuilder same = begun();
  same.field("host", "localhost");
  EXPECT_EQ(code(same), "ok");
  RequestBuilder other = begun();
  other.field("host", "evil.example");
  EXPECT_EQ(code(other), "gateway.request_malformed");
  RequestBuilder none(kMessageLimits, Client{});
  none.field(":method", "GET");
  none.field(":path", "/x");
  EXPECT_EQ(code(none), "gateway.request_malformed");
}

TEST(OutgoingBodyTest, GivesItsBytesInPieces) {
  OutgoingBody body;
  body.push("hello", false);
  body.push("", false);
  body.push("world", true);
  EXPECT_EQ(body.size(), 10u);
  EXPECT_TRUE(body.ended());
  EXPECT_EQ(body.take(2), "he");
  EXPECT_EQ(body.take(5), "llowo");
  EXPECT_EQ(body.take(100), "rld");
  EXPECT_EQ(body.take(100), "");
  EXPECT_EQ(body.size(), 0u);
}

}  // namespace
}  // namespace i2::gateway
