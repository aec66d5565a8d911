// What a node does for its fleet once it is on the network: passes on the ledger, lets newcomers
// in where it admits them, answers the membership verbs.
#pragma once

#include "forks.h"
#include "replication.h"
#include "sponsor.h"
#include "validators.h"
#include "verbs_fleet.h"

namespace i2::node {

class FleetServices {
 public:
  struct Parts {
    rt::Runtime& runtime;
    FleetLedger& fleet;
    fleet::TrustStore& trust;
    stoq::Transport& transport;
    Peers& peers;
    Authority* authority;  // null where this node is none
    TaskGroup& tasks;
    const Logger& log;
    const Clock& clock;
    std::filesystem::path data_dir;
    bool admits;                      // lets newcomers in; the transport has the profile for it
    consensus::VoteSuite vote_suite;  // of a key that is made
  };
  // `parts.fleet` has been started.
  explicit FleetServices(const Parts& parts);
  FleetServices(const FleetServices&) = delete;
  FleetServices& operator=(const FleetServices&) = delete;

  void attach(stoq::StreamDispatcher& dispatcher) { validators_.attach(dispatcher); }
  void attach(stoq::RpcServer& server) {
    replication_.attach(server);
    forks_.attach(server);
    validators_.attach(server);
  }
  void attach(AdminServer& server) { verbs_.attach(server); }
  [[nodiscard]] Replication& replication() { return replication_; }
  [[nodiscard]] Validators& validators() { return validators_; }

  // On the control executor.
  void start();
  void link_up(const LinkPtr& link) {
    replication_.follow(link->peer);
    validators_.link_up(link);
  }
  void stop();

 private:
  void block_added();

  Parts parts_;
  Replication replication_;
  RemoteSequencer remote_;
  Validators validators_;
  Forks forks_;
  Sponsor sponsor_;
  FleetVerbs verbs_;
  bool left_ = false;  // this node is a former member
};

}  // namespace i2::node
