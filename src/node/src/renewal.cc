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

Renewal::Renewal(RenewalLoop::Parts parts, const Logger& log)
    : parts_(parts), log_(log), expiry_(expiry_of(parts.trust)), loop_(parts, kRenew, *this) {}

void Renewal::attach(stoq::RpcServer& server) {
  server.add_unary(std::string(kRenew),
                   [this](stoq::CallContext context, Bytes request) {
                     return serve(std::move(context), std::move(request));
                   },
                   {.renewal = true});
}

Task<Result<Bytes>> Renewal::serve(stoq::CallContext context, Bytes request) {
  const auto work = [this, &context, &request] {
    return parts_.trust.issue(request, context.peer().node_id, parts_.clock.unix_now());
  };
  const auto leaf = co_await rt::run_on(parts_.runtime.pool(), work);
  if (!leaf) {
    log_.warning("trust", "renewal_refused", leaf.error().message(),
                 {{"peer", context.peer().name}, {"error", leaf.error().code()}});
    co_return fail(leaf.error());
  }
  log_.info("trust", "leaf_issued", "a member renewed its certificate",
            {{"peer", context.peer().name}, {"expires", format_time(leaf->not_after())}});
  co_return leaf->der();
}

bool Renewal::is_due(UnixMillis now, std::uint64_t spread) const {
  return parts_.trust.is_renewal_due(now, spread);
}

bool Renewal::can_issue(UnixMillis now) const {
  return parts_.trust.can_issue(now);
}

void Renewal::renewed() {
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

Result<void> Renewal::issue_own(UnixMillis now) {
  return parts_.trust.renew_own_leaf(now);
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
