// http-01 against servers in this process, and one of OpenSSL's.
#include "harness.h"

namespace i2::trustchain::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kToken = "token0";
constexpr std::string_view kThumbprint = "print";
constexpr std::string_view kProof = "token0.print";

std::string answer(std::string_view body, std::string_view status = "200 OK") {
  return "HTTP/1.1 " + std::string(status) + "\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + std::string(body);
}

std::string redirect(std::string_view location, std::string_view status = "302 Found") {
  return "HTTP/1.1 " + std::string(status) + "\r\nLocation: " + std::string(location) +
         "\r\nContent-Length: 100000000\r\n\r\nsee there";
}

acme::Validation http_check(std::string name = "a.test") {
  return acme::make_validation(acme::ChallengeType::kHttp01, "authorization", std::move(name),
                               kToken, kThumbprint);
}

class Http01 : public Checks {
 protected:
  void serve(HttpServer::Handler handle) {
    server_.emplace(io_, std::move(handle));
    config_.http_port = server_->port();
    open(config_, "::1 a.test b.test\n");
  }
  void serve(std::string text) {
    serve([text = std::move(text)](const std::string&) { return text; });
  }
  // What becomes of a check that is answered like this.
  Result<void> answered(std::string text) {
    serve(std::move(text));
    return check(http_check());
  }

  ChallengeChecker::Config config_{};
  std::optional<HttpServer> server_;
};

TEST_F(Http01, AsksForTheTokenAndAcceptsTheKeyAuthorization) {
  const auto result = answered(answer(kProof));
  EXPECT_TRUE(result) << error_text(result);
  ASSERT_EQ(server_->heads().size(), 1U);
  EXPECT_THAT(server_->heads()[0],
              HasSubstr("GET /.well-known/acme-challenge/token0 HTTP/1.1\r\nHost: a.test\r\n"));
}

TEST_F(Http01, WhiteSpaceMayFollowAndOnlyThat) {
  EXPECT_EQ(code(answered(answer("token0.print \r\n\n"))), "ok");
  EXPECT_EQ(code(answered(answer(" token0.print"))), "acme.incorrect_response");
  EXPECT_EQ(code(answered(answer("token0.print2"))), "acme.incorrect_response");
  EXPECT_EQ(code(answered(answer("token0.prin"))), "acme.incorrect_response");
  EXPECT_EQ(code(answered(answer(""))), "acme.incorrect_response");
}

TEST_F(Http01, BodiesOfAllKindsAreRead) {
  EXPECT_EQ(code(answered("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\ntoken0.\r\n"
                          "5\r\nprint\r\n0\r\n\r\n")),
            "ok");
  EXPECT_EQ(code(answered("HTTP/1.0 200 OK\r\n\r\ntoken0.print")), "ok");  // until the end
}

TEST_F(Http01, NothingOfAWrongBodyIsTold) {
  const auto result = answered(answer("a secret of the inner network"));
  EXPECT_EQ(code(result), "acme.incorrect_response");
  EXPECT_THAT(error_text(result), Not(HasSubstr("secret")));
}

TEST_F(Http01, OtherStatusesProveNothing) {
  for (const char* status : {"404 Not Found", "500 Internal Server Error", "204 No Content"}) {
    EXPECT_EQ(code(answered(answer(kProof, status))), "acme.incorrect_response") << status;
  }
}

TEST_F(Http01, RedirectsAreFollowed) {
  for (const char* status : {"301 Moved", "302 Found", "303 See Other", "307 Temporary Redirect",
                             "308 Permanent Redirect"}) {
    serve([status](const std::string& head) {
      return head.starts_with("GET /there?x=1 ") ? answer(kProof)
                                                 : redirect("http://B.test/there?x=1#y", status);
    });
    const auto result = check(http_check());
    EXPECT_TRUE(result) << status << error_text(result);
    ASSERT_EQ(server_->heads().size(), 2U);
    EXPECT_THAT(server_->heads()[1], HasSubstr("\r\nHost: b.test\r\n"));
  }
}

TEST_F(Http01, APathIsARedirectToTheSameHost) {
  serve([](const std::string& head) {
    return head.starts_with("GET /there ") ? answer(kProof) : redirect("/there");
  });
  EXPECT_EQ(code(check(http_check())), "ok");
}

TEST_F(Http01, TenRedirectsAreFollowedAndNoMore) {
  serve(redirect("/again"));
  const auto result = check(http_check());
  EXPECT_EQ(code(result), "acme.connection");
  EXPECT_EQ(server_->heads().size(), 11U);
}

TEST_F(Http01, RedirectsLeadToNamesAndTheTwoPortsOnly) {
  const std::string port = std::to_string(1024);
  for (const std::string& location :
       {std::string("ftp://a.test/"), "http://a.test:" + port + "/", "http://[::1]:" + port + "/",
        std::string("http://[::1]/"), std::string("http://127.0.0.1/"),
        std::string("http://2130706433/"), std::string("http://u@a.test/"), std::string(""),
        std::string("there"), std::string("http://a.test\\@b.test/"), std::string("http:///x")}) {
    const auto result = answered(redirect(location));
    EXPECT_EQ(code(result), "acme.connection") << location;
    EXPECT_EQ(server_->heads().size(), 1U) << location;
  }
}

