// dns-01, CAA, and what addresses from DNS may be, against Knot DNS.
#include <boost/asio/ip/udp.hpp>

#include "dns_server.h"

namespace i2::trustchain::testing {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kRecords = R"(
; dns-01
_acme-challenge.ok     TXT "another"
_acme-challenge.ok     TXT "expected"
_acme-challenge.split  TXT "exp" "ected"
_acme-challenge.alias  CNAME first
first                  CNAME answers.elsewhere
answers.elsewhere      TXT "expected"
_acme-challenge.wrong  TXT "another"
_acme-challenge.wrong  TXT "expected "
_acme-challenge.nodata AAAA 2001:db8::1
_acme-challenge.loop   CNAME loop
loop                   CNAME _acme-challenge.loop
_acme-challenge.fails  CNAME x.broken

; addresses
loopback   AAAA ::1
linklocal  AAAA fe80::1
mapped     AAAA ::ffff:192.0.2.1
compatible AAAA ::192.0.2.1
nat64      AAAA 64:ff9b::192.0.2.1
sixtofour  AAAA 2002:c000:0201::1
teredo     AAAA 2001:0:1::1
multicast  AAAA ff02::1
nowhere    AAAA ::
hidden     CNAME loopback
ipv4       A 192.0.2.1

; CAA
ours       CAA 0 issue "CA.test"
second     CAA 0 issue "other.test"
second     CAA 0 issue "ca.test"
others     CAA 0 issue "other.test"
nobody     CAA 0 issue ";"
wild       CAA 0 issue ";"
wild       CAA 0 issuewild "ca.test"
tame       CAA 0 issue "ca.test"
tame       CAA 0 issuewild ";"
report     CAA 0 iodef "mailto:admin@test"
critical   CAA 128 tbs "unknown"
critical   CAA 0 issue "ca.test"
unknown    CAA 0 tbs "unknown"
parameters CAA 0 issue "ca.test; validationmethods=dns-01"
aliased    CNAME others
open.others CAA 0 issue "ca.test"
x.open.others AAAA 2001:db8::1
)";

class Dns : public Checks {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<DnsServer>(kRecords); }
  static void TearDownTestSuite() { server_.reset(); }

  void SetUp() override {
    config_.resolver = server_->address();
    config_.caa_identities = {"first.test", "ca.test"};
    open(config_, "::1 others.hosts.test nobody\n");
  }

  std::string dns_01(const std::string& name) {
    return code(
        check({.authorization = "id",
               .name = name,
               .check = acme::DnsCheck{.name = "_acme-challenge." + name, .value = "expected"}}));
  }
  Result<void> http_01(std::string name) {
    return check(acme::make_validation(acme::ChallengeType::kHttp01, "id", std::move(name), "token",
                                       "print"));
  }
  std::string caa(std::string name) { return code(check_caa({std::move(name)})); }

  ChallengeChecker::Config config_{};
  static inline std::unique_ptr<DnsServer> server_;
};

TEST_F(Dns, OneOfTheRecordsHasToBeIt) {
  EXPECT_EQ(dns_01("ok.test"), "ok");
  EXPECT_EQ(dns_01("split.test"), "ok");
  EXPECT_EQ(dns_01("wrong.test"), "acme.incorrect_response");
}

TEST_F(Dns, AliasesAreFollowed) {
  EXPECT_EQ(dns_01("alias.test"), "ok");
  EXPECT_EQ(dns_01("loop.test"), "acme.dns");
}

TEST_F(Dns, NamesWithoutRecordsAreSaid) {
  EXPECT_EQ(dns_01("none.test"), "acme.dns");
  EXPECT_EQ(dns_01("nodata.test"), "acme.dns");
}

TEST_F(Dns, FailuresOfTheServerAreSaid) {
  const auto result =
      check({.authorization = "id",
             .name = "broken.test",
             .check = acme::DnsCheck{.name = "_acme-challenge.broken.test", .value = "expected"}});
  EXPECT_EQ(code(result), "acme.dns");
  EXPECT_THAT(error_text(result), HasSubstr("RCODE 2"));
  EXPECT_EQ(dns_01("fails.test"), "acme.dns");
}

TEST_F(Dns, NothingIsAnsweredFromMemory) {
  EXPECT_EQ(dns_01("later.test"), "acme.dns");
  EXPECT_EQ(dns_01("ok.test"), "ok");
  server_->replace("_acme-challenge.later TXT \"expected\"\n", 2);
  EXPECT_EQ(dns_01("later.test"), "ok");
  EXPECT_EQ(dns_01("ok.test"), "acme.dns");
  server_->replace(kRecords, 3);
}

TEST_F(Dns, AServerThatIsSilentIsLeft) {
  // Bound, and never read.
  asio::ip::udp::socket silent(io_, {asio::ip::address_v6::loopback(), 0});
  config_.resolver = "[::1]:" + std::to_string(silent.local_endpoint().port());
  config_.time_limit = std::chrono::milliseconds(200);
  open(config_, "");
  EXPECT_EQ(dns_01("ok.test"), "acme.dns");
  EXPECT_EQ(caa("ok.test"), "acme.dns");
}

