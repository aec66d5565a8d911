#include "ordinary_renewal.h"

#include <i2/node/units.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "renewal_times.h"

namespace i2::node {
namespace asio = boost::asio;

namespace {

constexpr std::string_view kRenewOrdinary = "trust.Ca/RenewOrdinary";

}  // namespace

OrdinaryRenewal::OrdinaryRenewal(Parts parts)
    : parts_(std::move(parts)), wakeup_(parts_.runtime.control()) {}

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
  const auto work = [this, &name, &names, &request] {
    return parts_.certificates.issue(request, name, names, parts_.clock.unix_now());
  };
  const auto pem = co_await rt::run_on(parts_.runtime.pool(), work);
  if (!pem) {
    parts_.log.warning("trust", "ordinary_renewal_refused", pem.error().message(),
                       {{"peer", name}, {"error", pem.error().code()}});
    co_return fail(pem.error());
  }
  parts_.log.info("trust", "ordinary_leaf_issued",
                  "a member renewed its certificate for ordinary clients", {{"peer", name}});
  co_return to_bytes(as_bytes(*pem));
}

void OrdinaryRenewal::start() {
  parts_.tasks.spawn(parts_.runtime.control(), run());
}

void OrdinaryRenewal::stop() {
  stopping_ = true;
  wakeup_.wake();
}

bool OrdinaryRenewal::is_due(UnixMillis now) const {
  const bool names_missing = !names_asked_ && parts_.certificates.can_issue(now) &&
                             !parts_.certificates.covers(parts_.names);
  return parts_.certificates.renewal_time(now) <= now || names_missing;
}

Task<> OrdinaryRenewal::run() {
  Duration retry = kRetryMin;
  while (!stopping_) {
    const UnixMillis jitter = parts_.rng.next_u64() % kJitterMs;
    UnixMillis now = parts_.clock.unix_now();
    while (!is_due(now) && !stopping_) {
      const UnixMillis due = parts_.certificates.renewal_time(now) + jitter;
      const Duration wait = due > now ? (due - now) * kMillisecond : kSecond;
      co_await wakeup_.wait(std::min(wait, kLookMax));
      now = parts_.clock.unix_now();
    }
    if (stopping_) {
      break;
    }
    const auto renewed = co_await renew();
    if (renewed) {
      retry = kRetryMin;
      names_asked_ = true;
      parts_.log.info(
          "trust", "ordinary_leaf_renewed", "ordinary clients are shown a new certificate",
          {{"renewal", format_time(parts_.certificates.renewal_time(parts_.clock.unix_now()))}});
      continue;
    }
    parts_.log.debug("trust", "ordinary_renewal_failed", renewed.error().to_string());
    co_await wakeup_.wait(retry);
    retry = std::min(retry * 2, kRetryMax);
  }
}

Task<Result<void>> OrdinaryRenewal::renew() {
  const UnixMillis now = parts_.clock.unix_now();
  if (parts_.certificates.can_issue(now)) {
    const auto work = [this, now] { return parts_.certificates.renew_own(parts_.names, now); };
    co_return co_await rt::run_on(parts_.runtime.pool(), work);
  }
  Result<void> out = fail("trust.no_authority", "no certificate authority of the fleet is known");
  std::vector<NodeId> asked;
  const auto members = parts_.trust.members();
  for (const auto& anchor : members->anchors()) {
    if (std::ranges::find(asked, anchor->holder) == asked.end()) {
      asked.push_back(anchor->holder);
      out = co_await renew_with(anchor->holder);
      if (out) {
        break;
      }
    }
  }
  co_return out;
}

Task<Result<void>> OrdinaryRenewal::renew_with(NodeId authority) {
  I2_CO_TRY_VALUE(const LinkUse link, co_await parts_.peers.reach(authority.hex()));
  const auto make = [this] { return parts_.certificates.make_request(); };
  const auto wanted = co_await rt::run_on(parts_.runtime.pool(), make);
  if (!wanted) {
    co_return fail(wanted.error());
  }
  auto call = stoq::call(link->connection, std::string(kRenewOrdinary), wanted->request.der());
  const Result<Bytes> answer =
      co_await asio::co_spawn(link->connection.executor(), std::move(call), asio::use_awaitable);
  if (!answer) {
    co_return fail(answer.error());
  }
  const auto install = [this, &wanted, &answer] {
    return parts_.certificates.install(wanted->key, as_text(*answer), parts_.clock.unix_now());
  };
  co_return co_await rt::run_on(parts_.runtime.pool(), install);
}

}  // namespace i2::node
