// What the node serves over HTTP. docs/reference/http.md lists it for users.
#pragma once

#include <i2/fleet/trust_store.h>
#include <i2/gateway/gateway.h>
#include <i2/node/config.h>

#include <functional>

#include "collector.h"
#include "layers.h"
#include "peers.h"

namespace i2::node {

// Handlers run on the control executor.
class HttpResources {
 public:
  struct Parts {
    fleet::TrustStore& trust;
    stoq::Transport& transport;
    Peers& peers;
    const Layers& layers;
    const Collector& collector;
    const Clock& clock;
    // Of the gateway that serves these; zeros before it is there.
    std::function<gateway::GatewayStats()> gateway_stats;
  };
  explicit HttpResources(Parts parts);
  HttpResources(const HttpResources&) = delete;
  HttpResources& operator=(const HttpResources&) = delete;

  // The routes; they name this object.
  void attach(gateway::Router& router);
  // From now on /health/ready says no.
  void stop() { stopping_ = true; }

 private:
  using Request = gateway::Request;
  using Response = gateway::Response;
  void attach_health(gateway::Router& router);
  void attach_numbers(gateway::Router& router);
  void attach_fleet(gateway::Router& router);
  [[nodiscard]] Task<Response> health(Request request);
  [[nodiscard]] Task<Response> ready(Request request);
  [[nodiscard]] Task<Response> metrics(Request request);
  [[nodiscard]] Task<Response> stats(Request request);
  [[nodiscard]] Task<Response> events(Request request);
  [[nodiscard]] Task<Response> members(Request request);
  [[nodiscard]] Task<Response> member(Request request);
  [[nodiscard]] Task<Response> connections(Request request);

  Parts parts_;
  const Timestamp started_;
  bool stopping_ = false;
};

}  // namespace i2::node
