#include "renewal.h"

#include <i2/node/units.h>

#include <utility>

namespace i2::node {

namespace {

constexpr std::string_view kRenew = "trust.Ca/Renew";

UnixMillis expiry_of(const fleet::TrustStore& trust) {
  return trust.current()->certificate.not_after();
}

}  // namespace

Renewal::Renewal(RenewalLoop::Parts parts, const Logger& log, Authority* authority)
    : parts_(parts),
      log_(log),
      authority_(authority),
      expiry_(expiry_of(parts.trust)),
      loop_(parts, kRenew, *this) {}

void Renewal::attach(stoq::RpcServer& server) {
  server.add_unary(std::string(kRenew),
                   [this](stoq::CallContext context, Bytes request) {
                     return serve(std::move(context), std::move(request));
                   },
                   {.renewal = true});
}

Task<Result<Bytes>> Renewal::serve(stoq::CallContext context, Bytes request) {
  const auto leaf = co_await issue(context.peer().node_id, std::move(request));
  if (!leaf) {
    log_.warning("trust", "renewal_refused", leaf.error().message(),
                 {{"peer", context.peer().name}, {"error", leaf.error().code()}});
    co_return fail(leaf.error());
  }
  log_.info("trust", "leaf_issued", "a member renewed its certificate",
            {{"peer", context.peer().name}, {"expires", format_time(leaf->not_after())}});
  co_return leaf->der();
}

Task<Result<crypto::Certificate>> Renewal::issue(NodeId member, Bytes request) {
  if (authority_ == nullptr) {
    co_return fail("fleet.no_anchor", "this node is not a certificate authority of the fleet");
  }
  I2_CO_TRY_VALUE(auto parsed, crypto::CertificateRequest::from_der(request));
  co_return co_await authority_->issue_leaf(std::move(parsed), member);
}

bool Renewal::is_due(UnixMillis now, std::uint64_t spread) const {
  return (parts_.trust.has_first_leaf() && !asked_) || parts_.trust.is_renewal_due(now, spread);
}

bool Renewal::can_issue(UnixMillis now) const {
  return parts_.trust.can_issue(now);
}

void Renewal::renewed() {
  asked_ = true;
  const UnixMillis expired = std::exchange(expiry_, expiry_of(parts_.trust));
  log_.info("trust", "leaf_renewed", "this node has a new certificate",
            {{"expires", format_time(expiry_)}});
  if (expired <= parts_.clock.unix_now()) {
    parts_.peers.reconnect();
  }
}

void Renewal::failed(const Error& error) {
  log_.warning("trust", "renewal_failed", error.message(), {{"error", error.code()}});
}

Task<Result<Bytes>> Renewal::issue_own(Bytes request) {
  const auto leaf = co_await issue(parts_.trust.node_id(), std::move(request));
  if (!leaf) {
    co_return fail(leaf.error());
  }
  co_return leaf->der();
}

Result<void> Renewal::prepare(UnixMillis now) {
  return parts_.trust.refresh_binding(now);
}

Result<trustchain::LeafRequest> Renewal::make_request() {
  return parts_.trust.make_renewal_request();
}

Result<void> Renewal::install(const crypto::PrivateKey& key, ByteView answer, UnixMillis now) {
  I2_TRY_VALUE(const auto leaf, crypto::Certificate::from_der(answer));
  return parts_.trust.install_leaf(key, leaf, now);
}

}  // namespace i2::node
