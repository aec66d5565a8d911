#include "certificate_index.h"

#include <i2/trustchain/core/trust_module.h>
#include <i2/wire/text.h>

#include <algorithm>
#include <map>

#include "await_answer.h"

namespace i2::node {
namespace {

// So that certificates which are issued one by one share an operation.
constexpr Duration kGatherTime = 10 * kSecond;
constexpr Duration kIndexRetryMin = 5 * kSecond;
constexpr Duration kIndexRetryMax = 600 * kSecond;
constexpr std::size_t kIndexPageMax = trustchain::kCertificatesPerOperationMax;

}  // namespace

ports::AccountId account_of_requester(std::string_view requester, const fleet::MemberSet& members,
                                      const ports::AccountId& authority) {
  if (const fleet::MemberInfo* member = members.find(requester); member != nullptr) {
    return fleet::account_of(member->node_id);
  }
  const auto account = wire::hash_from_hex(requester);
  return account ? ports::AccountId{*account} : authority;
}

std::vector<fleet::Request> index_operations(std::span<const trustchain::CertificateRecord> records,
                                             const AccountOf& account_of, UnixMillis now) {
  std::map<Hash256, trustchain::IndexCertificates> by_issuer;
  for (const trustchain::CertificateRecord& record : records) {
    const trustchain::Intent& intent = record.intent;
    // The ledger takes none that begins later: the clock was wrong when it was issued.
    const bool ahead = intent.not_before > now + trustchain::kIssuedAheadMsMax;
    if (intent.not_after <= now || ahead) {
      continue;
    }
    by_issuer[intent.issuer_key_hash].entries.push_back(
        {.not_after = intent.not_after,
         .serial = intent.serial,
         .profile = intent.profile,
         .key_hash = intent.key_hash,
         .requester = account_of(intent.requester),
         .not_before = intent.not_before,
         .log_index = record.log_index.value_or(trustchain::IndexEntry::kNotLogged)});
  }
  std::vector<fleet::Request> out;
  for (auto& [issuer, body] : by_issuer) {
    body.issuer = issuer;
    std::ranges::sort(body.entries, {}, [](const trustchain::IndexEntry& one) {
      return std::tie(one.not_after, one.serial);
    });
    out.emplace_back(body);
  }
  return out;
}

void CertificateIndex::stop() {
  stopping_ = true;
  wakeup_.wake();
}

Task<> CertificateIndex::run() {
  Duration pause = 0;  // what the process before this one has left is handed in at once
  Duration retry = kIndexRetryMin;
  while (!stopping_) {
    co_await wakeup_.wait(pause);
    if (stopping_) {
      break;
    }
    const auto done = co_await hand_in();
    if (done) {
      pause = kGatherTime;
      retry = kIndexRetryMin;
      last_failure_.clear();
      continue;
    }
    failed(done.error());
    pause = retry;
    retry = std::min(retry * 2, kIndexRetryMax);
  }
}

void CertificateIndex::failed(const Error& error) {
  if (!stopping_ && last_failure_ != error.code()) {
    last_failure_ = error.code();
    parts_.log.warning("trust", "index_delayed", error.message(), {{"error", error.code()}});
  }
}

Task<Result<void>> CertificateIndex::hand_in() {
  I2_CO_TRY_VALUE(std::uint64_t done, parts_.store.indexed());
  while (!stopping_ && done < parts_.store.issued()) {
    const auto read = [this, done] { return parts_.store.issued_after(done, kIndexPageMax); };
    const auto page = co_await rt::run_on(parts_.runtime.pool(), read);
    if (!page) {
      co_return fail(page.error());
    }
    auto changes = index_operations(*page, parts_.account_of, parts_.clock.unix_now());
    if (!changes.empty()) {
      const auto begin = [this, &changes](fleet::Account::Done ordered) {
        parts_.submit(std::move(changes), std::move(ordered));
      };
      const auto receipt = co_await answer_of<Result<ports::Receipt>>(begin);
      if (!receipt) {
        co_return fail(receipt.error());
      }
    }
    done += page->size();
    const auto note = [this, done] { return parts_.store.set_indexed(done); };
    const auto noted = co_await rt::run_on(parts_.runtime.pool(), note);
    if (!noted) {
      co_return fail(noted.error());
    }
  }
  co_return Result<void>();
}

}  // namespace i2::node
