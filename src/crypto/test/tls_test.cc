// Falcon as a TLS 1.3 signature scheme in libssl.
#include <gtest/gtest.h>
#include <openssl/provider.h>

#include "falcon/provider_internal.h"
#include "tls_pair.h"

namespace i2::crypto {
namespace {

PrivateKey falcon_key() {
  return PrivateKey::generate(SignatureAlgorithm::kFalcon1024, FalconArithmetic::kNativeDouble)
      .value();
}

class Tls : public ::testing::Test {
 protected:
  const PrivateKey ca_key_ = falcon_key();
  const Certificate ca_ = make_test_ca(ca_key_);
  const PrivateKey key_ = falcon_key();
  const Certificate leaf_ = make_test_leaf(key_.public_key(), ca_, ca_key_);

  [[nodiscard]] SslContext node_context() const {
    SslContext context = make_context(&ca_);
    EXPECT_TRUE(use_identity(context.get(), leaf_, key_));
    EXPECT_EQ(SSL_CTX_set1_sigalgs_list(context.get(), "falcon1024"), 1);
    return context;
  }
};

TEST_F(Tls, MutualFalconWithHybridKeyExchange) {
  const SslContext client = node_context();
  const SslContext server = node_context();
  TlsPair pair(client.get(), server.get());
  ASSERT_TRUE(pair.handshake());
  EXPECT_EQ(SSL_version(pair.client()), TLS1_3_VERSION);
  EXPECT_STREQ(SSL_get0_group_name(pair.client()), "X25519MLKEM768");
  for (SSL* side : {pair.client(), pair.server()}) {
    const char* name = nullptr;
    EXPECT_EQ(SSL_get0_peer_signature_name(side, &name), 1);
    EXPECT_STREQ(name, "falcon1024");
    EXPECT_EQ(SSL_get_verify_result(side), X509_V_OK);
    const auto peer = Certificate::from_native(SSL_get0_peer_certificate(side));
    ASSERT_TRUE(peer);
    EXPECT_EQ(peer->der(), leaf_.der());
  }
}

// The leaf alone is sent, though the server knows the root: a second certificate would cost a round
// trip.
TEST_F(Tls, OnlyTheLeafIsSent) {
  for (const bool no_auto_chain : {true, false}) {
    const SslContext client = node_context();
    const SslContext server = node_context();
    if (!no_auto_chain) {
      SSL_CTX_clear_mode(server.get(), SSL_MODE_NO_AUTO_CHAIN);
    }
    TlsPair pair(client.get(), server.get());
    ASSERT_TRUE(pair.handshake());
    EXPECT_EQ(sk_X509_num(SSL_get_peer_cert_chain(pair.client())), no_auto_chain ? 1 : 2);
    // 7200 bytes is what a QUIC server may answer to two padded Initials (RFC 9000 §8.1).
    EXPECT_EQ(pair.from_server().size() < 7200, no_auto_chain);
  }
}

TEST_F(Tls, AFalconOnlyClientRefusesAnEcdsaServer) {
  const PrivateKey p256 = PrivateKey::generate(SignatureAlgorithm::kEcdsaP256).value();
  const Certificate p256_ca = make_test_ca(p256);
  const PrivateKey p256_key = PrivateKey::generate(SignatureAlgorithm::kEcdsaP256).value();
  const SslContext server = make_context(nullptr);
  ASSERT_TRUE(
      use_identity(server.get(), make_test_leaf(p256_key.public_key(), p256_ca, p256), p256_key));
  const SslContext client = make_context(&p256_ca);
  {
    TlsPair pair(client.get(), server.get());
    EXPECT_TRUE(pair.handshake());
  }
  ASSERT_EQ(SSL_CTX_set1_sigalgs_list(client.get(), "falcon1024"), 1);
  TlsPair pair(client.get(), server.get());
  EXPECT_FALSE(pair.handshake());
  EXPECT_EQ(pair.server_error(), SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM);
}

TEST_F(Tls, AClientWithoutFalconRefusesAFalconServer) {
  const SslContext server = node_context();
  const SslContext client = make_context(&ca_);
  ASSERT_EQ(SSL_CTX_set1_sigalgs_list(client.get(), "ecdsa_secp256r1_sha256:ed25519"), 1);
  TlsPair pair(client.get(), server.get());
  EXPECT_FALSE(pair.handshake());
  EXPECT_EQ(pair.server_error(), SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS);
}

TEST_F(Tls, ACertificateOfAnotherAnchorIsRefused) {
  const SslContext server = node_context();
  const Certificate other = make_test_ca(falcon_key());
  const SslContext client = make_context(&other);
  TlsPair pair(client.get(), server.get());
  EXPECT_FALSE(pair.handshake());
  EXPECT_EQ(pair.client_error(), SSL_R_CERTIFICATE_VERIFY_FAILED);
}

TEST_F(Tls, EverySecurityLevelAcceptsFalcon) {
  for (int level = 1; level <= 5; ++level) {
    const SslContext client = node_context();
    const SslContext server = node_context();
    SSL_CTX_set_security_level(client.get(), level);
    SSL_CTX_set_security_level(server.get(), level);
    // The group X25519MLKEM768 has 192 bits, so levels 4 (192) and 5 (256) need a larger one.
    ASSERT_EQ(SSL_CTX_set1_groups_list(client.get(), "MLKEM1024"), 1);
    ASSERT_EQ(SSL_CTX_set1_groups_list(server.get(), "MLKEM1024"), 1);
    TlsPair pair(client.get(), server.get());
    EXPECT_TRUE(pair.handshake()) << level;
  }
}

TEST_F(Tls, FalconIsNotOfferedBelowTls13) {
  SslContext client = node_context();
  SslContext server = node_context();
  for (SSL_CTX* context : {client.get(), server.get()}) {
    ASSERT_EQ(SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION), 1);
    ASSERT_EQ(SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION), 1);
  }
  TlsPair pair(client.get(), server.get());
  EXPECT_FALSE(pair.handshake());
}

