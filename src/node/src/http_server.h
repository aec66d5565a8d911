// The gateway of this node: its names, token and resources.
#pragma once

#include <i2/gateway/gateway.h>

#include <memory>
#include <optional>

#include "acme_resources.h"
#include "ca_resources.h"
#include "certificates.h"
#include "http_resources.h"
#include "log_resources.h"
#include "log_service.h"
#include "ordinary_renewal.h"
#include "witness_resources.h"

namespace i2::node {

class Acme;

class HttpServer {
 public:
  struct Parts {
    const Config& config;
    rt::Runtime& runtime;
    stoq::Transport& transport;
    const Certificates& certificates;
    fleet::TrustStore& trust;
    fleet::OrdinaryCertificates& ordinary;
    AuthorityCalls& authority;
    TokenStore& tokens;
    Peers& peers;
    const Layers& layers;
    Collector& collector;
    const OwnLog* log;           // null: this node has none and begins none
    const Cosigners* cosigners;  // null: likewise
    WitnessService* witness;     // null: this node is none
    std::function<Result<void>(const crypto::Certificate&)> entry_check;  // as of LogResources
    Acme* acme;  // null: this node serves none
    const Clock& clock;
    Rng& rng;
  };
  // Errors: node.secret_exposed, node.file_failed, gateway.*.
  [[nodiscard]] static Result<std::unique_ptr<HttpServer>> start(const Parts& parts);
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // On the control executor: from now on the node does not want requests (/health/ready), though it
  // still answers them.
  void announce_end() { resources_.stop(); }
  // On the control executor. True when all requests had ended in time.
  [[nodiscard]] Task<bool> shut_down(Duration at_most);
  [[nodiscard]] stoq::SocketAddress tcp_address() const { return gateway_->tcp_address(); }
  [[nodiscard]] gateway::GatewayStats stats() const { return gateway_->stats(); }

 private:
  explicit HttpServer(const Parts& parts);

  HttpResources resources_;
  CaResources ca_;
  std::optional<LogResources> log_;
  std::optional<AcmeResources> acme_;
  std::optional<WitnessResources> witness_;
  std::unique_ptr<gateway::Gateway> gateway_;
};

// Under which names and addresses ordinary clients reach this node.
[[nodiscard]] fleet::OrdinaryCertificates::Names reachable_names(const HttpConfig& config,
                                                                 const stoq::SocketAddress& bound);

}  // namespace i2::node
