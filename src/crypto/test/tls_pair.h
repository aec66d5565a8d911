// A TLS client and server connected through memory, with every byte recorded.
#pragma once

#include <i2/crypto/provider.h>
#include <i2/crypto/x509.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <memory>
#include <string>

namespace i2::crypto {

struct SslContextFree {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using SslContext = std::unique_ptr<SSL_CTX, SslContextFree>;
struct SslFree {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};
using SslPointer = std::unique_ptr<SSL, SslFree>;

inline constexpr UnixMillis kTestNow = 1'800'000'000'000;
inline constexpr UnixMillis kTestDay = 86'400'000;

inline Certificate make_test_ca(const PrivateKey& key, std::string name = "anchor") {
  return build_certificate({.subject_key = key.public_key(),
                            .common_name = std::move(name),
                            .not_before = kTestNow - kTestDay,
                            .not_after = kTestNow + 365 * kTestDay,
                            .ca = true,
                            .path_length = 0,
                            .serial = {1}},
                           nullptr, key)
      .value();
}

inline Certificate make_test_leaf(const PublicKey& key, const Certificate& ca,
                                  const PrivateKey& ca_key, std::string name = "node") {
  return build_certificate({.subject_key = key,
                            .common_name = std::move(name),
                            .dns_names = {"node.i2.internal"},
                            .not_before = kTestNow,
                            .not_after = kTestNow + kTestDay,
                            .serial = Bytes(16, 0x42)},
                           &ca, ca_key)
      .value();
}

// TLS 1.3 with X25519MLKEM768 only, no tickets, peers verified against `anchor` at kTestNow.
inline SslContext make_context(const Certificate* anchor, OSSL_LIB_CTX* libctx = nullptr) {
  SslContext context(SSL_CTX_new_ex(libctx, nullptr, TLS_method()));
  if (context == nullptr || SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION) != 1 ||
      SSL_CTX_set1_groups_list(context.get(), "X25519MLKEM768") != 1 ||
      SSL_CTX_set_num_tickets(context.get(), 0) != 1) {
    return nullptr;
  }
  SSL_CTX_set_mode(context.get(), SSL_MODE_NO_AUTO_CHAIN);
  if (anchor != nullptr) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context.get()), anchor->native());
    X509_VERIFY_PARAM_set_time(SSL_CTX_get0_param(context.get()),
                               static_cast<time_t>(kTestNow / 1000 + 1));
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  return context;
}

inline bool use_identity(SSL_CTX* context, const Certificate& leaf, const PrivateKey& key) {
  return SSL_CTX_use_certificate(context, leaf.native()) == 1 &&
         SSL_CTX_use_PrivateKey(context, key.native()) == 1;
}

class TlsPair {
 public:
  TlsPair(SSL_CTX* client, SSL_CTX* server)
      : client_(make(client, false)), server_(make(server, true)) {}

  // True when both sides finished.
  bool handshake() {
    bool client_done = false;
    bool server_done = false;
    for (int flight = 0; flight < 20 && !(client_done && server_done); ++flight) {
      client_done = SSL_do_handshake(client_.get()) == 1;
      note_error(client_error_);
      move(client_.get(), server_.get(), from_client_);
      server_done = SSL_do_handshake(server_.get()) == 1;
      note_error(server_error_);
      move(server_.get(), client_.get(), from_server_);
    }
    return client_done && server_done;
  }

  [[nodiscard]] SSL* client() const { return client_.get(); }
  [[nodiscard]] SSL* server() const { return server_.get(); }
  [[nodiscard]] const Bytes& from_client() const { return from_client_; }
  [[nodiscard]] const Bytes& from_server() const { return from_server_; }
  // Reason of the first error a side queued; 0 for none.
  [[nodiscard]] int client_error() const { return client_error_; }
  [[nodiscard]] int server_error() const { return server_error_; }

 private:
  static SslPointer make(SSL_CTX* context, bool server) {
    SslPointer ssl(SSL_new(context));
    SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    if (server) {
      SSL_set_accept_state(ssl.get());
    } else {
      SSL_set_connect_state(ssl.get());
    }
    return ssl;
  }

  static void note_error(int& slot) {
    if (const unsigned long code = ERR_peek_error(); slot == 0 && code != 0) {
      slot = ERR_GET_REASON(code);
    }
    ERR_clear_error();
  }

  static void move(SSL* from, SSL* to, Bytes& record) {
    std::uint8_t buffer[4096];
    int size = 0;
    while ((size = BIO_read(SSL_get_wbio(from), buffer, sizeof buffer)) > 0) {
      append(record, ByteView(buffer, static_cast<std::size_t>(size)));
      BIO_write(SSL_get_rbio(to), buffer, size);
    }
  }

  SslPointer client_;
  SslPointer server_;
  Bytes from_client_;
  Bytes from_server_;
  int client_error_ = 0;
  int server_error_ = 0;
};

}  // namespace i2::crypto
