#include "anchor_rotation.h"

#include <i2/fleet/operator_key.h>
#include <i2/node/units.h>

#include <algorithm>

#include "replication.h"

namespace i2::node {
namespace {

constexpr Duration kRotationRetry = 600 * kSecond;

UnixMillis life_of(const trustchain::Issuer& anchor) {
  return anchor.not_after - std::min(anchor.not_before, anchor.not_after);
}

bool is_next_due(const trustchain::Issuer& anchor, UnixMillis now) {
  return now + life_of(anchor) / 3 >= anchor.not_after;
}

std::filesystem::path identity_dir(const std::filesystem::path& data_dir) {
  return data_dir / "identity";
}

}  // namespace

Task<> AnchorRotation::step() {
  const auto keys = co_await rt::run_on(parts_.runtime.pool(), [this] { return reload(); });
  const auto anchor = parts_.trust.issuer();
  if (keys && (*keys == fleet::AnchorKey::kWaits || !anchor)) {
    co_return;
  }
  if (parts_.clock.now() < retry_at_) {
    co_return;
  }
  Result<void> done;
  if (!keys) {
    done = fail(keys.error());
  } else if (parts_.trust.next_anchor() != nullptr) {
    if (may_install(*anchor)) {
      done = co_await rt::run_on(parts_.runtime.pool(), [this] { return install(); });
    }
  } else if (is_next_due(*anchor, parts_.clock.unix_now())) {
    done = co_await order();
  }
  if (!done) {
    retry_at_ = parts_.clock.now() + kRotationRetry;
    parts_.log.error("trust", "anchor_not_renewed", done.error().message(),
                     {{"error", done.error().code()}});
  }
}

// Also of an anchor that the fleet had not when this node started.
Result<fleet::AnchorKey> AnchorRotation::reload() {
  I2_TRY_VALUE(const fleet::AnchorKey out, parts_.trust.reload_anchor_keys());
  I2_TRY_VALUE(const bool ordinary, parts_.ordinary.reload_authority());
  if (ordinary) {
    I2_TRY(parts_.authority.add(*parts_.ordinary.authority()));
  }
  const auto anchor = parts_.trust.issuer();
  if (!anchor ||
      parts_.authority.issuers().find(anchor->certificate.public_key().spki_sha256()) != nullptr) {
    return out;
  }
  I2_TRY(parts_.authority.add_anchor());
  parts_.log.info("trust", "anchor_renewed", "certificates are issued under a new anchor",
                  {{"expires", format_time(anchor->not_after)}});
  return out;
}

Task<Result<void>> AnchorRotation::order() {
  const bool alone = co_await rt::run_on(parts_.runtime.pool(), [this] { return signs_alone(); });
  if (!alone) {
    if (requested_) {
      co_return Result<void>();
    }
    co_return co_await rt::run_on(parts_.runtime.pool(), [this] { return write_request(); });
  }
  const auto grant = co_await rt::run_on(parts_.runtime.pool(), [this] { return make_grant(); });
  if (!grant) {
    co_return fail(grant.error());
  }
  co_return co_await order(*grant);
}

Task<Result<void>> AnchorRotation::order(fleet::AuthorityGrant grant) {
  I2_CO_TRY_VALUE(auto key, fleet::read_operator_key(identity_dir(parts_.data_dir)));
  const auto id = fleet::account_of(fleet::operator_id(key.public_key()));
  fleet::Account account({.sequencer = parts_.fleet.sequencer(),
                          .chain = [&ledger = parts_.fleet.ledger()] { return ledger.chain(); },
                          .key = std::move(key),
                          .id = id,
                          .clock = parts_.clock});
  const auto begin = [&account, &grant](ports::Sequencer::Done done) {
    account.submit(fleet::AddAnchor{grant.anchor}, std::move(done));
  };
  const auto ordered = co_await receipt(begin);
  if (!ordered) {
    co_return fail(ordered.error());
  }
  parts_.log.info("trust", "anchor_ordered", "the fleet has the next anchor of this authority",
                  {{"expires", format_time(grant.anchor.not_after)}});
  co_return Result<void>();
}

// For the keys of the last request, if that was not answered: again until they are installed.
Result<fleet::AuthorityGrant> AnchorRotation::make_grant() {
  const UnixMillis now = parts_.clock.unix_now();
  I2_TRY_VALUE(const auto request, fleet::request_authority(parts_.data_dir, true, now));
  return fleet::grant_authority(parts_.data_dir, {}, request, now);
}

Result<void> AnchorRotation::write_request() {
  I2_TRY_VALUE(const auto request,
               fleet::request_authority(parts_.data_dir, true, parts_.clock.unix_now()));
  const auto file = parts_.data_dir / "ca" / "authority.request";
  I2_TRY(fleet::write_request(file, request));
  requested_ = true;
  parts_.log.warning(
      "trust", "anchor_requested",
      "the anchor of this authority ends: have its next one granted, then install it",
      {{"file", file.string()}});
  return {};
}

Result<void> AnchorRotation::install() {
  I2_TRY_VALUE(const auto grant, make_grant());
  I2_TRY(fleet::install_authority(parts_.data_dir, grant));
  I2_TRY(reload());
  return {};
}

// The intermediate is renewed with it, and only one of before is kept: not while that has
// certificates which are good.
bool AnchorRotation::may_install(const trustchain::Issuer& anchor) const {
  const UnixMillis now = parts_.clock.unix_now();
  constexpr UnixMillis kLastPart = 12;
  if (now + life_of(anchor) / kLastPart < anchor.not_after) {
    return false;
  }
  const auto held = parts_.ordinary.authority();
  const bool just_renewed = parts_.ordinary.former() && held &&
                            now < held->certificate.not_before() + 2 * trustchain::kLeafLifeMs;
  return !just_renewed || now >= anchor.not_after;
}

// Whether both keys that this takes are here, and are enough.
bool AnchorRotation::signs_alone() const {
  const auto chain = parts_.fleet.ledger().chain();
  const auto operators = fleet::FleetState(chain->state).operators();
  const auto key = fleet::read_operator_key(identity_dir(parts_.data_dir));
  return operators && operators->required == 1 && key && fleet::has_root(parts_.data_dir) &&
         std::ranges::contains(operators->keys, key->public_key());
}

}  // namespace i2::node
