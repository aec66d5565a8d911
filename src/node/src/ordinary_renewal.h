// Keeping the leaf that ordinary clients see fresh, and serving others who renew theirs.
//
// As Renewal, with trust.Ca/RenewOrdinary (PKCS #10, DER; the answer is PEM: leaf, intermediate,
// root). An authority vouches for a member's own names and for the address that the request comes
// from; more names are in the leaf of a node that is its own authority.
#pragma once

#include <i2/fleet/ordinary_certificates.h>
#include <i2/stoq/rpc.h>

#include "peers.h"

namespace i2::node {

class OrdinaryRenewal {
 public:
  struct Parts {
    rt::Runtime& runtime;
    fleet::TrustStore& trust;
    fleet::OrdinaryCertificates& certificates;
    fleet::OrdinaryCertificates::Names names;  // that this node is reached by
    Peers& peers;
    TaskGroup& tasks;
    const Logger& log;
    const Clock& clock;
    Rng& rng;
  };
  explicit OrdinaryRenewal(Parts parts);
  OrdinaryRenewal(const OrdinaryRenewal&) = delete;
  OrdinaryRenewal& operator=(const OrdinaryRenewal&) = delete;

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
  [[nodiscard]] bool is_due(UnixMillis now) const;

  Parts parts_;
  Wakeup wakeup_;
  bool names_asked_ = false;
  bool stopping_ = false;
};

}  // namespace i2::node
