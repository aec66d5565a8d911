// ACME over HTTP: what the gateway hands to the server, and back.
#pragma once

#include <i2/gateway/router.h>
#include <i2/trustchain/acme_service.h>

#include "tasks.h"

namespace i2::node {

class AcmeResources {
 public:
  explicit AcmeResources(trustchain::AcmeService& service) : service_(service) {}
  AcmeResources(const AcmeResources&) = delete;
  AcmeResources& operator=(const AcmeResources&) = delete;

  // The routes; they name this object.
  void attach(gateway::Router& router);

 private:
  [[nodiscard]] Task<gateway::Response> serve(gateway::Request request);

  trustchain::AcmeService& service_;
};

}  // namespace i2::node