// --- a signature under a scheme that is not the key's
// ----------------------------------------------------

// Two providers over our own algorithms, in library contexts of their own. The server's believes
// that falcon1024 is TLS scheme 0xFEDF; the client's that 0xFEDF belongs to keys of a type
// "elsewise".
constexpr unsigned kForeignScheme = 0xFEDF;

int report_scheme(const char* name, OSSL_CALLBACK* callback, void* arg) {
  unsigned code_point = kForeignScheme;
  unsigned bits = 256;
  int min_tls = TLS1_3_VERSION;
  int max_tls = 0;
  auto* text = const_cast<char*>(name);
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string("tls-sigalg-iana-name", text, 0),
                               OSSL_PARAM_construct_utf8_string("tls-sigalg-name", text, 0),
                               OSSL_PARAM_construct_uint("tls-sigalg-code-point", &code_point),
                               OSSL_PARAM_construct_uint("tls-sigalg-sec-bits", &bits),
                               OSSL_PARAM_construct_int("tls-min-tls", &min_tls),
                               OSSL_PARAM_construct_int("tls-max-tls", &max_tls),
                               OSSL_PARAM_construct_end()};
  return callback(params, arg);
}

int server_capabilities(void*, const char* capability, OSSL_CALLBACK* callback, void* arg) {
  return std::string_view(capability) == "TLS-SIGALG" ? report_scheme("falcon1024", callback, arg)
                                                      : 1;
}

int client_capabilities(void*, const char* capability, OSSL_CALLBACK* callback, void* arg) {
  return std::string_view(capability) == "TLS-SIGALG" ? report_scheme("elsewise", callback, arg)
                                                      : 1;
}

const OSSL_ALGORITHM* elsewise_query(void*, int operation, int* no_cache) {
  *no_cache = 0;
  static const OSSL_ALGORITHM kKeys[] = {
      {"elsewise", "provider=elsewise", falcon::keymgmt_algorithms()[0].implementation, nullptr},
      {nullptr, nullptr, nullptr, nullptr}};
  static const OSSL_ALGORITHM kSignatures[] = {
      {"elsewise", "provider=elsewise", falcon::signature_algorithms()[0].implementation, nullptr},
      {nullptr, nullptr, nullptr, nullptr}};
  switch (operation) {
    case OSSL_OP_KEYMGMT:
      return kKeys;
    case OSSL_OP_SIGNATURE:
      return kSignatures;
    default:
      return nullptr;
  }
}

