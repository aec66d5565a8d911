// When there are two histories of the fleet: finding out who has sealed both, which takes more
// validators than a fleet tolerates (docs/consensus.md, "Two histories"). What this node knows to
// be sealed is laid beside what a peer says of how that view ended, and the other way round.
//
// On the control executor, but for what answers fleet.Ledger/Account.
#pragma once

#include <i2/consensus/account.h>
#include <i2/fleet/core/fleet_operations.h>
#include <i2/stoq/rpc.h>

#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <span>

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

  // Halts again when this node has halted before. Before anything else; reads files.
  void recall();
  // fleet.Ledger/Account.
  void attach(stoq::RpcServer& server);
  // The peer has another history.
  void investigate(const NodeId& peer);
  // The engine has seen it by itself, with this proof or without.
  void found(fleet::EpochNumber epoch, std::span<const consensus::Evidence> proof);
  // This node takes no side any more: it orders nothing, and takes no blocks from others.
  [[nodiscard]] bool halted() const { return !proofs_.empty(); }
  // What no operation can convict any more.
  [[nodiscard]] const std::vector<EvidenceEntry>& proofs() const { return proofs_; }

 private:
  struct Look {
    bool under_way = false;
    bool again = false;  // there was another reason meanwhile
    Timestamp answered = 0;
  };
  // An epoch that both have had, how far this node's history of it is sealed, and the encoded
  // account of the peer's.
  struct Sides {
    fleet::EpochRecord epoch;
    consensus::Seal own;
    Bytes theirs;
  };
  [[nodiscard]] Task<Result<Bytes>> serve_account(stoq::CallContext context, Bytes request);
  [[nodiscard]] Task<> look(NodeId peer);
  [[nodiscard]] Task<Result<void>> look_once(NodeId peer);
  [[nodiscard]] Task<Result<std::optional<Sides>>> sides(NodeId peer);
  [[nodiscard]] Task<Result<Bytes>> ask(NodeId peer, fleet::EpochRecord epoch,
                                        consensus::View view);
  [[nodiscard]] Task<> prove(fleet::EpochRecord epoch, consensus::Culprits culprits);
  // The fleet of today does not bear so many.
  [[nodiscard]] bool too_many(const std::vector<EvidenceEntry>& culprits) const;

  Parts parts_;
  std::map<NodeId, Look> looks_;
  std::set<fleet::EpochNumber> proven_;
  std::vector<EvidenceEntry> proofs_;
};

}  // namespace i2::node
