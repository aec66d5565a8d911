#include <gmock/gmock.h>
#include <i2/crypto/hash.h>
#include <i2/stoq/core/testing/trust.h>

#include <nlohmann/json.hpp>

#include "requests.h"

namespace i2::gateway {
namespace {

using nlohmann::json;
using test::answering;
using test::request_for;
using test::run;
using test::stranger;

constexpr std::string_view kToken = "secret";

Task<Response> tell_member(Request request) {
  co_return text_response(std::string(request.parameter("name")) + "|" +
                              std::string(request.query_value("limit").value_or("none")),
                          "text/plain");
}
Task<Response> throw_something(Request) {
  throw std::runtime_error("a mistake");
  co_return Response{};
}

Router make_router() {
  Router out;
  out.add({.pattern = "/health",
           .role = Role::kAnyone,
           .summary = "How it is",
           .handler = answering("ok")});
  out.add({.pattern = "/api/v1/members/{name}",
           .summary = "One member",
           .query = {{.name = "limit", .meaning = "at most so many"}},
           .handler = tell_member});
  out.add({.method = Method::kPost,
           .pattern = "/api/v1/operations",
           .role = Role::kWriter,
           .summary = "Submit an operation",
           .request_schema = R"({"type":"object","required":["kind"]})",
           .answers = {{.status = 202, .meaning = "it is queued"}},
           .handler = answering("queued")});
  out.add({.pattern = "/broken", .summary = "Throws", .handler = throw_something});
  return out;
}

class ServiceTest : public ::testing::Test {
 protected:
  ServiceTest() {
    AccessConfig access;
    access.hosts = {"alpha", "gateway.example"};
    access.find_token = [](const Hash256& hash) {
      return hash == crypto::sha256(as_bytes(kToken))
                 ? std::optional(Token{.name = "own", .role = Role::kWriter})
                 : std::nullopt;
    };
    service_ = std::make_unique<Service>(make_router(), Access(access),
                                         ServiceLimits{.body_size_max = 100}, "h3=\":1\"",
                                         context_.get_executor());
  }
  Response ask(Request request) { return run(context_, service_->handle(std::move(request))); }
  std::string code(Request request) {
    const Response response = ask(std::move(request));
    EXPECT_EQ(response.headers.find("content-type"), "application/problem+json");
    const json body = json::parse(response.body);
    EXPECT_EQ(body["status"], response.status);
    EXPECT_EQ(body["type"], "urn:i2:error:" + body["code"].get<std::string>());
    return body["code"];
  }
  static Request with(std::string_view name, std::string value) {
    Request out = request_for("/health");
    out.headers.add(name, std::move(value));
    return out;
  }

  boost::asio::io_context context_;
  std::unique_ptr<Service> service_;
};

TEST_F(ServiceTest, FindsTheRouteAndItsParameters) {
  const Response response = ask(request_for("/api/v1/members/beta?limit=3"));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "beta|3");
  EXPECT_EQ(response.headers.find("content-length"), "6");
  EXPECT_EQ(response.headers.find("cache-control"), "no-store");
  EXPECT_EQ(response.headers.find("x-content-type-options"), "nosniff");
  EXPECT_THAT(std::string(response.headers.find("date").value_or("")),
              ::testing::MatchesRegex("[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} "
                                      "[0-9]{2}:[0-9]{2}:[0-9]{2} GMT"));
}

TEST_F(ServiceTest, HeadIsGetWithoutTheBody) {
  const Response response = ask(request_for("/health", Method::kHead));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.headers.find("content-length"), "2");
  EXPECT_TRUE(response.body.empty());
}

TEST_F(ServiceTest, WhatIsNotThereAndWhatIsNotAnswered) {
  EXPECT_EQ(code(request_for("/nothing")), "gateway.not_found");
  EXPECT_EQ(code(request_for("/api/v1/members")), "gateway.not_found");
  EXPECT_EQ(code(request_for("/api/../health")), "gateway.target_invalid");
  const Response response = ask(request_for("/health", Method::kPost));
  EXPECT_EQ(response.status, 405);
  EXPECT_EQ(response.headers.find("allow"), "GET, HEAD");
  EXPECT_EQ(code(request_for("/health", Method::kOptions)), "gateway.method_unknown");
}

