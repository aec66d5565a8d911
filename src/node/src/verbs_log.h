// What the daemon does for `i2 ct`.
#pragma once

#include <i2/fleet/trust_store.h>

#include "admin_server.h"
#include "log_service.h"

namespace i2::node {

class LogVerbs {
 public:
  struct Parts {
    rt::Runtime& runtime;
    const fleet::TrustStore& trust;
    LogService* log;  // null: this node has no log, and the verbs say so
  };
  explicit LogVerbs(Parts parts) : parts_(parts) {}
  LogVerbs(const LogVerbs&) = delete;
  LogVerbs& operator=(const LogVerbs&) = delete;

  // ct_status, ct_record, ct_consistency {old, new}, ct_audit, ct_proof {fingerprint}.
  void attach(AdminServer& server);

 private:
  [[nodiscard]] Task<Result<std::string>> status(AdminCallPtr call);
  [[nodiscard]] Task<Result<std::string>> record(AdminCallPtr call);
  [[nodiscard]] Task<Result<std::string>> consistency(AdminCallPtr call);
  [[nodiscard]] Task<Result<std::string>> audit(AdminCallPtr call);
  [[nodiscard]] Task<Result<std::string>> proof(AdminCallPtr call);

  Parts parts_;
};

}  // namespace i2::node
