// When there are two histories of the fleet: finding out who has sealed both, which takes a third
// of the validators (docs/consensus.md, "Two histories"). What a validator has kept of its votes
// and of those of others (consensus/account.h) is laid beside what a peer has.
//
// Everything runs on the control executor.
#pragma once

#include <i2/fleet/core/fleet_operations.h>
#include <i2/stoq/rpc.h>

#include <filesystem>
#include <functional>
#include <map>

#include "evidence_json.h"
#include "fleet_ledger.h"
#include "peers.h"

namespace i2::node {

class Forks {
 public:
  struct Parts {
    rt::Runtime& runtime;
    FleetLedger& fleet;
    fleet::TrustStore& trust;
    Peers& peers;
    TaskGroup& tasks;
    const Logger& log;
    const Clock& clock;
    std::filesystem::path data_dir;
    // This convicts somebody, and the fleet can bear it.
    std::function<void(fleet::Convict)> accuse;
    // The fleet cannot: this node orders nothing any more.
    std::function<void(Error)> halt;
  };
  explicit Forks(Parts parts) : parts_(std::move(parts)) {}
  Forks(const Forks&) = delete;
  Forks& operator=(const Forks&) = delete;

  // fleet.Ledger/Account.
  void attach(stoq::RpcServer& server);
  // The peer has another history.
  void investigate(const NodeId& peer);
  // The engine has seen it by itself, with this proof or without.
  void found(fleet::EpochNumber epoch, std::vector<consensus::Evidence> proof);
  // What no operation can convict any more.
  [[nodiscard]] const std::vector<EvidenceEntry>& proofs() const { return proofs_; }

 private:
  // Two accounts of one epoch, of this node and of a peer.
  struct Sides {
    fleet::EpochRecord epoch;
    consensus::Account own;
    consensus::Account theirs;
  };
  [[nodiscard]] Task<Result<Bytes>> serve_account(stoq::CallContext context, Bytes request);
  [[nodiscard]] Task<> look(NodeId peer);
  [[nodiscard]] Task<Result<std::optional<Sides>>> sides(NodeId peer);
  [[nodiscard]] Task<Result<consensus::Account>> ask(NodeId peer, fleet::EpochRecord epoch,
                                                     consensus::View view);
  [[nodiscard]] Task<> prove(fleet::EpochRecord epoch, consensus::Culprits culprits);

  Parts parts_;
  std::map<NodeId, Timestamp> looked_;  // when, at the peer's
  std::vector<EvidenceEntry> proofs_;
};

}  // namespace i2::node
