// What happens when the provider is installed too late. A program of its own: in it, and only in
// it, libssl is used before install_provider().
#include <gtest/gtest.h>
#include <i2/crypto/provider.h>
#include <i2/crypto/x509.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "vectors.h"

namespace i2::crypto {
namespace {

TEST(ProviderOrder, AnSslContextOnlyKnowsWhatWasInstalledBefore) {
  const auto vectors = read_falcon_vectors("i2.rsp");
  Bytes spki = from_hex("3082070F300706052BCE0F030E0382070200");
  append(spki, vectors[0].public_key);
  const auto read_key = [&] {
    const unsigned char* cursor = spki.data();
    return d2i_PUBKEY(nullptr, &cursor, static_cast<long>(spki.size()));
  };

  SSL_CTX* early = SSL_CTX_new(TLS_method());
  ASSERT_NE(early, nullptr);
  EXPECT_EQ(SSL_CTX_set1_sigalgs_list(early, "falcon1024"), 0);
  EXPECT_EQ(read_key(), nullptr);
  EXPECT_EQ(EVP_PKEY_CTX_new_from_name(nullptr, "falcon1024", nullptr), nullptr);
  ERR_clear_error();

  ASSERT_TRUE(install_provider());
  EVP_PKEY* key = read_key();
  EXPECT_NE(key, nullptr);
  EVP_PKEY_free(key);
  const PrivateKey mine =
      PrivateKey::generate(SignatureAlgorithm::kFalcon1024, FalconArithmetic::kNativeDouble)
          .value();
  const auto certificate = build_certificate({.subject_key = mine.public_key(),
                                              .common_name = "late",
                                              .not_after = 1'000'000,
                                              .serial = {1}},
                                             nullptr, mine);
  ASSERT_TRUE(certificate);
  // libssl read the schemes when `early` was made.
  EXPECT_EQ(SSL_CTX_set1_sigalgs_list(early, "falcon1024"), 0);
  ERR_clear_error();
  EXPECT_NE(SSL_CTX_use_certificate(early, certificate->native()), 1);
  EXPECT_EQ(ERR_GET_REASON(ERR_peek_last_error()), SSL_R_UNKNOWN_CERTIFICATE_TYPE);
  SSL_CTX_free(early);

  SSL_CTX* late = SSL_CTX_new(TLS_method());
  EXPECT_EQ(SSL_CTX_set1_sigalgs_list(late, "falcon1024"), 1);
  EXPECT_EQ(SSL_CTX_use_certificate(late, certificate->native()), 1);
  EXPECT_EQ(SSL_CTX_use_PrivateKey(late, mine.native()), 1);
  SSL_CTX_free(late);
}

}  // namespace
}  // namespace i2::crypto
