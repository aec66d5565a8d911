#include "renewal.h"

#include <i2/node/units.h>
#include <i2/wire/text.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "renewal_times.h"

namespace i2::node {
namespace asio = boost::asio;

namespace {

constexpr std::string_view kRenew = "trust.Ca/Renew";

}  // namespace

Renewal::Renewal(Parts parts) : parts_(std::move(parts)), wakeup_(parts_.runtime.control()) {}

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
    parts_.log.warning("trust", "renewal_refused", leaf.error().message(),
                       {{"peer", context.peer().name}, {"error", leaf.error().code()}});
    co_return fail(leaf.error());
  }
  parts_.log.info("trust", "leaf_issued", "a member renewed its certificate",
                  {{"peer", context.peer().name}, {"expires", format_time(leaf->not_after())}});
  co_return leaf->der();
}

void Renewal::start() {
  parts_.tasks.spawn(parts_.runtime.control(), run());
}

void Renewal::stop() {
  stopping_ = true;
  wakeup_.wake();
}

Task<> Renewal::run() {
  Duration retry = kRetryMin;
  while (!stopping_) {
    const UnixMillis jitter = parts_.rng.next_u64() % kJitterMs;
    UnixMillis now = parts_.clock.unix_now();
    UnixMillis due = parts_.trust.renewal_time(now);
    // Only a renewal that lies ahead is spread; one that is overdue happens now.
    due += due > now ? jitter : 0;
    while (now < due && !stopping_) {
      co_await wakeup_.wait(std::min<Duration>((due - now) * kMillisecond, kLookMax));
      now = parts_.clock.unix_now();
      if (now < parts_.trust.current()->certificate.not_before()) {
        break;  // it was set back
      }
    }
    if (stopping_) {
      break;
    }
    const auto renewed = co_await renew();
    if (renewed) {
      retry = kRetryMin;
      continue;
    }
    parts_.log.warning("trust", "renewal_failed", renewed.error().message(),
                       {{"error", renewed.error().code()}});
    co_await wakeup_.wait(retry);
    retry = std::min(retry * 2, kRetryMax);
  }
}

Task<Result<void>> Renewal::renew() {
  const UnixMillis now = parts_.clock.unix_now();
  const bool had_expired = parts_.trust.current()->certificate.not_after() <= now;
  Result<void> out = fail("trust.no_authority", "no certificate authority of the fleet is known");
  if (parts_.trust.can_issue(now)) {
    const auto work = [this, now] { return parts_.trust.renew_own_leaf(now); };
    out = co_await rt::run_on(parts_.runtime.pool(), work);
  } else {
    const auto refresh = [this, now] { return parts_.trust.refresh_binding(now); };
    I2_CO_TRY(co_await rt::run_on(parts_.runtime.pool(), refresh));
    for (const NodeId& authority : authorities()) {
      out = co_await renew_with(authority);
      if (out) {
        break;
      }
    }
  }
  if (!out) {
    co_return out;
  }
  parts_.log.info("trust", "leaf_renewed", "this node has a new certificate",
                  {{"expires", format_time(parts_.trust.current()->certificate.not_after())}});
  if (had_expired) {
    parts_.peers.reconnect();  // peers serve the connections of the old leaf nothing but renewal
  }
  co_return out;
}

Task<Result<void>> Renewal::renew_with(NodeId authority) {
  // The transport gives up by itself; the name by which reach() finds it is its id.
  I2_CO_TRY_VALUE(const LinkUse link, co_await parts_.peers.reach(authority.hex()));
  const auto make = [this] { return parts_.trust.make_renewal_request(); };
  const auto wanted = co_await rt::run_on(parts_.runtime.pool(), make);
  if (!wanted) {
    co_return fail(wanted.error());
  }
  auto call = stoq::call(link->connection, std::string(kRenew), wanted->request.der());
  const Result<Bytes> answer =
      co_await asio::co_spawn(link->connection.executor(), std::move(call), asio::use_awaitable);
  if (!answer) {
    co_return fail(answer.error());
  }
  I2_CO_TRY_VALUE(const auto leaf, crypto::Certificate::from_der(*answer));
  const auto install = [this, &wanted, &leaf] {
    return parts_.trust.install_leaf(wanted->key, leaf, parts_.clock.unix_now());
  };
  co_return co_await rt::run_on(parts_.runtime.pool(), install);
}

std::vector<NodeId> Renewal::authorities() const {
  std::vector<NodeId> out;
  const auto members = parts_.trust.members();
  for (const auto& anchor : members->anchors()) {
    if (std::ranges::find(out, anchor->holder) == out.end()) {
      out.push_back(anchor->holder);
    }
  }
  return out;
}

}  // namespace i2::node
