// TLS for the gateway's TCP port: 1.3 only, the P-256 chain, X25519MLKEM768 first.
#pragma once

#include <i2/gateway/http.h>
#include <i2/ports/trust.h>

#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <mutex>

struct ssl_st;

namespace i2::gateway {

// Contexts are made again when the credential is renewed; connections keep theirs. Thread-safe.
class TlsServer {
 public:
  // `certificates` outlives it. With `ask_clients` clients are asked for a certificate, which
  // browsers put to their users.
  TlsServer(const ports::CertSource& certificates, bool ask_clients)
      : certificates_(certificates), ask_clients_(ask_clients) {}

  // Errors: gateway.no_certificate, gateway.tls.
  [[nodiscard]] Result<std::shared_ptr<boost::asio::ssl::context>> context();

 private:
  const ports::CertSource& certificates_;
  const bool ask_clients_;
  std::mutex mutex_;
  std::shared_ptr<const ports::OrdinaryCredential> credential_;  // that `context_` shows
  std::shared_ptr<boost::asio::ssl::context> context_;  // shared with the connections made by it
};

[[nodiscard]] bool negotiated_http2(ssl_st* session);
// Client::certificate and Client::chain; nothing when it showed none.
void take_certificate(ssl_st* session, Client& client);

}  // namespace i2::gateway
