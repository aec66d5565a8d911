// The certificate authority over HTTP: docs/reference/http.md.
#pragma once

#include <i2/fleet/ordinary_certificates.h>
#include <i2/gateway/router.h>

#include "authority_calls.h"
#include "token_store.h"

namespace i2::node {

// Handlers run on the control executor.
class CaResources {
 public:
  struct Parts {
    AuthorityCalls& calls;
    fleet::TrustStore& trust;
    fleet::OrdinaryCertificates& ordinary;
    const TokenStore& tokens;
    bool open_loopback;  // as of gateway::AccessConfig
    const Clock& clock;
  };
  explicit CaResources(Parts parts) : parts_(parts) {}
  CaResources(const CaResources&) = delete;
  CaResources& operator=(const CaResources&) = delete;

  // The routes; they name this object.
  void attach(gateway::Router& router);

 private:
  using Request = gateway::Request;
  using Response = gateway::Response;
  void attach_certificates(gateway::Router& router);
  void attach_status(gateway::Router& router);
  [[nodiscard]] Task<Response> issue(Request request);
  [[nodiscard]] Task<Response> show(Request request);
  [[nodiscard]] Task<Response> list(Request request);
  [[nodiscard]] Task<Response> audit(Request request);
  [[nodiscard]] Task<Response> revoke(Request request);
  [[nodiscard]] Task<Response> root(Request request);
  [[nodiscard]] Task<Response> issuer(Request request);
  [[nodiscard]] Task<Response> crl(Request request);
  [[nodiscard]] Task<Response> ocsp(Request request);
  [[nodiscard]] Task<Response> validation(Request request);
  [[nodiscard]] AuthorityCalls::Caller caller_of(const Request& request) const;
  // The signer that the path names, or the present one; null when there is none.
  [[nodiscard]] trustchain::SignerPtr signer_of(const Request& request) const;

  Parts parts_;
};

}  // namespace i2::node