// Our provider with one function of its table replaced or added.
template <auto kCapabilities, auto kQuery>
int altered_init(const OSSL_CORE_HANDLE* core, const OSSL_DISPATCH* in, const OSSL_DISPATCH** out,
                 void** context) {
  static OSSL_DISPATCH table[16];
  const OSSL_DISPATCH* original = nullptr;
  if (i2_falcon_provider_init(core, in, &original, context) != 1) {
    return 0;
  }
  OSSL_DISPATCH* next = table;
  for (; original->function_id != 0; ++original) {
    *next = *original;
    if (original->function_id == OSSL_FUNC_PROVIDER_GET_CAPABILITIES) {
      *next = falcon::entry(OSSL_FUNC_PROVIDER_GET_CAPABILITIES, kCapabilities);
    }
    if constexpr (kQuery != nullptr) {
      if (original->function_id == OSSL_FUNC_PROVIDER_QUERY_OPERATION) {
        *next = falcon::entry(OSSL_FUNC_PROVIDER_QUERY_OPERATION, kQuery);
      }
    }
    ++next;
  }
  *next = OSSL_DISPATCH_END;
  *out = table;
  return 1;
}

class LibraryContext {
 public:
  LibraryContext() { load("default"); }
  ~LibraryContext() {
    for (OSSL_PROVIDER* provider : providers_) {
      OSSL_PROVIDER_unload(provider);
    }
    OSSL_LIB_CTX_free(context_);
  }
  LibraryContext(const LibraryContext&) = delete;
  LibraryContext& operator=(const LibraryContext&) = delete;

  void add(const char* name, OSSL_provider_init_fn* init) {
    EXPECT_EQ(OSSL_PROVIDER_add_builtin(context_, name, init), 1);
    load(name);
  }
  [[nodiscard]] OSSL_LIB_CTX* get() const { return context_; }

 private:
  void load(const char* name) {
    providers_.push_back(OSSL_PROVIDER_load(context_, name));
    EXPECT_NE(providers_.back(), nullptr) << name;
  }

  OSSL_LIB_CTX* context_ = OSSL_LIB_CTX_new();
  std::vector<OSSL_PROVIDER*> providers_;
};

// The key and the certificate of the fixture, decoded inside a library context.
bool use_identity_in(SSL_CTX* context, OSSL_LIB_CTX* libctx, const Certificate& leaf,
                     const PrivateKey& key) {
  const Bytes& der = leaf.der();
  const unsigned char* cursor = der.data();
  X509* certificate = X509_new_ex(libctx, nullptr);
  d2i_X509(&certificate, &cursor, static_cast<long>(der.size()));
  const SecretBytes pkcs8 = key.pkcs8();
  cursor = pkcs8.view().data();
  EVP_PKEY* native =
      d2i_AutoPrivateKey_ex(nullptr, &cursor, static_cast<long>(pkcs8.size()), libctx, nullptr);
  const bool used = SSL_CTX_use_certificate(context, certificate) == 1 &&
                    SSL_CTX_use_PrivateKey(context, native) == 1;
  X509_free(certificate);
  EVP_PKEY_free(native);
  return used;
}

TEST_F(Tls, AFalconSignatureUnderAnotherSchemeIsRefused) {
  LibraryContext server_library;
  server_library.add("altered", altered_init<server_capabilities, nullptr>);
  const SslContext server = make_context(nullptr, server_library.get());
  ASSERT_NE(server, nullptr);
  ASSERT_TRUE(use_identity_in(server.get(), server_library.get(), leaf_, key_));

  // Control: a client that shares the server's belief finishes the handshake.
  LibraryContext like_server;
  like_server.add("altered", altered_init<server_capabilities, nullptr>);
  const SslContext believer = make_context(nullptr, like_server.get());
  ASSERT_EQ(SSL_CTX_set1_sigalgs_list(believer.get(), "falcon1024"), 1);
  EXPECT_TRUE(TlsPair(believer.get(), server.get()).handshake());

  LibraryContext client_library;
  client_library.add("i2falcon", i2_falcon_provider_init);
  client_library.add("elsewise", altered_init<client_capabilities, elsewise_query>);
  const SslContext client = make_context(nullptr, client_library.get());
  ASSERT_NE(client, nullptr);
  // Only the scheme is wrong: the client does not even check the certificate.
  ASSERT_EQ(SSL_CTX_set1_sigalgs_list(client.get(), "elsewise:falcon1024"), 1);
  TlsPair pair(client.get(), server.get());
  EXPECT_FALSE(pair.handshake());
  EXPECT_EQ(pair.server_error(), SSL_R_SSLV3_ALERT_ILLEGAL_PARAMETER);  // the client's alert
  EXPECT_EQ(pair.client_error(), SSL_R_WRONG_SIGNATURE_TYPE);
}

}  // namespace
}  // namespace i2::crypto
