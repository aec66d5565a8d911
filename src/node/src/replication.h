// How a node's ledger stays the same as everybody else's (docs/wire/fleet.md).
//
// A node asks a peer for the blocks behind its own last one when they connect and whenever that
// peer says that it has more; it says so itself after every block. Blocks are sealed by the
// validators and executed here, so it does not matter who hands them over; from a peer that does
// not have them any more it takes the state. A validator orders what is submitted to it; every
// other node passes its operations on to one.
//
// Everything but Sequencer::submit() runs on the control executor.
#pragma once

#include <i2/fleet/ledger.h>
#include <i2/stoq/rpc.h>

#include <atomic>
#include <set>

#include "fleet_ledger.h"
#include "peers.h"
#include "state_sync.h"

namespace i2::node {

// The sequencer of a node that is no validator.
class RemoteSequencer final : public ports::Sequencer {
 public:
  struct Parts {
    rt::Runtime& runtime;
    fleet::Ledger& ledger;
    fleet::TrustStore& trust;
    Peers& peers;
    TaskGroup& tasks;
    // Fetches what the peer has more; on the control executor.
    std::function<Task<>(LinkPtr)> catch_up;
  };
  explicit RemoteSequencer(Parts parts) : parts_(std::move(parts)) {}
  // With the answer this node has the block, if it could be fetched. Errors besides those of the
  // other side: fleet.sequencer_unreachable, stoq.*.
  void submit(Bytes operation, Done done) override;

 private:
  [[nodiscard]] Task<> pass_on(Bytes operation, Done done);
  [[nodiscard]] Task<Result<ports::Receipt>> ask(Bytes operation);
  [[nodiscard]] Task<Result<ports::Receipt>> ask(NodeId validator, Bytes operation);

  Parts parts_;
};

class Replication {
 public:
  struct Parts {
    rt::Runtime& runtime;
    FleetLedger& fleet;
    fleet::TrustStore& trust;
    Peers& peers;
    TaskGroup& tasks;
    const Logger& log;
    // The peer has another history.
    std::function<void(const NodeId&)> diverged;
    // There are two histories, and people have to decide which one goes on.
    std::function<bool()> halted;
  };
  explicit Replication(const Parts& parts)
      : parts_(parts),
        ledger_(parts.fleet.ledger()),
        state_sync_(parts.runtime, parts.fleet.ledger(), parts.log) {}
  Replication(const Replication&) = delete;
  Replication& operator=(const Replication&) = delete;

  // fleet.Ledger/*.
  void attach(stoq::RpcServer& server);
  // Takes over what the peer has and this node has not.
  void follow(const NodeId& peer);
  // The same of every peer.
  void follow_all();
  // After a block was added: tells the peers, except those that know by themselves, and closes
  // connections to former members.
  void block_added(const std::function<bool(const NodeId&)>& knows);
  // Asks the peer for blocks now.
  [[nodiscard]] Task<> catch_up(LinkPtr link);
  // Reads the member records on disk again and hands in those that are new; the number of members.
  // Error: that of the first which was refused.
  [[nodiscard]] Task<Result<std::size_t>> reload();

 private:
  [[nodiscard]] Task<Result<Bytes>> serve_blocks(stoq::CallContext context, Bytes request);
  [[nodiscard]] Task<Result<Bytes>> serve_changed(stoq::CallContext context, Bytes request);
  [[nodiscard]] Task<Result<Bytes>> serve_submit(Bytes request);
  [[nodiscard]] Task<std::vector<fleet::PeerHint>> hints_for(NodeId peer);
  [[nodiscard]] Task<> note_changed(NodeId peer, std::uint64_t height);
  [[nodiscard]] Task<> sync(NodeId peer);
  [[nodiscard]] bool report(const Link& link, const Error& error) const;
  [[nodiscard]] Task<Result<std::size_t>> pull(LinkPtr link);
  void hand_in();
  [[nodiscard]] Task<> tell(NodeId peer);

  Parts parts_;
  fleet::Ledger& ledger_;
  StateSync state_sync_;
  std::set<NodeId> syncing_;
  std::set<NodeId> again_;  // something changed there while syncing
  std::set<NodeId> telling_;
  std::atomic<std::size_t> handed_in_ = 0;  // records that are under way
};

// Waits for the receipt that `start` passes on; resumes on the caller's executor.
[[nodiscard]] Task<Result<ports::Receipt>> receipt(
    std::function<void(ports::Sequencer::Done)> start);

}  // namespace i2::node
