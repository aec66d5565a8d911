// Keeping the leaf that ordinary clients see fresh (RenewalLoop), and serving others who renew
// theirs.
//
// The answer of trust.Ca/RenewOrdinary is PEM: leaf, intermediate, root. An authority vouches for a
// member's own names and for the address that the request comes from; more names are in the leaf of
// a node that is its own authority.
#pragma once

#include <i2/fleet/ordinary_certificates.h>
#include <i2/stoq/rpc.h>

#include "authority.h"
#include "renewal_loop.h"

namespace i2::node {

class OrdinaryRenewal : private RenewalLoop::Subject {
 public:
  // `authority`: null where this node is none. `names`: that this node is reached by.
  OrdinaryRenewal(RenewalLoop::Parts parts, const Logger& log, Authority* authority,
                  fleet::OrdinaryCertificates& certificates,
                  fleet::OrdinaryCertificates::Names names);

  // trust.Ca/RenewOrdinary: issues to the authenticated peer.
  void attach(stoq::RpcServer& server);
  [[nodiscard]] RenewalLoop& loop() { return loop_; }

 private:
  [[nodiscard]] bool is_due(UnixMillis now, std::uint64_t spread) const override;
  [[nodiscard]] bool can_issue(UnixMillis now) const override;
  void renewed() override;
  void failed(const Error& error) override;
  [[nodiscard]] Task<Result<Bytes>> issue_own(Bytes request) override;
  Result<trustchain::LeafRequest> make_request() override;
  Result<void> install(const crypto::PrivateKey& key, ByteView answer, UnixMillis now) override;
  [[nodiscard]] Task<Result<Bytes>> serve(stoq::CallContext context, Bytes request);
  // PEM: leaf, intermediate, root.
  [[nodiscard]] Task<Result<Bytes>> issue(std::string member, Bytes request,
                                          fleet::OrdinaryCertificates::Names names);

  RenewalLoop::Parts parts_;
  const Logger& log_;
  Authority* const authority_;
  fleet::OrdinaryCertificates& certificates_;
  fleet::OrdinaryCertificates::Names names_;
  bool names_asked_ = false;
  RenewalLoop loop_;
};

}  // namespace i2::node
