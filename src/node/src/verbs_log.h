// What the daemon does for `i2 ct`.
#pragma once

#include <i2/fleet/trust_store.h>

#include "admin_server.h"
#include "authority_watch.h"
#include "cosigners.h"
#include "log_service.h"
#include "witness_service.h"

namespace i2::node {

class LogVerbs {
 public:
  struct Parts {
    rt::Runtime& runtime;
    const fleet::TrustStore& trust;
    LogService* log;              // null: this node has no log, and the verbs say so
    const Cosigners* cosigners;   // null: likewise
    WitnessService* witness;      // null: this node is none
    AuthorityWatch* authorities;  // null: likewise
    const Clock& clock;
  };
  explicit LogVerbs(Parts parts) : parts_(parts) {}
  LogVerbs(const LogVerbs&) = delete;
  LogVerbs& operator=(const LogVerbs&) = delete;

  // ct_status, ct_record, ct_evidence, ct_consistency {old, new}, ct_audit {witnesses}, ct_proof
  // {fingerprint}.
  void attach(AdminServer& server);

 private:
  [[nodiscard]] Task<Result<std::string>> status(AdminCallPtr call);
  [[nodiscard]] Task<Result<std::string>> record(AdminCallPtr call);
  [[nodiscard]] Task<Result<std::string>> evidence(AdminCallPtr call);
  [[nodiscard]] Task<Result<std::string>> consistency(AdminCallPtr call);
  [[nodiscard]] Task<Result<std::string>> audit(AdminCallPtr call);
  [[nodiscard]] Task<Result<std::string>> proof(AdminCallPtr call);

  Parts parts_;
};

}  // namespace i2::node
