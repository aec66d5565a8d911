// What the log of this node does for other nodes.
//
//   trust.Log/Add      promises of the fleet's log for authorities
//   trust.Log/Ready    whether it could give some
//   trust.Log/Standby  the record of this node's log, for operators who name it a standby
//
// Add is served to members that hold an anchor and to nobody else, also when their own certificate
// has expired: without a promise they cannot renew it. So many at once and in a second. Standby
// begins an empty log where there is none, which does nothing before operators have named it.
#pragma once

#include <i2/fleet/trust_store.h>
#include <i2/node/log.h>
#include <i2/rt/runtime.h>
#include <i2/stoq/rpc.h>

#include <functional>

#include "log_service.h"
#include "rate_limit.h"
#include "tasks.h"

namespace i2::node {

inline constexpr std::string_view kLogReady = "trust.Log/Ready";
inline constexpr std::string_view kLogStandby = "trust.Log/Standby";

class LogServing {
 public:
  struct Parts {
    rt::Runtime& runtime;
    const fleet::TrustStore& trust;
    LogService& service;
    const OwnLog& own;
    // What an authority should not have issued is not promised.
    std::function<Result<void>(const crypto::Certificate&)> check;
    const Logger& logger;
    const Clock& clock;
  };
  explicit LogServing(Parts parts);
  LogServing(const LogServing&) = delete;
  LogServing& operator=(const LogServing&) = delete;

  void attach(stoq::RpcServer& server);
  // On the control executor. Errors: those of LogService::make().
  [[nodiscard]] Task<Result<trustchain::StandbyLog>> standby();

 private:
  [[nodiscard]] Task<Result<Bytes>> serve(stoq::CallContext context, Bytes request);
  // On the control executor.
  [[nodiscard]] Task<Result<Bytes>> add(NodeId authority, Bytes request);
  [[nodiscard]] Task<Result<Bytes>> serve_standby();
  [[nodiscard]] Task<Result<Bytes>> serve_ready();
  [[nodiscard]] Result<void> admit(const NodeId& authority);

  Parts parts_;
  RateLimit limit_;
  std::size_t adding_ = 0;
};

}  // namespace i2::node
