#include "expiry_watch.h"

#include <i2/node/units.h>

namespace i2::node {
namespace {

// The wall clock may jump while the monotonic one stands still.
constexpr Duration kExpiryInterval = 10 * kSecond;
constexpr Duration kIntermediateRetry = 600 * kSecond;

}  // namespace

void ExpiryWatch::stop() {
  stopping_ = true;
  wakeup_.wake();
}

Task<> ExpiryWatch::run() {
  while (!stopping_) {
    if (parts_.anchors != nullptr) {
      co_await parts_.anchors->step();
    }
    co_await renew_intermediate();
    warn();
    co_await wakeup_.wait(kExpiryInterval);
  }
}

Task<> ExpiryWatch::renew_intermediate() {
  if (parts_.authority == nullptr || parts_.clock.now() < retry_at_ ||
      !parts_.ordinary.is_authority_renewal_due(parts_.clock.unix_now())) {
    co_return;
  }
  const auto renew = [this]() -> Result<bool> {
    I2_TRY_VALUE(const bool renewed, parts_.ordinary.renew_authority(parts_.clock.unix_now()));
    if (renewed) {
      I2_TRY(parts_.authority->add(*parts_.ordinary.authority()));
    }
    return renewed;
  };
  const auto renewed = co_await rt::run_on(parts_.runtime.pool(), renew);
  if (renewed && *renewed) {
    const auto expires = parts_.ordinary.authority()->certificate.not_after();
    parts_.log.info("trust", "intermediate_renewed",
                    "ordinary certificates are issued under a new intermediate",
                    {{"expires", format_time(expires)}});
    co_return;
  }
  // Without the root's key warn() says so in time.
  retry_at_ = parts_.clock.now() + kIntermediateRetry;
  if (!renewed) {
    parts_.log.error("trust", "intermediate_not_renewed", renewed.error().message(),
                     {{"error", renewed.error().code()}});
  }
}

void ExpiryWatch::warn() {
  const UnixMillis now = parts_.clock.unix_now();
  for (const Expiry& one : expiries(parts_.trust, parts_.ordinary)) {
    if (!is_ending(one, now)) {
      continue;
    }
    UnixMillis& told = warned_[std::string(one.certificate)];
    if (std::exchange(told, one.not_after) != one.not_after) {
      parts_.log.warning(
          "trust", "certificate_expires_soon", "a certificate ends and nobody has renewed it",
          {{"certificate", one.certificate}, {"expires", format_time(one.not_after)}});
    }
  }
}

}  // namespace i2::node
