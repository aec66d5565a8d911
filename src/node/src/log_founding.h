// Makes the log of this node the fleet's, once: from then on peers ask of every certificate that it
// is in there. The first log of a fleet is named by the authority that keeps it
// (docs/wire/operation.md, log.set), so no operator has to be there; another one in its place takes
// them (`i2 ct activate`). It waits until this node shows a certificate that is in the log itself.
#pragma once

#include <i2/trustchain/ct_log.h>

#include "fleet_ledger.h"
#include "tasks.h"

namespace i2::node {

class LogFounding {
 public:
  struct Parts {
    rt::Runtime& runtime;
    FleetLedger& fleet;
    const fleet::TrustStore& trust;
    const trustchain::CtLog& log;
    const Logger& logger;
    const Clock& clock;
  };
  explicit LogFounding(Parts parts) : parts_(parts), wakeup_(parts_.runtime.control()) {}
  LogFounding(const LogFounding&) = delete;
  LogFounding& operator=(const LogFounding&) = delete;

  // Once; nothing when the fleet has a log, which may be another one. Errors: trust.sct_missing
  // (this node's own certificate is not in it), trust.no_issuer, fleet.state_invalid, those of
  // Account::submit().
  [[nodiscard]] Task<Result<void>> found();
  // Until it has come to that or stop(). On the control executor.
  [[nodiscard]] Task<> run();
  void stop();

 private:
  Parts parts_;
  Wakeup wakeup_;
  bool stopping_ = false;
  bool done_ = false;
};

// The log as the fleet's state would name it from `epoch` on.
[[nodiscard]] trustchain::SetLog log_record(const trustchain::CtLog& log, const NodeId& holder,
                                            std::uint64_t epoch);

}  // namespace i2::node