TEST_F(ServiceTest, OnlyOwnNamesAreHosts) {
  for (const std::string_view good :
       {"localhost", "[::1]:9292", "alpha", "ALPHA:1", "gateway.example:443"}) {
    Request request = request_for("/health");
    request.authority = good;
    EXPECT_EQ(ask(std::move(request)).status, 200) << good;
  }
  Request rebound = request_for("/health");
  rebound.authority = "evil.example:9292";
  EXPECT_EQ(ask(rebound).status, 421);
  EXPECT_EQ(code(rebound), "gateway.host_refused");
  rebound.authority = "";
  EXPECT_EQ(code(rebound), "gateway.host_invalid");
  Request absolute = request_for("http://evil.example/health");
  EXPECT_EQ(code(absolute), "gateway.host_refused");
}

TEST_F(ServiceTest, OtherSitesPagesAreRefused) {
  EXPECT_EQ(ask(with("Origin", "http://localhost:9292")).status, 200);
  for (const std::string bad : {"http://localhost", "https://localhost:9292", "null",
                                "http://evil.example", "http://localhost:9293", "", "x"}) {
    EXPECT_EQ(code(with("Origin", bad)), "gateway.origin_refused") << bad;
  }
}

TEST_F(ServiceTest, ForwardingHeadersAreRefused) {
  for (const std::string_view name :
       {"X-Forwarded-For", "Forwarded", "X-Real-IP", "X-Forwarded-Host", "X-Forwarded-Proto"}) {
    EXPECT_EQ(code(with(name, "::1")), "gateway.forwarded") << name;
  }
}

TEST_F(ServiceTest, RolesDecide) {
  Request far = request_for("/health");
  far.client.address = stranger();
  EXPECT_EQ(ask(far).status, 200);  // anyone
  far.target = "/api/v1/members/beta";
  EXPECT_EQ(ask(far).status, 401);
  EXPECT_EQ(ask(far).headers.find("www-authenticate"), "Bearer realm=\"i2\"");
  EXPECT_EQ(code(far), "gateway.credentials_missing");
  far.headers.add("Authorization", "Bearer " + std::string(kToken));
  EXPECT_EQ(ask(far).status, 200);

  Request near = request_for("/api/v1/operations", Method::kPost);
  EXPECT_EQ(code(near), "gateway.credentials_missing");  // loopback reads, it does not write
  near.client.encrypted = true;
  EXPECT_EQ(code(near), "gateway.credentials_missing");
  near.headers.add("authorization", "bearer " + std::string(kToken));
  EXPECT_EQ(ask(near).status, 200);
}

TEST_F(ServiceTest, AWrongTokenIsRefusedEverywhere) {
  for (const std::string bad : {"Bearer wrong", "Bearer ", "Basic c2VjcmV0", "secret", "Bearer"}) {
    EXPECT_EQ(code(with("Authorization", bad)), "gateway.token_invalid") << bad;
  }
}

TEST(AccessTest, WithoutATokenNoneIsGood) {
  const Access access{AccessConfig{}};
  Request request = request_for("/x");
  request.headers.add("authorization", "Bearer ");
  EXPECT_FALSE(access.identify(request));
}

TEST(AccessTest, ATokenHasANameAndARole) {
  AccessConfig config;
  config.find_token = [](const Hash256& hash) {
    return hash == crypto::sha256(as_bytes(std::string_view("i2_abc")))
               ? std::optional(Token{.name = "watcher", .role = Role::kReader})
               : std::nullopt;
  };
  const Access access{config};
  Request request = request_for("/x");
  request.client.address = stranger();
  request.headers.add("authorization", "bearer i2_abc");
  EXPECT_EQ(access.identify(request)->role, Role::kReader);
  EXPECT_EQ(access.identify(request)->token, "watcher");
  Request other = request_for("/x");
  other.headers.add("authorization", "Bearer i2_abd");
  EXPECT_FALSE(access.identify(other));
}

