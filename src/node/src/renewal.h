// Keeping this node's certificate fresh (RenewalLoop), and serving others who renew theirs.
//
// The answer of trust.Ca/Renew is the leaf (DER). New handshakes present the new leaf, open
// connections keep the old one. A node whose leaf has expired, or is not in the fleet's log, is let
// in for this one method (trust.leaf_expired or trust.sct_missing for all others) and connects
// again afterwards.
//
// A leaf that no log has promised to include is renewed at once: it was made where there was none
// (`init`, `provision`), and a newcomer does not know yet whether its fleet demands more.
#pragma once

#include <i2/stoq/rpc.h>

#include "authority.h"
#include "renewal_loop.h"

namespace i2::node {

class Renewal : private RenewalLoop::Subject {
 public:
  // `authority`: null where this node is none.
  Renewal(RenewalLoop::Parts parts, const Logger& log, Authority* authority);

  // trust.Ca/Renew: issues to the authenticated peer, and to nobody else.
  void attach(stoq::RpcServer& server);
  [[nodiscard]] RenewalLoop& loop() { return loop_; }

 private:
  [[nodiscard]] bool is_due(UnixMillis now, std::uint64_t spread) const override;
  [[nodiscard]] bool can_issue(UnixMillis now) const override;
  void renewed() override;
  void failed(const Error& error) override;
  [[nodiscard]] Task<Result<Bytes>> issue_own(Bytes request) override;
  Result<void> prepare(UnixMillis now) override;
  Result<trustchain::LeafRequest> make_request() override;
  Result<void> install(const crypto::PrivateKey& key, ByteView answer, UnixMillis now) override;
  [[nodiscard]] Task<Result<Bytes>> serve(stoq::CallContext context, Bytes request);
  [[nodiscard]] Task<Result<crypto::Certificate>> issue(NodeId member, Bytes request);

  RenewalLoop::Parts parts_;
  const Logger& log_;
  Authority* const authority_;
  // Of the leaf that is being replaced: peers serve its connections nothing but renewal.
  UnixMillis expiry_;
  bool asked_ = false;  // for a leaf, since the start
  RenewalLoop loop_;
};

}  // namespace i2::node
