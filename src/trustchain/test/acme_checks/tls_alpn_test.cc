// tls-alpn-01 against `openssl s_server`.
#include <i2/crypto/hash.h>

#include "harness.h"

namespace i2::trustchain::testing {
namespace {

using ::testing::HasSubstr;

class TlsAlpn01 : public Checks {
 protected:
  [[nodiscard]] std::string file(std::string_view name) const { return dir_ / name; }
  // acmeIdentifier of `digest`, as text for OpenSSL.
  static std::string identifier(const Hash256& digest, std::string_view critical = "critical,") {
    return "1.3.6.1.5.5.7.1.31=" + std::string(critical) + "DER:0420" + to_hex(digest);
  }
  std::vector<std::string> certificate_command(std::string_view names,
                                               const std::string& extension) {
    std::vector<std::string> words{"openssl",
                                   "req",
                                   "-x509",
                                   "-newkey",
                                   "ec",
                                   "-pkeyopt",
                                   "ec_paramgen_curve:P-256",
                                   "-nodes",
                                   "-days",
                                   "1",
                                   "-subj",
                                   "/CN=challenge",
                                   "-keyout",
                                   file("key.pem"),
                                   "-out",
                                   file("certificate.pem"),
                                   "-addext",
                                   "subjectAltName=" + std::string(names)};
    if (!extension.empty()) {
      words.insert(words.end(), {"-addext", extension});
    }
    return words;
  }

  // What a server with the certificate in certificate.pem proves.
  Result<void> served(std::vector<std::string> more = {"-alpn", "acme-tls/1"}) {
    std::vector<std::string> words{"openssl", "s_server",     "-accept",
                                   "[::1]:0", "-cert",        file("certificate.pem"),
                                   "-key",    file("key.pem")};
    words.insert(words.end(), more.begin(), more.end());
    Program server(std::move(words));
    const auto port = server.wait_for("ACCEPT [::1]:");
    if (!port) {
      return fail("test.failed", "no server");
    }
    open({.tls_port = static_cast<std::uint16_t>(std::stoi(*port))}, "::1 a.test\n");
    return check(
        acme::make_validation(acme::ChallengeType::kTlsAlpn01, "id", "a.test", "token", "print"));
  }
  Result<void> shown(std::string_view names, const std::string& extension) {
    run_program(certificate_command(names, extension));
    return served();
  }

  const Hash256 digest_ = crypto::sha256(as_bytes("token.print"));
};

TEST_F(TlsAlpn01, TheCertificateOfTheChallengeProves) {
  const auto result = shown("DNS:A.test", identifier(digest_));
  EXPECT_TRUE(result) << error_text(result);
  // The oldest version that may be (RFC 8737 §4).
  EXPECT_EQ(code(served({"-alpn", "acme-tls/1", "-tls1_2"})), "ok");
}

TEST_F(TlsAlpn01, OtherCertificatesDoNot) {
  Hash256 other = digest_;
  other[31] ^= 1;
  const std::string right = identifier(digest_);
  const std::vector<std::pair<std::string, std::string>> wrong{
      {"DNS:a.test", identifier(other)},
      {"DNS:a.test", identifier(digest_, "")},
      {"DNS:a.test", ""},
      {"DNS:a.test", "1.3.6.1.5.5.7.1.31=critical,DER:" + to_hex(digest_)},
      {"DNS:a.test", right + "00"},
      {"DNS:b.test", right},
      {"DNS:a.test,DNS:b.test", right},
      {"DNS:a.test,IP:::1", right},
      {"DNS:a.test,IP:192.0.2.1", right},
      {"DNS:a.test,email:a@a.test", right},
      {"DNS:*.test", right},
      {"IP:::1", right},
  };
  for (const auto& [names, extension] : wrong) {
    const auto result = shown(names, extension);
    EXPECT_EQ(code(result), "acme.incorrect_response")
        << names << " " << extension << " " << error_text(result);
  }
}

TEST_F(TlsAlpn01, AnIssuedCertificateDoesNot) {
  run_program({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
               "-nodes", "-days", "1", "-subj", "/CN=issuer", "-keyout", file("ca-key.pem"), "-out",
               file("ca.pem")});
  auto words = certificate_command("DNS:a.test", identifier(digest_));
  words.insert(words.end(), {"-CA", file("ca.pem"), "-CAkey", file("ca-key.pem")});
  run_program(words);
  const auto result = served();
  EXPECT_EQ(code(result), "acme.incorrect_response");
  EXPECT_THAT(error_text(result), HasSubstr("self-signed"));
}

TEST_F(TlsAlpn01, TheServerHasToAgreeOnTheProtocol) {
  run_program(certificate_command("DNS:a.test", identifier(digest_)));
  EXPECT_EQ(code(served({})), "acme.incorrect_response");
  EXPECT_EQ(code(served({"-alpn", "h2"})), "acme.tls");
  EXPECT_EQ(code(served({"-alpn", "acme-tls/1", "-cipher", "AES128-SHA", "-tls1_2"})), "acme.tls");
}

TEST_F(TlsAlpn01, WhatIsNoTlsIsSaid) {
  const auto validation =
      acme::make_validation(acme::ChallengeType::kTlsAlpn01, "id", "a.test", "token", "print");
  // Says something to whoever connects.
  tcp::acceptor acceptor(io_, tcp::endpoint(asio::ip::address_v6::loopback(), 0));
  const std::string greeting = "220 mail.test ESMTP\r\n";
  std::optional<tcp::socket> accepted;
  acceptor.async_accept([&](const boost::system::error_code&, tcp::socket socket) {
    accepted.emplace(std::move(socket));
    asio::write(*accepted, asio::buffer(greeting));
  });
  open({.tls_port = acceptor.local_endpoint().port()}, "::1 a.test\n");
  EXPECT_EQ(code(check(validation)), "acme.tls");
  acceptor.close();
  EXPECT_EQ(code(check(validation)), "acme.connection");
}

}  // namespace
}  // namespace i2::trustchain::testing