TEST_F(Dns, ManyAtATime) {
  config_.checks_max = 8;
  open(config_, "");
  std::vector<std::future<Result<void>>> results;
  for (int i = 0; i < 100; ++i) {
    results.push_back(start(checker_->check(
        {.authorization = "id",
         .name = "ok.test",
         .check = acme::DnsCheck{.name = "_acme-challenge.ok.test", .value = "expected"}})));
  }
  for (auto& result : results) {
    EXPECT_EQ(code(finish(std::move(result))), "ok");
  }
}

TEST_F(Dns, StoppingEndsLookups) {
  asio::ip::udp::socket silent(io_, {asio::ip::address_v6::loopback(), 0});
  config_.resolver = "[::1]:" + std::to_string(silent.local_endpoint().port());
  open(config_, "");
  auto lookup = start(checker_->check_caa({"ok.test"}));
  std::array<char, 512> question{};
  bool asked = false;
  silent.async_receive(asio::buffer(question),
                       [&](const boost::system::error_code&, std::size_t) { asked = true; });
  ASSERT_TRUE(run_until([&] { return asked; }));
  checker_->stop();
  EXPECT_EQ(code(finish(std::move(lookup))), "acme.server_internal");
}

TEST_F(Dns, AddressesThatLeadInsideAreNotConnectedTo) {
  for (const char* name : {"loopback", "linklocal", "mapped", "compatible", "nat64", "sixtofour",
                           "teredo", "multicast", "nowhere", "hidden"}) {
    const auto result = http_01(std::string(name) + ".test");
    EXPECT_EQ(code(result), "acme.connection") << name;
    EXPECT_THAT(error_text(result), HasSubstr("neither global nor unique local")) << name;
  }
  EXPECT_EQ(code(http_01("ipv4.test")), "acme.dns");
  EXPECT_EQ(code(http_01("none.test")), "acme.dns");
}

TEST_F(Dns, TheHostsFileIsReadForEachCheck) {
  HttpServer server(io_, [](const std::string&) {
    return "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\ntoken.print";
  });
  config_.http_port = server.port();
  open(config_, "");
  EXPECT_EQ(code(http_01("new.test")), "acme.dns");
  write_file(dir_ / "hosts", "::1 new.test\n");
  EXPECT_EQ(code(http_01("new.test")), "ok");
  write_file(dir_ / "hosts", "127.0.0.1 new.test\n");
  EXPECT_EQ(code(http_01("new.test")), "acme.server_internal");
}

TEST_F(Dns, RedirectsAreGuardedLikewise) {
  HttpServer server(io_, [](const std::string&) {
    return "HTTP/1.1 302 Found\r\nLocation: http://loopback.test/\r\n\r\n";
  });
  config_.http_port = server.port();
  open(config_, "::1 nobody.test\n");
  const auto result = http_01("nobody.test");
  EXPECT_EQ(code(result), "acme.connection");
  EXPECT_THAT(error_text(result), HasSubstr("neither global nor unique local"));
  EXPECT_EQ(server.heads().size(), 1U);
}

TEST_F(Dns, CaaPermitsWhomItNames) {
  EXPECT_EQ(caa("free.test"), "ok");
  EXPECT_EQ(caa("ours.test"), "ok");
  EXPECT_EQ(caa("second.test"), "ok");
  EXPECT_EQ(caa("others.test"), "acme.caa");
  EXPECT_EQ(caa("nobody.test"), "acme.caa");
  EXPECT_EQ(caa("report.test"), "ok");
  EXPECT_EQ(caa("unknown.test"), "ok");
  EXPECT_EQ(caa("critical.test"), "acme.caa");
  EXPECT_EQ(caa("parameters.test"), "acme.caa");
  EXPECT_EQ(caa("aliased.test"), "acme.caa");
}

TEST_F(Dns, TheNearestCaaRecordsCount) {
  EXPECT_EQ(caa("a.b.others.test"), "acme.caa");
  EXPECT_EQ(caa("a.b.ours.test"), "ok");
  EXPECT_EQ(caa("x.open.others.test"), "ok");
}

TEST_F(Dns, WildcardsHaveRecordsOfTheirOwn) {
  EXPECT_EQ(caa("*.wild.test"), "ok");
  EXPECT_EQ(caa("wild.test"), "acme.caa");
  EXPECT_EQ(caa("*.tame.test"), "acme.caa");
  EXPECT_EQ(caa("tame.test"), "ok");
  EXPECT_EQ(caa("*.others.test"), "acme.caa");
  EXPECT_EQ(caa("*.ours.test"), "ok");
}

TEST_F(Dns, AFailedCaaLookupIsNoPermission) {
  EXPECT_EQ(caa("a.broken.test"), "acme.dns");
  EXPECT_EQ(code(check_caa({"ours.test", "a.broken.test"})), "acme.dns");
  EXPECT_EQ(code(check_caa({"ours.test", "others.test", "a.broken.test"})), "acme.caa");
}

TEST_F(Dns, NamesThatAreNotOfDnsNeedNoCaa) {
  config_.internal_zone = "broken.test";
  open(config_, "::1 others.test\n");
  EXPECT_EQ(caa("others.test"), "ok");
  EXPECT_EQ(caa("*.others.test"), "ok");
  EXPECT_EQ(caa("a.others.test"), "acme.caa");
  EXPECT_EQ(caa("x.broken.test"), "ok");
  EXPECT_EQ(caa("xbroken.test"), "ok");
}

}  // namespace
}  // namespace i2::trustchain::testing
