#include <i2/crypto/provider.h>
#include <i2/stoq/core/tls.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <array>

#include "tls_session.h"

namespace i2::stoq::core {
namespace {

std::unexpected<Error> tls_error(std::string_view what) {
  std::array<char, 256> text{};
  const unsigned long code = ERR_get_error();
  ERR_error_string_n(code, text.data(), text.size());
  ERR_clear_error();
  return fail("stoq.tls_setup", std::string(what) + ": " + text.data(),
              static_cast<std::int64_t>(code));
}

int select_alpn(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
                unsigned int in_size, void* arg) {
  const auto& wire = *static_cast<const std::string*>(arg);
  unsigned char* selected = nullptr;
  if (SSL_select_next_proto(
          &selected, out_size, reinterpret_cast<const unsigned char*>(wire.data()),
          static_cast<unsigned>(wire.size()), in, in_size) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;  // RFC 9001 §8.1: no_application_protocol
  }
  *out = selected;
  return SSL_TLSEXT_ERR_OK;
}

// The leaf is judged after the handshake, with a reason of its own (tls.h).
int accept_any_chain(X509_STORE_CTX*, void*) {
  return 1;
}

Result<void> configure(SSL_CTX* context, const TlsPolicy& policy) {
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  if (SSL_CTX_set1_groups_list(context, policy.groups.c_str()) != 1) {
    return tls_error("groups " + policy.groups);
  }
  if (SSL_CTX_set1_sigalgs_list(context, policy.signature_algorithms.c_str()) != 1) {
    return tls_error("signature algorithms " + policy.signature_algorithms);
  }
  if (SSL_CTX_set_ciphersuites(context, policy.cipher_suites.c_str()) != 1) {
    return tls_error("cipher suites " + policy.cipher_suites);
  }
  // The leaf alone: with an intermediate the server's flight no longer fits the amplification
  // limit.
  SSL_CTX_set_mode(context, SSL_MODE_NO_AUTO_CHAIN | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_cert_verify_callback(context, accept_any_chain, nullptr);
  return {};
}

}  // namespace

TlsContext::TlsContext(const TlsPolicy& policy) : policy_(policy) {
  alpn_wire_.push_back(static_cast<char>(policy.alpn.size()));
  alpn_wire_ += policy.alpn;
}

TlsContext::~TlsContext() {
  SSL_CTX_free(server_);
  SSL_CTX_free(client_);
}

Result<std::shared_ptr<TlsContext>> TlsContext::create(const TlsPolicy& policy) {
  I2_TRY(crypto::install_provider());
  // Shared by the workers' endpoints and by connections that outlive a change of policy.
  std::shared_ptr<TlsContext> out(new TlsContext(policy));
  out->server_ = SSL_CTX_new(TLS_server_method());
  out->client_ = SSL_CTX_new(TLS_client_method());
  if (out->server_ == nullptr || out->client_ == nullptr) {
    return tls_error("SSL_CTX_new");
  }
  I2_TRY(configure(out->server_, policy));
  I2_TRY(configure(out->client_, policy));
  SSL_CTX_set_verify(out->client_, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_verify(
      out->server_,
      policy.peer_certificate ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT : SSL_VERIFY_NONE,
      nullptr);
  SSL_CTX_set_alpn_select_cb(out->server_, select_alpn, &out->alpn_wire_);
  // Stateful tickets: a stateless one would carry the client's Falcon certificate and make the
  // resumed ClientHello five datagrams long.
  SSL_CTX_set_options(out->server_, SSL_OP_NO_TICKET);
  SSL_CTX_set_session_cache_mode(out->server_, SSL_SESS_CACHE_SERVER);
  SSL_CTX_sess_set_cache_size(out->server_, 20'000);
  SSL_CTX_set_timeout(out->server_, 3600);
  SSL_CTX_set_num_tickets(out->server_, policy.tickets);
  SSL_CTX_set_session_id_context(out->server_,
                                 reinterpret_cast<const unsigned char*>(policy.alpn.data()),
                                 static_cast<unsigned>(policy.alpn.size()));
  SSL_CTX_set_session_cache_mode(out->client_, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(out->client_, take_new_session);
  if (SSL_CTX_add_custom_ext(out->client_, kRoomExtension, SSL_EXT_CLIENT_HELLO, add_room, nullptr,
                             nullptr, nullptr, nullptr) != 1) {
    return tls_error("SSL_CTX_add_custom_ext");
  }
  return out;
}

namespace {

Result<ssl_st*> new_session(ssl_ctx_st* context, const ports::LeafCredential& credential) {
  SSL* const ssl = SSL_new(context);
  if (ssl == nullptr) {
    return tls_error("SSL_new");
  }
  if (credential.certificate && (SSL_use_certificate(ssl, credential.certificate.native()) != 1 ||
                                 SSL_use_PrivateKey(ssl, credential.key.native()) != 1)) {
    SSL_free(ssl);
    return tls_error("leaf certificate");
  }
  return ssl;
}

}  // namespace

Result<ssl_st*> TlsContext::new_server(const ports::LeafCredential& credential) const {
  I2_TRY_VALUE(SSL* const ssl, new_session(server_, credential));
  SSL_set_accept_state(ssl);
  return ssl;
}

Result<ssl_st*> TlsContext::new_client(const ports::LeafCredential& credential) const {
  I2_TRY_VALUE(SSL* const ssl, new_session(client_, credential));
  SSL_set_connect_state(ssl);
  if (SSL_set_alpn_protos(ssl, reinterpret_cast<const unsigned char*>(alpn_wire_.data()),
                          static_cast<unsigned>(alpn_wire_.size())) != 0) {
    SSL_free(ssl);
    return tls_error("ALPN");
  }
  return ssl;
}

}  // namespace i2::stoq::core
