// What the daemon does for `i2 ct`.
#pragma once

#include <i2/fleet/trust_store.h>

#include "admin_server.h"
#include "authority_watch.h"
#include "cosigners.h"
#include "log_serving.h"
#include "log_takeover.h"
#include "witness_service.h"

namespace i2::node {

class LogVerbs {
 public:
  struct Parts {
    rt::Runtime& runtime;
    const fleet::TrustStore& trust;
    const OwnLog& own;  // without one the verbs that need it say so
    LogServing& serving;
    LogTakeover& takeover;
    Peers& peers;
    const Cosigners* cosigners;   // null: this node asks nobody
    WitnessService* witness;      // null: this node is none
    AuthorityWatch* authorities;  // null: likewise
    const Clock& clock;
  };
  explicit LogVerbs(Parts parts) : parts_(parts) {}
  LogVerbs(const LogVerbs&) = delete;
  LogVerbs& operator=(const LogVerbs&) = delete;

  // ct_status, ct_record, ct_evidence, ct_consistency {old, new}, ct_audit {witnesses}, ct_proof
  // {fingerprint}, ct_standbys, ct_standby_record {node}, ct_takeover.
  void attach(AdminServer& server);

 private:
  [[nodiscard]] Task<Result<std::string>> status(AdminCallPtr call);
  [[nodiscard]] Task<Result<std::string>> record(AdminCallPtr call);
  [[nodiscard]] Task<Result<std::string>> evidence(AdminCallPtr call);
  [[nodiscard]] Task<Result<std::string>> consistency(AdminCallPtr call);
  [[nodiscard]] Task<Result<std::string>> audit(AdminCallPtr call);
  [[nodiscard]] Task<Result<std::string>> proof(AdminCallPtr call);
  [[nodiscard]] Task<Result<std::string>> standbys(AdminCallPtr call);
  [[nodiscard]] Task<Result<std::string>> standby_record(AdminCallPtr call);
  [[nodiscard]] Task<Result<std::string>> takeover(AdminCallPtr call);
  [[nodiscard]] Task<Result<trustchain::StandbyLog>> ask_standby(std::string node);
  [[nodiscard]] trustchain::CtLog& log() const { return *parts_.own.shown(); }  // there is one

  Parts parts_;
};

}  // namespace i2::node
