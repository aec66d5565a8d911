// The probe against a server of OpenSSL's, and what certificates tell beyond their fields.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <i2/crypto/tls_probe.h>

#include <array>

#include "tls_pair.h"

namespace i2::crypto {
namespace {

int choose_protocol(SSL*, const unsigned char** out, unsigned char* size,
                    const unsigned char* offered, unsigned offered_size, void* wanted) {
  const std::string_view name = *static_cast<const std::string_view*>(wanted);
  // The probe offers one protocol.
  if (std::string_view(reinterpret_cast<const char*>(offered) + 1, offered_size - 1) != name) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *out = offered + 1;
  *size = static_cast<unsigned char>(name.size());
  return SSL_TLSEXT_ERR_OK;
}

class Probe : public ::testing::Test {
 protected:
  Probe() : server_(make_server(TLS1_3_VERSION)) {}

  SslPointer make_server(int version) {
    context_.reset(SSL_CTX_new(TLS_server_method()));
    EXPECT_TRUE(use_identity(context_.get(), certificate_, key_));
    EXPECT_EQ(SSL_CTX_set_max_proto_version(context_.get(), version), 1);
    SSL_CTX_set_alpn_select_cb(context_.get(), choose_protocol, &protocol_);
    SslPointer out(SSL_new(context_.get()));
    SSL_set_bio(out.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_accept_state(out.get());
    return out;
  }

  // What the probe has to say goes to the server, and the answer back.
  Result<void> exchange(TlsProbe& probe) {
    const Bytes out = probe.take_output();
    BIO_write(SSL_get_rbio(server_.get()), out.data(), static_cast<int>(out.size()));
    if (!SSL_is_init_finished(server_.get())) {
      SSL_do_handshake(server_.get());
    }
    return probe.handle(from_server());
  }
  Bytes from_server() {
    Bytes out(BIO_ctrl_pending(SSL_get_wbio(server_.get())));
    BIO_read(SSL_get_wbio(server_.get()), out.data(), static_cast<int>(out.size()));
    return out;
  }
  Result<void> connect(TlsProbe& probe) {
    for (int flight = 0; flight < 4 && !probe.is_connected(); ++flight) {
      I2_TRY(exchange(probe));
    }
    return exchange(probe);
  }

  std::string_view protocol_ = "acme-tls/1";
  const PrivateKey key_ = PrivateKey::generate(SignatureAlgorithm::kEcdsaP256).value();
  const Certificate certificate_ = make_test_leaf(key_.public_key(), make_test_ca(key_), key_);
  SslContext context_;
  SslPointer server_;
};

TEST_F(Probe, ShowsWhatTheServerShows) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    server_ = make_server(version);
    auto probe = TlsProbe::create("node.example", "acme-tls/1");
    ASSERT_TRUE(probe) << probe.error().to_string();
    const auto connected = connect(*probe);
    ASSERT_TRUE(connected) << connected.error().to_string();
    ASSERT_TRUE(probe->is_connected());
    EXPECT_EQ(SSL_version(server_.get()), version);
    EXPECT_STREQ(SSL_get_servername(server_.get(), TLSEXT_NAMETYPE_host_name), "node.example");
    EXPECT_EQ(probe->protocol(), "acme-tls/1");
    EXPECT_EQ(probe->certificate()->der(), certificate_.der());
  }
}

TEST_F(Probe, CarriesDataUntilTheServerEndsIt) {
  auto probe = TlsProbe::create("node.example", "");
  ASSERT_TRUE(probe);
  ASSERT_TRUE(connect(*probe));
  EXPECT_EQ(probe->protocol(), "");

  ASSERT_TRUE(probe->write(as_bytes("question")));
  ASSERT_TRUE(exchange(*probe));
  std::array<char, 32> received{};
  EXPECT_EQ(SSL_read(server_.get(), received.data(), received.size()), 8);
  EXPECT_STREQ(received.data(), "question");

  const std::string answer(40'000, 'a');  // several records
  EXPECT_EQ(SSL_write(server_.get(), answer.data(), static_cast<int>(answer.size())),
            static_cast<int>(answer.size()));
  ASSERT_TRUE(probe->handle(from_server()));
  EXPECT_EQ(as_text(probe->take_input()), answer);
  EXPECT_FALSE(probe->is_ended());
  SSL_shutdown(server_.get());
  ASSERT_TRUE(probe->handle(from_server()));
  EXPECT_TRUE(probe->is_ended());
}

TEST_F(Probe, RefusesAnotherProtocolAndWhatIsNoTls) {
  auto other = TlsProbe::create("node.example", "h2");
  ASSERT_TRUE(other);
  const auto refused = connect(*other);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), "crypto.tls");
  EXPECT_THAT(refused.error().message(), ::testing::HasSubstr("no application protocol"));

  auto probe = TlsProbe::create("node.example", "");
  ASSERT_TRUE(probe);
  const auto plain = probe->handle(as_bytes("HTTP/1.1 400 Bad Request\r\n\r\n"));
  ASSERT_FALSE(plain);
  EXPECT_EQ(plain.error().code(), "crypto.tls");
  EXPECT_FALSE(probe->is_connected());
}

TEST_F(Probe, RefusesNamesThatTlsCannotCarry) {
  for (const std::string& name : {std::string(300, 'a'), std::string("a\0b", 3)}) {
    const auto probe = TlsProbe::create(name, "");
    ASSERT_FALSE(probe);
    EXPECT_EQ(probe.error().code(), "crypto.tls");
  }
  EXPECT_FALSE(TlsProbe::create("node.example", std::string(256, 'a')));
}

TEST_F(Probe, CertificatesTellTheirExtensionsAndWhoSignedThem) {
  const Certificate ca = make_test_ca(key_);
  const auto constraints = ca.extension("2.5.29.19");
  ASSERT_TRUE(constraints);
  EXPECT_TRUE(constraints->critical);
  // SEQUENCE { BOOLEAN TRUE, INTEGER 0 }
  EXPECT_EQ(to_hex(constraints->value), "30060101ff020100");
  const auto names = certificate_.extension("2.5.29.17");
  ASSERT_TRUE(names);
  EXPECT_FALSE(names->critical);
  EXPECT_FALSE(ca.extension("1.3.6.1.5.5.7.1.31"));
  EXPECT_FALSE(ca.extension("no oid"));

  EXPECT_TRUE(ca.is_self_signed());
  EXPECT_FALSE(certificate_.is_self_signed());
  // Names alone do not do.
  const PrivateKey other = PrivateKey::generate(SignatureAlgorithm::kEcdsaP256).value();
  const Certificate fields = make_test_ca(other);
  const auto forged =
      sign_certificate(*prepare_certificate(fields.fields(), nullptr), nullptr, other);
  ASSERT_TRUE(forged);
  EXPECT_TRUE(forged->is_self_signed());
  Bytes der = forged->der();
  der.back() ^= 1;  // the last byte of the signature
  const auto broken = Certificate::from_der(der);
  ASSERT_TRUE(broken);
  EXPECT_FALSE(broken->is_self_signed());
}

}  // namespace
}  // namespace i2::crypto