TEST_F(Http01, HugeAnswersAreNotRead) {
  config_.body_size_max = 1000;
  const std::string body(1001, 'a');
  EXPECT_EQ(code(answered(answer(body))), "acme.incorrect_response");
  EXPECT_EQ(code(answered("HTTP/1.1 200 OK\r\n\r\n" + body)), "acme.incorrect_response");
  EXPECT_EQ(code(answered("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + body)),
            "acme.incorrect_response");
  EXPECT_EQ(code(answered("HTTP/1.1 200 OK\r\nX: " + std::string(20'000, 'a') + "\r\n\r\n")),
            "acme.connection");
  // As much as is allowed.
  EXPECT_EQ(code(answered(answer("token0.print" + std::string(1000 - kProof.size(), ' ')))), "ok");
}

TEST_F(Http01, WhatIsNoHttpIsRefused) {
  EXPECT_EQ(code(answered("220 mail.test ESMTP\r\n")), "acme.connection");
  EXPECT_EQ(code(answered("")), "acme.connection");
  EXPECT_EQ(code(answered("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\ntoken0.print")),
            "acme.connection");
}

TEST_F(Http01, ASilentServerIsLeft) {
  config_.time_limit = std::chrono::milliseconds(200);
  serve([](const std::string&) { return std::nullopt; });
  const auto result = check(http_check());
  EXPECT_EQ(code(result), "acme.connection");
  EXPECT_THAT(error_text(result), HasSubstr("did not answer in time"));
}

TEST_F(Http01, ARefusedConnectionIsSaid) {
  config_.http_port = free_port(io_);
  open(config_, "::1 a.test\n");
  const auto result = check(http_check());
  EXPECT_EQ(code(result), "acme.connection");
  EXPECT_THAT(error_text(result), HasSubstr("Connection refused"));
}

TEST_F(Http01, AddressesAreTriedInTheirOrder) {
  server_.emplace(io_, [](const std::string&) { return answer(kProof); });
  config_.http_port = server_->port();
  open(config_, "fe80::1 a.test\n::1 a.test\n");  // without an interface: nowhere
  const auto result = check(http_check());
  EXPECT_TRUE(result) << error_text(result);
}

TEST_F(Http01, LaterChecksWaitForTheirTurn) {
  config_.checks_max = 1;
  std::vector<std::string> order;
  serve([&](const std::string& head) {
    order.push_back(head.substr(head.find("Host: ") + 6, 6));
    return answer(kProof);
  });
  auto first = start(checker_->check(http_check("a.test")));
  auto second = start(checker_->check(http_check("b.test")));
  EXPECT_EQ(code(finish(std::move(first))), "ok");
  EXPECT_EQ(order.size(), 1U);
  EXPECT_EQ(code(finish(std::move(second))), "ok");
  EXPECT_THAT(order, ::testing::ElementsAre("a.test", "b.test"));
}

TEST_F(Http01, StoppingEndsWhatIsUnderWay) {
  config_.checks_max = 1;
  serve([](const std::string&) { return std::nullopt; });
  auto running = start(checker_->check(http_check()));
  auto waiting = start(checker_->check(http_check()));
  ASSERT_TRUE(run_until([&] { return !server_->heads().empty(); }));
  checker_->stop();
  EXPECT_EQ(code(finish(std::move(running))), "acme.server_internal");
  EXPECT_EQ(code(finish(std::move(waiting))), "acme.server_internal");
  EXPECT_EQ(code(check(http_check())), "acme.server_internal");
  EXPECT_EQ(code(check_caa({"x.test"})), "acme.server_internal");
}

TEST_F(Http01, SettingsThatCannotBeAreRefused) {
  const auto opened = [&](ChallengeChecker::Config config) {
    const auto made =
        ChallengeChecker::open(io_.get_executor(), pool_.get_executor(), std::move(config));
    return made ? "ok" : made.error().code();
  };
  EXPECT_EQ(opened({.resolver = "127.0.0.1:53"}), "acme.options_invalid");
  EXPECT_EQ(opened({.resolver = "dns.test"}), "acme.options_invalid");
  EXPECT_EQ(opened({.hosts_file = dir_ / "none"}), "acme.options_invalid");
  EXPECT_EQ(opened({.caa_identities = {"ca.test; x"}}), "acme.options_invalid");
  EXPECT_EQ(opened({.internal_zone = ".test"}), "acme.options_invalid");
  EXPECT_EQ(opened({.caa_identities = {"ca.test"}, .internal_zone = "I2.internal"}), "ok");
}

// A web server that has HTTPS only, with whatever certificate.
TEST_F(Http01, RedirectsToHttpsAreFollowed) {
  run_program({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
               "-nodes", "-days", "1", "-subj", "/CN=whoever", "-keyout", dir_ / "key.pem", "-out",
               dir_ / "certificate.pem"});
  write_file(dir_ / "www/proof", kProof);
  Program server({"openssl", "s_server", "-accept", "[::1]:0", "-cert", dir_ / "certificate.pem",
                  "-key", dir_ / "key.pem", "-WWW"},
                 dir_ / "www");
  const auto port = server.wait_for("ACCEPT [::1]:");
  ASSERT_TRUE(port);
  config_.tls_port = static_cast<std::uint16_t>(std::stoi(*port));
  serve(redirect("https://b.test/proof"));
  const auto result = check(http_check());
  EXPECT_TRUE(result) << error_text(result);
}

}  // namespace
}  // namespace i2::trustchain::testing
