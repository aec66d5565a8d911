#include "revocation_sync.h"

#include <i2/fleet/core/state_machine.h>

#include <algorithm>
#include <boost/asio/post.hpp>

#include "await_answer.h"

namespace i2::node {
namespace {

using trustchain::CertificateId;
using trustchain::RevokedCertificate;
using trustchain::TrustState;

constexpr Duration kSyncRetryMin = 5 * kSecond;
constexpr Duration kSyncRetryMax = 600 * kSecond;
constexpr std::string_view kFleetActor = "fleet";

bool starts_with(ByteView key, ByteView prefix) {
  return key.size() >= prefix.size() && equal(key.first(prefix.size()), prefix);
}

template <class Id>
std::optional<Id> id_after(ByteView key, ByteView prefix) {
  Id out;
  if (!starts_with(key, prefix) || key.size() != prefix.size() + out.bytes.size()) {
    return std::nullopt;
  }
  std::ranges::copy(key.subspan(prefix.size()), out.bytes.begin());
  return out;
}

CertificateId id_of(const RevokedCertificate& revoked) {
  return {
      .not_after = revoked.not_after, .issuer = revoked.issuer_key_hash, .serial = revoked.serial};
}

RevokedCertificate revoked_of(const CertificateId& id, const trustchain::RevocationRecord& how) {
  return {.issuer_key_hash = id.issuer,
          .serial = id.serial,
          .revocation = {.revoked_at = how.at, .reason = how.reason},
          .not_after = id.not_after};
}

// Neither trying again nor waiting helps.
bool is_final(const Error& error) {
  return error.is("trust.revocation_denied") || error.is("trust.revocation_invalid") ||
         error.is("fleet.operation_approvals") || error.is("fleet.operation_account");
}

}  // namespace

void RevocationSync::handle_change(const std::set<Bytes>& keys) {
  static const Bytes certificates = trustchain::revoked_certificate_prefix();
  static const Bytes accounts = trustchain::revoked_account_key({});
  static const Bytes departed = fleet::revoked_key({});
  static const Bytes index = trustchain::index_prefix();
  bool wake = false;
  {
    const std::scoped_lock lock(mutex_);
    for (const Bytes& key : keys) {
      if (starts_with(key, certificates)) {
        if (auto id = trustchain::certificate_of_key(key, certificates)) {
          news_.certificates.push_back(*std::move(id));
          wake = true;
        }
      } else if (const auto account = id_after<ports::AccountId>(key, accounts)) {
        news_.accounts.push_back(*account);
        wake = true;
      } else if (const auto node = id_after<NodeId>(key, departed)) {
        news_.departed.push_back(*node);
        wake = true;
      }
      wake = wake || starts_with(key, index);  // one that waits may be there now
    }
  }
  if (wake) {
    boost::asio::post(parts_.runtime.control(), [this] { wakeup_.wake(); });
  }
}

void RevocationSync::handle_revoked(std::span<const RevokedCertificate> revoked) {
  for (const RevokedCertificate& one : revoked) {
    unordered_.emplace(id_of(one), one.revocation.reason);
  }
  wakeup_.wake();
}

void RevocationSync::stop() {
  stopping_ = true;
  wakeup_.wake();
}

Task<> RevocationSync::run() {
  if (const auto found = find_unordered(); !found) {
    parts_.log.error("trust", "revocations_unread", found.error().message(),
                     {{"error", found.error().code()}});
  }
  Duration retry = kSyncRetryMin;
  Duration pause = 0;
  while (!stopping_) {
    co_await wakeup_.wait(pause);
    if (stopping_) {
      break;
    }
    const News news = take_news();
    const auto take = [this, &news] { return take_over(news); };
    const auto taken = co_await rt::run_on(parts_.runtime.pool(), take);
    if (!taken) {
      parts_.log.error("trust", "revocations_unread", taken.error().message(),
                       {{"error", taken.error().code()}});
      const std::scoped_lock lock(mutex_);
      news_.all = true;
    } else if (*taken > 0) {
      parts_.log.info("trust", "revocations_taken_over",
                      "certificates of this authority were revoked by the fleet",
                      {{"count", *taken}});
    }
    const auto ordered = co_await order();
    if (taken && ordered && unordered_.empty()) {
      pause = kNever;
      retry = kSyncRetryMin;
      continue;
    }
    pause = retry;
    retry = std::min(retry * 2, kSyncRetryMax);
  }
}

RevocationSync::News RevocationSync::take_news() {
  const std::scoped_lock lock(mutex_);
  return std::exchange(news_, {});
}

Result<std::size_t> RevocationSync::take_over(const News& news) {
  if (!news.all && news.certificates.empty() && news.accounts.empty() && news.departed.empty()) {
    return 0;
  }
  const auto chain = parts_.chain();
  I2_TRY_VALUE(const Revoked numbers, revoked_by_number(*chain, news));
  I2_TRY_VALUE(const Revoked accounts, revoked_by_account(*chain, news));
  I2_TRY_VALUE(const Revoked departed, revoked_by_departure(*chain, news));
  I2_TRY_VALUE(const auto first, parts_.revocations.record(numbers, kFleetActor));
  I2_TRY_VALUE(const auto second, parts_.revocations.record(accounts, kFleetActor));
  I2_TRY_VALUE(const auto third, parts_.revocations.record(departed, kFleetActor));
  return first.size() + second.size() + third.size();
}

Result<RevocationSync::Revoked> RevocationSync::revoked_by_number(const fleet::Chain& chain,
                                                                  const News& news) const {
  const TrustState state(chain.state);
  std::vector<CertificateId> ids = news.certificates;
  if (news.all) {
    const Bytes prefix = trustchain::revoked_certificate_prefix();
    chain.state.scan(prefix, {}, [&](ByteView key, ByteView) {
      if (auto id = trustchain::certificate_of_key(key, prefix)) {
        ids.push_back(*std::move(id));
      }
      return true;
    });
  }
  Revoked out;
  for (const CertificateId& id : ids) {
    if (parts_.issuers.find(id.issuer) == nullptr) {
      continue;
    }
    I2_TRY_VALUE(const auto record, state.revoked(id));  // none: forgotten since
    if (record) {
      out.push_back(revoked_of(id, *record));
    }
  }
  return out;
}

// Everything that was issued to one of the accounts before it was revoked and is not over.
Result<RevocationSync::Revoked> RevocationSync::revoked_by_account(const fleet::Chain& chain,
                                                                   const News& news) const {
  const TrustState state(chain.state);
  if (news.accounts.empty() && (!news.all || state.revoked_account_count() == 0)) {
    return Revoked();
  }
  const UnixMillis now = parts_.clock.unix_now();
  const UnixMillis reach = trustchain::kLeafLifeMs + trustchain::kIssuedAheadMsMax;
  trustchain::CertificateQuery query{.from = now - std::min(now, reach),
                                     .limit = trustchain::kListLimitMax};
  Revoked out;
  do {
    I2_TRY_VALUE(auto page, parts_.store.list(query));
    for (const trustchain::CertificateRecord& record : page.records) {
      const trustchain::Intent& intent = record.intent;
      const CertificateId id{
          .not_after = intent.not_after, .issuer = intent.issuer_key_hash, .serial = intent.serial};
      I2_TRY_VALUE(const auto how,
                   state.revocation(id, parts_.account_of(intent.requester), intent.not_before));
      if (how && intent.not_after > now) {
        out.push_back(revoked_of(id, *how));
      }
    }
    query.after = std::move(page.next);
  } while (!query.after.empty());
  return out;
}

// Members refuse who is none, whatever it shows; ordinary clients know only what the lists say.
Result<RevocationSync::Revoked> RevocationSync::revoked_by_departure(const fleet::Chain& chain,
                                                                     const News& news) const {
  Revoked out;
  Result<void> read;
  const auto add = [&](const fleet::RevokedRecord& former) {
    read = add_certificates_of(former, out);
    return read.has_value();
  };
  if (news.all) {
    chain.state.scan(fleet::revoked_key({}), {}, [&](ByteView, ByteView value) {
      const auto former = fleet::decode_revoked_record(value);
      return !former || add(*former);
    });
    I2_TRY(read);
    return out;
  }
  for (const NodeId& node : news.departed) {
    I2_TRY_VALUE(const auto former, fleet::FleetState(chain.state).revoked(node));
    if (former && !add(*former)) {
      return fail(std::move(read).error());
    }
  }
  return out;
}

// The name may be somebody else's by now: what that one was issued was decided later.
Result<void> RevocationSync::add_certificates_of(const fleet::RevokedRecord& former,
                                                 Revoked& out) const {
  const UnixMillis now = parts_.clock.unix_now();
  if (former.at + trustchain::kLeafLifeMs + trustchain::kIssuedAheadMsMax < now) {
    return {};  // what it had has ended
  }
  const auto reason = former.how == fleet::Departure::kLeft
                          ? crypto::RevocationReason::kCessationOfOperation
                          : crypto::RevocationReason::kPrivilegeWithdrawn;
  trustchain::CertificateQuery query{.requester = former.name, .limit = trustchain::kListLimitMax};
  do {
    I2_TRY_VALUE(auto page, parts_.store.list(query));
    for (const trustchain::CertificateRecord& record : page.records) {
      const trustchain::Intent& intent = record.intent;
      if (intent.profile != trustchain::Profile::kNode && intent.decided_at <= former.at &&
          intent.not_after > now) {
        out.push_back({.issuer_key_hash = intent.issuer_key_hash,
                       .serial = intent.serial,
                       .revocation = {.revoked_at = former.at, .reason = reason},
                       .not_after = intent.not_after});
      }
    }
    query.after = std::move(page.next);
  } while (!query.after.empty());
  return {};
}

Result<void> RevocationSync::find_unordered() {
  const UnixMillis now = parts_.clock.unix_now();
  for (const trustchain::SignerPtr& signer : parts_.issuers.all()) {
    I2_TRY_VALUE(const auto revoked, parts_.store.revoked(signer->key_hash, std::nullopt));
    for (const RevokedCertificate& one : revoked) {
      if (one.not_after > now) {
        unordered_.emplace(id_of(one), one.revocation.reason);
      }
    }
  }
  return {};
}

// Those that can be ordered now; what is over or in the state is forgotten, what is not in the
// index yet waits, because only operators could revoke it.
Result<RevocationSync::Reasons> RevocationSync::ready() {
  const auto chain = parts_.chain();
  const TrustState state(chain->state);
  const UnixMillis now = parts_.clock.unix_now();
  Reasons out;
  bool waits = false;
  for (auto at = unordered_.begin(); at != unordered_.end();) {
    const CertificateId& id = at->first;
    I2_TRY_VALUE(const auto entry, state.indexed(id));
    I2_TRY_VALUE(const auto known, entry ? state.revocation(id, entry->requester, entry->not_before)
                                         : state.revoked(id));
    if (known || id.not_after <= now) {
      at = unordered_.erase(at);
      continue;
    }
    waits = waits || !entry;
    if (entry) {
      out[at->second].push_back(id);
    }
    ++at;
  }
  if (waits) {
    parts_.index.wake();
  }
  return out;
}

Task<Result<void>> RevocationSync::order() {
  I2_CO_TRY_VALUE(const Reasons reasons, ready());
  for (const auto& [reason, ids] : reasons) {
    for (std::size_t from = 0; from < ids.size() && !stopping_;) {
      const std::size_t count =
          std::min(ids.size() - from, trustchain::kCertificatesPerOperationMax);
      const auto first = ids.begin() + static_cast<std::ptrdiff_t>(from);
      I2_CO_TRY(
          co_await order(reason, std::vector(first, first + static_cast<std::ptrdiff_t>(count))));
      from += count;
    }
  }
  co_return Result<void>();
}

Task<Result<void>> RevocationSync::order(crypto::RevocationReason reason,
                                         std::vector<CertificateId> certificates) {
  const auto begin = [&](fleet::Account::Done done) {
    parts_.submit({trustchain::RevokeCertificates{.reason = reason, .certificates = certificates}},
                  std::move(done));
  };
  const auto receipt = co_await answer_of<Result<ports::Receipt>>(begin);
  if (!receipt && is_final(receipt.error()) && certificates.size() > 1) {
    // One of them must not keep the others from being revoked.
    for (const CertificateId& id : certificates) {
      I2_CO_TRY(co_await order(reason, std::vector{id}));
    }
    co_return Result<void>();
  }
  if (!receipt && !is_final(receipt.error())) {
    co_return fail(receipt.error());
  }
  if (!receipt) {
    parts_.log.warning(
        "trust", "revocation_not_ordered", receipt.error().message(),
        {{"serial", to_hex(certificates.front().serial)}, {"error", receipt.error().code()}});
  }
  for (const CertificateId& id : certificates) {
    unordered_.erase(id);
  }
  co_return Result<void>();
}

}  // namespace i2::node
