#include "renewal_loop.h"

#include <i2/stoq/rpc.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>

#include "on_link.h"

namespace i2::node {
namespace asio = boost::asio;

namespace {

constexpr Duration kLookInterval = 10 * kSecond;
constexpr Duration kRetryMin = 5 * kSecond;
constexpr Duration kRetryMax = 600 * kSecond;

// Those on other nodes, each once. First the one with the fleet's log, which needs nobody else.
std::vector<NodeId> authorities(const fleet::TrustStore& trust) {
  std::vector<NodeId> out;
  const auto members = trust.members();
  for (const auto& anchor : members->anchors()) {
    if (anchor->holder != trust.node_id() && std::ranges::find(out, anchor->holder) == out.end()) {
      out.push_back(anchor->holder);
    }
  }
  const auto log = members->trust().log().value_or(std::nullopt);
  std::ranges::stable_partition(out,
                                [&](const NodeId& node) { return log && log->holder == node; });
  return out;
}

}  // namespace

void RenewalLoop::stop() {
  stopping_ = true;
  wakeup_.wake();
}

Task<> RenewalLoop::run() {
  Duration retry = kRetryMin;
  while (!stopping_) {
    co_await wait_until_due();
    if (stopping_) {
      break;
    }
    const auto renewed = co_await renew();
    if (renewed) {
      subject_.renewed();
      retry = kRetryMin;
      continue;
    }
    subject_.failed(renewed.error());
    co_await wakeup_.wait(retry);
    retry = std::min(retry * 2, kRetryMax);
  }
}

Task<> RenewalLoop::wait_until_due() {
  // Only a renewal that lies ahead is spread; one that is overdue happens now.
  const std::uint64_t spread =
      subject_.is_due(parts_.clock.unix_now(), 0) ? 0 : parts_.rng.next_u64();
  while (!stopping_ && !subject_.is_due(parts_.clock.unix_now(), spread)) {
    co_await wakeup_.wait(kLookInterval);
  }
}

Task<Result<void>> RenewalLoop::renew() {
  const UnixMillis now = parts_.clock.unix_now();
  std::optional<Error> own;
  if (subject_.can_issue(now)) {
    const auto renewed = co_await renew_here();
    if (renewed) {
      co_return renewed;
    }
    own = renewed.error();
  }
  const auto prepare = [this, now] { return subject_.prepare(now); };
  I2_CO_TRY(co_await rt::run_on(parts_.runtime.pool(), prepare));
  std::optional<Error> last;
  for (const NodeId& authority : authorities(parts_.trust)) {
    const auto renewed = co_await renew_with(authority);
    if (renewed) {
      co_return renewed;
    }
    // What an authority says is worth more than that another one cannot be reached.
    if (!last || renewed.error().code().starts_with("trust.")) {
      last = renewed.error();
    }
  }
  if (own || last) {
    co_return fail(own ? *own : *last);
  }
  co_return fail("trust.no_authority", "no certificate authority of the fleet is known");
}

Task<Result<void>> RenewalLoop::renew_now() {
  I2_CO_TRY(co_await renew());
  subject_.renewed();
  co_return Result<void>();
}

Task<Result<void>> RenewalLoop::renew_here() {
  const auto make = [this] { return subject_.make_request(); };
  const auto wanted = co_await rt::run_on(parts_.runtime.pool(), make);
  if (!wanted) {
    co_return fail(wanted.error());
  }
  const auto answer = co_await subject_.issue_own(wanted->request.der());
  if (!answer) {
    co_return fail(answer.error());
  }
  co_return co_await install(wanted->key, *answer);
}

Task<Result<void>> RenewalLoop::renew_with(NodeId authority) {
  // The transport gives up by itself; the name by which reach() finds it is its id.
  I2_CO_TRY_VALUE(const LinkUse link, co_await parts_.peers.reach(authority.hex()));
  const auto make = [this] { return subject_.make_request(); };
  const auto wanted = co_await rt::run_on(parts_.runtime.pool(), make);
  if (!wanted) {
    co_return fail(wanted.error());
  }
  const auto answer = co_await call_over(link->connection, method_, wanted->request.der());
  if (!answer) {
    co_return fail(answer.error());
  }
  co_return co_await install(wanted->key, *answer);
}

Task<Result<void>> RenewalLoop::install(crypto::PrivateKey key, Bytes answer) {
  const auto work = [this, &key, &answer] {
    return subject_.install(key, answer, parts_.clock.unix_now());
  };
  co_return co_await rt::run_on(parts_.runtime.pool(), work);
}

}  // namespace i2::node
