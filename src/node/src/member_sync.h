// Learning of members that were admitted elsewhere (docs/wire/fleet.md).
//
// A record is signed by the fleet's operators, so it does not matter who hands it over: TrustStore
// verifies it. A node asks a peer for its records when they connect and whenever that peer says
// that its members have changed; it says so itself after it has learned something. Two sets that
// are equal exchange one digest.
#pragma once

#include <i2/stoq/rpc.h>

#include <set>

#include "peers.h"

namespace i2::node {

class MemberSync {
 public:
  struct Parts {
    rt::Runtime& runtime;
    fleet::TrustStore& trust;
    Peers& peers;
    TaskGroup& tasks;
    const Logger& log;
  };
  explicit MemberSync(Parts parts) : parts_(std::move(parts)) {}
  MemberSync(const MemberSync&) = delete;
  MemberSync& operator=(const MemberSync&) = delete;

  // fleet.Members/List and fleet.Members/Changed.
  void attach(stoq::RpcServer& server);

  // On the control executor from here on.
  void link_up(const LinkPtr& link);
  // Reads the members on disk again and tells the peers if there are more. The number of members.
  [[nodiscard]] Task<Result<std::size_t>> reload();

 private:
  [[nodiscard]] Task<Result<Bytes>> serve_list(stoq::CallContext context, Bytes request);
  [[nodiscard]] Task<Result<Bytes>> serve_changed(stoq::CallContext context, Bytes request);
  [[nodiscard]] Task<std::vector<fleet::PeerHint>> hints_for(NodeId peer);
  [[nodiscard]] Task<> note_changed(NodeId peer);
  [[nodiscard]] Task<> sync(LinkPtr link);
  [[nodiscard]] Task<Result<std::size_t>> pull(LinkPtr link);
  void tell_peers(const NodeId* except);
  [[nodiscard]] Task<> tell(LinkPtr link);

  Parts parts_;
  std::set<NodeId> syncing_;
  std::set<NodeId> again_;  // something changed there while syncing
};

}  // namespace i2::node
