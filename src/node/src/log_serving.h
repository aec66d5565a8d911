// trust.Log/Add: what the fleet's log, on this node, does for authorities on others.
//
// Served to members that hold an anchor and to nobody else, also when their own certificate has
// expired: without a promise they cannot renew it. So many at once and in a second.
#pragma once

#include <i2/fleet/trust_store.h>
#include <i2/node/log.h>
#include <i2/rt/runtime.h>
#include <i2/stoq/rpc.h>
#include <i2/trustchain/ct_log.h>

#include <functional>

#include "rate_limit.h"
#include "tasks.h"

namespace i2::node {

class LogServing {
 public:
  struct Parts {
    rt::Runtime& runtime;
    const fleet::TrustStore& trust;
    trustchain::CtLog& log;
    // What an authority should not have issued is not promised.
    std::function<Result<void>(const crypto::Certificate&)> check;
    const Logger& logger;
    const Clock& clock;
  };
  explicit LogServing(Parts parts);
  LogServing(const LogServing&) = delete;
  LogServing& operator=(const LogServing&) = delete;

  void attach(stoq::RpcServer& server);

 private:
  [[nodiscard]] Task<Result<Bytes>> serve(stoq::CallContext context, Bytes request);
  // On the control executor.
  [[nodiscard]] Task<Result<Bytes>> add(NodeId authority, Bytes request);
  [[nodiscard]] Result<void> admit(const NodeId& authority);

  Parts parts_;
  RateLimit limit_;
  std::size_t adding_ = 0;
};

}  // namespace i2::node
