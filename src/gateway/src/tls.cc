#include "tls.h"

#include <boost/asio/buffer.hpp>
#include <string_view>

namespace i2::gateway {
namespace ssl = boost::asio::ssl;

namespace {

constexpr const char* kGroups = "X25519MLKEM768:X25519";
constexpr const char* kSignatureAlgorithms = "ecdsa_secp256r1_sha256";
constexpr std::string_view kProtocols = "\x02h2\x08http/1.1";  // RFC 7301 §3.1

int select_protocol(SSL*, const unsigned char** out, unsigned char* out_size,
                    const unsigned char* in, unsigned in_size, void*) {
  unsigned char* selected = nullptr;
  if (SSL_select_next_proto(
          &selected, out_size, reinterpret_cast<const unsigned char*>(kProtocols.data()),
          static_cast<unsigned>(kProtocols.size()), in, in_size) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *out = selected;
  return SSL_TLSEXT_ERR_OK;
}

// Who a client is, is decided with the request (Access), not by OpenSSL.
int accept_any_chain(X509_STORE_CTX*, void*) {
  return 1;
}

std::unexpected<Error> tls_error(const boost::system::error_code& error) {
  return fail("gateway.tls", "TLS could not be set up: " + error.message(), error.value());
}

Result<void> show(ssl::context& context, const ports::OrdinaryCredential& credential) {
  std::string chain = credential.certificate.pem();
  for (const crypto::Certificate& issuer : credential.chain) {
    chain += issuer.pem();
  }
  const crypto::SecretBytes key = credential.key.pem();
  boost::system::error_code error;
  (void)context.use_certificate_chain(boost::asio::buffer(chain), error);
  if (!error) {
    (void)context.use_private_key(boost::asio::buffer(key.view().data(), key.view().size()),
                                  ssl::context::pem, error);
  }
  if (error) {
    return tls_error(error);
  }
  return {};
}

}  // namespace

Result<std::shared_ptr<ssl::context>> TlsServer::context() {
  auto credential = certificates_.ordinary();
  if (credential == nullptr) {
    return fail("gateway.no_certificate", "this node has no certificate for ordinary clients yet");
  }
  const std::scoped_lock lock(mutex_);
  if (credential == credential_) {
    return context_;
  }
  auto made = std::make_shared<ssl::context>(ssl::context::tls_server);
  SSL_CTX* const native = made->native_handle();
  if (SSL_CTX_set_min_proto_version(native, TLS1_3_VERSION) != 1 ||
      SSL_CTX_set1_groups_list(native, kGroups) != 1 ||
      SSL_CTX_set1_sigalgs_list(native, kSignatureAlgorithms) != 1) {
    return fail("gateway.tls", "TLS could not be set up: its groups or signature schemes");
  }
  // No resumption: handshakes are rare here, and a ticket would outlive the credential.
  SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(native, 0);
  SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_alpn_select_cb(native, select_protocol, nullptr);
  SSL_CTX_set_verify(native, ask_clients_ ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  SSL_CTX_set_cert_verify_callback(native, accept_any_chain, nullptr);
  I2_TRY(show(*made, *credential));
  credential_ = std::move(credential);
  context_ = std::move(made);
  return context_;
}

bool negotiated_http2(ssl_st* session) {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(session, &name, &size);
  return std::string_view(reinterpret_cast<const char*>(name), size) == "h2";
}

void take_certificate(ssl_st* session, Client& client) {
  constexpr std::size_t kChainMax = 4;
  if (X509* const shown = SSL_get0_peer_certificate(session); shown != nullptr) {
    if (auto certificate = crypto::Certificate::from_native(shown)) {
      client.certificate = *std::move(certificate);
    }
  }
  STACK_OF(X509)* const chain = SSL_get_peer_cert_chain(session);
  for (int i = 0; i < sk_X509_num(chain) && client.chain.size() < kChainMax; ++i) {
    if (auto certificate = crypto::Certificate::from_native(sk_X509_value(chain, i))) {
      client.chain.push_back(*std::move(certificate));
    }
  }
}

}  // namespace i2::gateway
