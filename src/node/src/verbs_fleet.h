// What the daemon does for the membership verbs of `i2`. Operators sign in the client; the daemon
// says what they need to know and submits what they have signed.
#pragma once

#include "admin_server.h"
#include "fleet_ledger.h"
#include "forks.h"
#include "peers.h"
#include "validators.h"

namespace i2::node {

class FleetVerbs {
 public:
  struct Parts {
    rt::Runtime& runtime;
    FleetLedger& fleet;
    fleet::TrustStore& trust;
    stoq::Transport& transport;
    Peers& peers;
    Validators& validators;
    Forks& forks;
    const Clock& clock;
    bool admits;  // lets newcomers in
  };
  explicit FleetVerbs(Parts parts) : parts_(parts) {}
  FleetVerbs(const FleetVerbs&) = delete;
  FleetVerbs& operator=(const FleetVerbs&) = delete;

  // ledger {account?}, submit {operation}, member {member}, invites, leave, consensus, evidence,
  // certificate {serial}, certificates {requester?, limit?, after?}, authorities,
  // prepare_validator {member}.
  void attach(AdminServer& server);

 private:
  [[nodiscard]] Task<Result<std::string>> ledger(AdminCallPtr call);
  [[nodiscard]] Task<Result<std::string>> submit(AdminCallPtr call);
  [[nodiscard]] Task<Result<std::string>> member(AdminCallPtr call);
  [[nodiscard]] Task<Result<std::string>> invites(AdminCallPtr call);
  [[nodiscard]] Task<Result<std::string>> leave(AdminCallPtr call);
  [[nodiscard]] Task<Result<std::string>> consensus(AdminCallPtr call);
  [[nodiscard]] Task<Result<std::string>> evidence(AdminCallPtr call);
  // verbs_trust.cc. Looks through the whole index.
  [[nodiscard]] Task<Result<std::string>> certificate(AdminCallPtr call);
  [[nodiscard]] Task<Result<std::string>> certificates(AdminCallPtr call);
  [[nodiscard]] Task<Result<std::string>> authorities(AdminCallPtr call);
  [[nodiscard]] Task<Result<std::string>> prepare_validator(AdminCallPtr call);

  Parts parts_;
};

}  // namespace i2::node
