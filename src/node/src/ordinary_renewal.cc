#include "ordinary_renewal.h"

#include <i2/node/units.h>

namespace i2::node {

namespace {

constexpr std::string_view kRenewOrdinary = "trust.Ca/RenewOrdinary";

}  // namespace

OrdinaryRenewal::OrdinaryRenewal(RenewalLoop::Parts parts, const Logger& log, Authority* authority,
                                 fleet::OrdinaryCertificates& certificates,
                                 fleet::OrdinaryCertificates::Names names)
    : parts_(parts),
      log_(log),
      authority_(authority),
      certificates_(certificates),
      names_(std::move(names)),
      loop_(parts, kRenewOrdinary, *this) {}

void OrdinaryRenewal::attach(stoq::RpcServer& server) {
  server.add_unary(std::string(kRenewOrdinary), [this](stoq::CallContext context, Bytes request) {
    return serve(std::move(context), std::move(request));
  });
}

Task<Result<Bytes>> OrdinaryRenewal::serve(stoq::CallContext context, Bytes request) {
  const std::string name = context.peer().name;
  const LinkPtr link = parts_.peers.link_to(context.peer().node_id);
  fleet::OrdinaryCertificates::Names names;
  if (link != nullptr) {
    names.addresses.push_back(link->remote.ip);  // it has been seen to answer there
  }
  auto pem = co_await issue(name, std::move(request), std::move(names));
  if (!pem) {
    log_.warning("trust", "ordinary_renewal_refused", pem.error().message(),
                 {{"peer", name}, {"error", pem.error().code()}});
    co_return fail(pem.error());
  }
  log_.info("trust", "ordinary_leaf_issued",
            "a member renewed its certificate for ordinary clients", {{"peer", name}});
  co_return *std::move(pem);
}

Task<Result<Bytes>> OrdinaryRenewal::issue(std::string member, Bytes request,
                                           fleet::OrdinaryCertificates::Names names) {
  if (authority_ == nullptr) {
    co_return fail("fleet.no_anchor",
                   "this node is not a certificate authority for ordinary clients");
  }
  I2_CO_TRY_VALUE(auto parsed, crypto::CertificateRequest::from_der(request));
  const auto pem =
      co_await authority_->issue_ordinary(std::move(parsed), std::move(member), std::move(names));
  if (!pem) {
    co_return fail(pem.error());
  }
  co_return to_bytes(as_bytes(*pem));
}

bool OrdinaryRenewal::is_due(UnixMillis now, std::uint64_t spread) const {
  const bool names_missing =
      !names_asked_ && certificates_.can_issue(now) && !certificates_.covers(names_);
  return names_missing || certificates_.is_renewal_due(now, spread);
}

bool OrdinaryRenewal::can_issue(UnixMillis now) const {
  return certificates_.can_issue(now);
}

void OrdinaryRenewal::renewed() {
  names_asked_ = true;
  log_.info("trust", "ordinary_leaf_renewed", "ordinary clients are shown a new certificate",
            {{"expires", format_time(certificates_.current()->certificate.not_after())}});
}

void OrdinaryRenewal::failed(const Error& error) {
  log_.debug("trust", "ordinary_renewal_failed", error.to_string());
}

Task<Result<Bytes>> OrdinaryRenewal::issue_own(Bytes request) {
  co_return co_await issue(parts_.trust.name(), std::move(request), names_);
}

Result<trustchain::LeafRequest> OrdinaryRenewal::make_request() {
  return certificates_.make_request();
}

Result<void> OrdinaryRenewal::install(const crypto::PrivateKey& key, ByteView answer,
                                      UnixMillis now) {
  return certificates_.install(key, as_text(answer), now);
}

}  // namespace i2::node