TEST(AccessTest, AnOpenLoopbackWritesOverTlsOnly) {
  const Access access{AccessConfig{.open_loopback = true}};
  Request request = request_for("/x");
  EXPECT_EQ(access.identify(request)->role, Role::kReader);
  request.client.encrypted = true;
  EXPECT_EQ(access.identify(request)->role, Role::kWriter);
  request.client.address = stranger();
  EXPECT_EQ(access.identify(request)->role, Role::kAnyone);
}

TEST(AccessTest, AMembersCertificateReads) {
  const auto chain = stoq::core::testing::make_ordinary_chain({"beta"}, 1'750'000'000'000);
  AccessConfig config;
  config.is_member = [](const Client& client) {
    return client.certificate.subject_common_name() == "beta" && client.chain.size() == 1;
  };
  const Access access{config};
  Request request = request_for("/x");
  request.client.address = stranger();
  EXPECT_EQ(access.identify(request)->role, Role::kAnyone);
  request.client.certificate = chain.credential->certificate;
  EXPECT_EQ(access.identify(request)->role, Role::kAnyone);
  request.client.chain = chain.credential->chain;
  EXPECT_EQ(access.identify(request)->role, Role::kReader);
  EXPECT_TRUE(access.identify(request)->member);
  EXPECT_EQ(Access{AccessConfig{}}.identify(request)->role, Role::kAnyone);
}

TEST_F(ServiceTest, AHandlerThatThrowsIsAProblem) {
  EXPECT_EQ(ask(request_for("/broken")).status, 500);
  EXPECT_EQ(code(request_for("/broken")), "gateway.internal");
  EXPECT_EQ(service_->counters().failed, 2u);
  EXPECT_EQ(service_->running(), 0u);
}

TEST_F(ServiceTest, ABodyOverTheLimitIsRefused) {
  Request request = request_for("/api/v1/operations", Method::kPost);
  request.headers.add("authorization", "Bearer " + std::string(kToken));
  request.body = std::string(101, 'x');
  EXPECT_EQ(code(request), "gateway.body_too_large");
}

TEST_F(ServiceTest, ClientsOfTheTcpPortLearnOfHttp3) {
  Request request = request_for("/health");
  EXPECT_FALSE(ask(request).headers.find("alt-svc"));  // not without TLS
  request.client.encrypted = true;
  EXPECT_EQ(ask(request).headers.find("alt-svc"), "h3=\":1\"");
  request.client.protocol = Protocol::kHttp3;
  EXPECT_FALSE(ask(request).headers.find("alt-svc"));
}

TEST(OpenApiTest, DescribesEveryRoute) {
  const json document =
      json::parse(openapi(make_router(), {.title = "internet2", .version = "0.1.0"}));
  EXPECT_EQ(document["openapi"], "3.1.0");
  EXPECT_EQ(document["info"]["version"], "0.1.0");
  EXPECT_EQ(document["paths"].size(), 4u);
  const json& member = document["paths"]["/api/v1/members/{name}"]["get"];
  EXPECT_EQ(member["operationId"], "getApiV1MembersName");
  EXPECT_EQ(member["x-role"], "reader");
  EXPECT_EQ(member["parameters"][0]["in"], "path");
  EXPECT_EQ(member["parameters"][1]["name"], "limit");
  EXPECT_EQ(member["responses"]["default"]["$ref"], "#/components/responses/Problem");
  const json& submit = document["paths"]["/api/v1/operations"]["post"];
  EXPECT_TRUE(submit["responses"].contains("202"));
  EXPECT_EQ(submit["requestBody"]["content"]["application/json"]["schema"]["required"][0], "kind");
  EXPECT_TRUE(document["paths"]["/health"]["get"]["security"].empty());
}

}  // namespace
}  // namespace i2::gateway
