// Keeping this node's certificate fresh, and serving others who renew theirs.
//
// At two thirds of its life a certificate authority issues itself the next leaf; every other node
// sends a request (PKCS #10, DER) to trust.Ca/Renew of one that is reachable and gets the leaf
// (DER). New handshakes present the new leaf, open connections keep the old one. A node whose leaf
// has expired is let in for this one method (trust.leaf_expired for all others) and connects again
// afterwards.
#pragma once

#include <i2/stoq/rpc.h>

#include "peers.h"

namespace i2::node {

class Renewal {
 public:
  struct Parts {
    rt::Runtime& runtime;
    fleet::TrustStore& trust;
    Peers& peers;
    TaskGroup& tasks;
    const Logger& log;
    const Clock& clock;
    Rng& rng;
  };
  explicit Renewal(Parts parts);
  Renewal(const Renewal&) = delete;
  Renewal& operator=(const Renewal&) = delete;

  // trust.Ca/Renew: issues to the authenticated peer, and to nobody else.
  void attach(stoq::RpcServer& server);

  // On the control executor from here on.
  void start();
  void stop();
  // A certificate authority may have become reachable.
  void link_up() { wakeup_.wake(); }

 private:
  [[nodiscard]] Task<> run();
  [[nodiscard]] Task<Result<void>> renew();
  [[nodiscard]] Task<Result<void>> renew_with(NodeId authority);
  [[nodiscard]] Task<Result<Bytes>> serve(stoq::CallContext context, Bytes request);
  [[nodiscard]] std::vector<NodeId> authorities() const;

  Parts parts_;
  Wakeup wakeup_;
  bool stopping_ = false;
};

}  // namespace i2::node
