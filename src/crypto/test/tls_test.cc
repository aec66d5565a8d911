#include <gtest/gtest.h>
#include <i2/crypto/provider.h>
#include <i2/crypto/x509.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

namespace i2::crypto {
namespace {

TEST(Smoke, Tls) {
  ASSERT_TRUE(install_provider());
  SSL_CTX* ctx = SSL_CTX_new(TLS_method());
  ERR_print_errors_fp(stderr);
  ASSERT_NE(ctx, nullptr);
  EXPECT_EQ(SSL_CTX_set1_sigalgs_list(ctx, "falcon1024"), 1);
  const auto key = PrivateKey::generate(SignatureAlgorithm::kFalcon1024).value();
  const auto cert = build_certificate({.subject_key = key.public_key(),
                                       .common_name = "x",
                                       .not_before = 1,
                                       .not_after = 100000,
                                       .serial = {1}},
                                      nullptr, key)
                        .value();
  EXPECT_EQ(SSL_CTX_use_certificate(ctx, cert.native()), 1);
  EXPECT_EQ(SSL_CTX_use_PrivateKey(ctx, key.native()), 1);
  SSL* server = SSL_new(ctx);
  SSL* client = SSL_new(ctx);
  BIO* a = nullptr;
  BIO* b = nullptr;
  BIO_new_bio_pair(&a, 65536, &b, 65536);
  SSL_set_bio(server, a, a);
  SSL_set_bio(client, b, b);
  SSL_set_accept_state(server);
  SSL_set_connect_state(client);
  int s = 0;
  int c = 0;
  for (int i = 0; i < 10 && (s != 1 || c != 1); ++i) {
    c = SSL_do_handshake(client);
    s = SSL_do_handshake(server);
  }
  EXPECT_EQ(s, 1);
  EXPECT_EQ(c, 1);
  ERR_print_errors_fp(stderr);
  SSL_free(server);
  SSL_free(client);
  SSL_CTX_free(ctx);
}

}  // namespace
}  // namespace i2::crypto
