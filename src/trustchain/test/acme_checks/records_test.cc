// What is read: names, addresses, the hosts file, URLs, records.
#include "checks/records.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <i2/trustchain/testing/temp_dir.h>

#include "checks/names.h"

namespace i2::trustchain::checks {
namespace {

using testing::code;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

SocketAddress address(std::string_view text) {
  return SocketAddress::parse(text).value();
}

TEST(CheckNames, HostNames) {
  for (const char* name :
       {"a", "a.test", "xn--a.test", "_acme-challenge.a.test", "1.a", "a-b.c1"}) {
    EXPECT_TRUE(is_host_name(name)) << name;
  }
  for (const std::string& name :
       {std::string(), std::string("."), std::string("a."), std::string(".a"), std::string("a..b"),
        std::string("A"), std::string("a b"), std::string("1.2.3.4"), std::string("::1"),
        std::string("a/b"), std::string(64, 'a'), std::string("*.a"),
        std::string(200, 'a') + std::string(100, 'b')}) {
    EXPECT_FALSE(is_host_name(name)) << name;
  }
}

TEST(CheckNames, AddressesFromDns) {
  for (const char* text :
       {"2000::", "2600::1", "3fff:ffff::1", "fc00::1", "fdff:ffff::1", "2001:1::1", "2003::1"}) {
    EXPECT_TRUE(is_reachable_address(address(text))) << text;
  }
  for (const char* text : {"::", "::1", "::2", "64:ff9b::1", "100::1", "1fff::1", "2001::1",
                           "2001:0:5::1", "2002::1", "2002:7f00:1::1", "4000::1", "fe80::1",
                           "febf::1", "fec0::1", "ff02::1", "ff0e::1", "fbff::1"}) {
    EXPECT_FALSE(is_reachable_address(address(text))) << text;
  }
  SocketAddress mapped;
  mapped.ip[10] = mapped.ip[11] = 0xff;
  EXPECT_FALSE(is_reachable_address(mapped));
  EXPECT_FALSE(is_unicast_address(mapped));
  EXPECT_TRUE(is_unicast_address(address("::1")));
  EXPECT_TRUE(is_unicast_address(address("fe80::1%3")));
}

TEST(CheckNames, HostsFile) {
  const auto hosts = parse_hosts(
      "# names of the test\n"
      "::1\ta.test B.test # and c.test\n\r\n"
      "  fd00::1  a.test");
  ASSERT_TRUE(hosts) << hosts.error().to_string();
  EXPECT_THAT(*hosts, ElementsAre(Pair("a.test", ElementsAre(address("::1"), address("fd00::1"))),
                                  Pair("b.test", ElementsAre(address("::1")))));
  EXPECT_TRUE(parse_hosts("")->empty());
  for (const char* text : {"127.0.0.1 a.test", "::ffff:127.0.0.1 a.test", "::127.0.0.1 a.test",
                           ":: a.test", "ff02::1 a.test", "[::1] a.test", "[::1]:80 a.test",
                           "a.test ::1", "::1", "::1 a..b", "::1 *.test"}) {
    const auto refused = parse_hosts("::1 a.test\n" + std::string(text) + "\n");
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().code(), "acme.options_invalid");
    EXPECT_THAT(refused.error().message(), HasSubstr("line 2: ")) << text;
  }
  EXPECT_FALSE(parse_hosts(std::string(kHostsSizeMax + 1, '\n')));
}

TEST(CheckNames, NameServersWithIpv6) {
  EXPECT_THAT(parse_resolv_conf("search example\nnameserver 192.0.2.1\nnameserver  2001:db8::1\n"
                                "nameserver fe80::1%eth0 # router\nnameserver ::ffff:192.0.2.1\n"
                                "options edns0\nnameserver"),
              ElementsAre("2001:db8::1", "fe80::1%eth0"));
}

std::string followed(std::string_view location, std::string_view from = "https://a.test:444/x?y") {
  const auto base = parse_url(from);
  EXPECT_TRUE(base);
  const auto out = follow(*base, location);
  return out ? to_text(*out) : out.error().code();
}

TEST(CheckNames, Redirects) {
  EXPECT_EQ(followed("http://B.test"), "http://b.test/");
  EXPECT_EQ(followed("HTTP://b.test:80/a?b#c"), "http://b.test/a?b");
  EXPECT_EQ(followed("https://b.test:/a"), "https://b.test/a");
  EXPECT_EQ(followed("https://b.test?a"), "https://b.test/?a");
  EXPECT_EQ(followed("http://b.test:443/"), "http://b.test:443/");
  EXPECT_EQ(followed("/a?b"), "https://a.test:444/a?b");
  EXPECT_EQ(followed("//b.test/a"), "https://b.test/a");
  EXPECT_EQ(followed("//b.test/a", "http://a.test/"), "http://b.test/a");
  for (const std::string& location : {std::string(),
                                      std::string("a"),
                                      std::string("?a"),
                                      std::string("://a.test/"),
                                      std::string("ftp://a.test/"),
                                      std::string("http:/a.test/"),
                                      std::string("http://a b.test/"),
                                      std::string("http://a.test/\r\nX: y"),
                                      std::string("http://u:p@a.test/"),
                                      std::string("http://a.test:0/"),
                                      std::string("http://a.test:65536/"),
                                      std::string("http://a.test:+80/"),
                                      std::string("http://a.test:80:80/"),
                                      std::string("http://127.0.0.1/"),
                                      std::string("http://0x7f.1/"),
                                      std::string("http://[::1]/"),
                                      std::string("http://a.test./"),
                                      std::string("http://a.test\\.b/"),
                                      std::string("http://\xc3\xa4.test/"),
                                      "http://a.test/" + std::string(3000, 'a')}) {
    EXPECT_EQ(followed(location), "acme.connection") << location;
  }
}

TEST(CheckRecords, Txt) {
  EXPECT_EQ(parse_txt(as_bytes("\x02"
                               "ab"
                               "\x01"
                               "c")),
            "abc");
  EXPECT_EQ(parse_txt({}), "");
  EXPECT_EQ(parse_txt(as_bytes("\x03"
                               "ab")),
            std::nullopt);
}

TEST(CheckRecords, Caa) {
  // RFC 8659 §4.1.1: flags, length of the tag, tag, value.
  const auto record = parse_caa(as_bytes(std::string_view("\x80\x05iSSueca.test", 14)));
  ASSERT_TRUE(record);
  EXPECT_TRUE(record->critical);
  EXPECT_EQ(record->tag, "issue");
  EXPECT_EQ(record->value, "ca.test");
  for (const std::string_view malformed :
       {std::string_view(), std::string_view("\0", 1), std::string_view("\0\0", 2),
        std::string_view("\0\x06issue", 7), std::string_view("\0\x05is-ue", 7)}) {
    EXPECT_FALSE(parse_caa(as_bytes(malformed)));
  }
  EXPECT_EQ(parse_caa(as_bytes(std::string_view("\0\x05issue", 7)))->value, "");
}

Bytes caa(std::string_view tag, std::string_view value, std::uint8_t flags = 0) {
  Bytes out{flags, static_cast<std::uint8_t>(tag.size())};
  append(out, as_bytes(tag));
  append(out, as_bytes(value));
  return out;
}

TEST(CheckRecords, IssueNamesAnAuthority) {
  const std::vector<std::string> own{"ca.test"};
  const auto judged = [&](std::string_view value) {
    return code(judge_caa("a.test", std::vector<Bytes>{caa("issue", value)}, false, own));
  };
  for (const char* value : {"ca.test", " ca.test ", "CA.TEST", "ca.test;", "\tca.test ; "}) {
    EXPECT_EQ(judged(value), "ok") << value;
  }
  for (const char* value : {"", ";", " ", "ca.test.", "ca.tes", "xca.test", "ca.test x=y",
                            "ca.test; x=y", ";ca.test", "%%%%", "-ca.test", "ca..test"}) {
    EXPECT_EQ(judged(value), "acme.caa") << value;
  }
  EXPECT_EQ(code(judge_caa("a.test", std::vector<Bytes>{caa("issue", "ca.test")}, false, {})),
            "acme.caa");
}

TEST(CheckRecords, FlagsAndUnknownProperties) {
  const std::vector<std::string> own{"ca.test"};
  const auto judged = [&](std::vector<Bytes> records, bool wildcard = false) {
    return code(judge_caa("a.test", records, wildcard, own));
  };
  EXPECT_EQ(judged({caa("issue", "ca.test", 0x80)}), "ok");
  EXPECT_EQ(judged({caa("iodef", "mailto:a@a.test", 0x80)}), "ok");
  EXPECT_EQ(judged({caa("tbs", "x", 0x01)}), "ok");  // reserved bits are ignored
  EXPECT_EQ(judged({caa("tbs", "x", 0x80), caa("issue", "ca.test")}), "acme.caa");
  EXPECT_EQ(judged({caa("issue", "ca.test"), Bytes{0}}), "acme.caa");
  EXPECT_EQ(judged({caa("issuewild", ";")}), "ok");
  EXPECT_EQ(judged({caa("issuewild", ";")}, true), "acme.caa");
  EXPECT_EQ(judged({caa("issue", ";"), caa("issuewild", "ca.test")}, true), "ok");
  EXPECT_EQ(judged({caa("issue", "ca.test")}, true), "ok");
}

}  // namespace
}  // namespace i2::trustchain::checks
