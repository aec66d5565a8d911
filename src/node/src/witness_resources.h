// This node as a witness over HTTP (C2SP tlog-witness), for the fleet's log only.
#pragma once

#include <i2/gateway/router.h>

#include "rate_limit.h"
#include "witness_service.h"

namespace i2::node {

class WitnessResources {
 public:
  struct Parts {
    WitnessService& witness;
    rt::Runtime& runtime;
    const Clock& clock;
  };
  explicit WitnessResources(Parts parts);
  WitnessResources(const WitnessResources&) = delete;
  WitnessResources& operator=(const WitnessResources&) = delete;

  // The route; it names this object.
  void attach(gateway::Router& router);

 private:
  [[nodiscard]] gateway::Task<gateway::Response> add_checkpoint(gateway::Request request);

  Parts parts_;
  RateLimit limit_;
};

}  // namespace i2::node
