#include "log_takeover.h"

#include <i2/node/units.h>

#include <algorithm>

#include "log_serving.h"
#include "on_link.h"
#include "replication.h"

namespace i2::node {
namespace {

constexpr Duration kWatchIntervalMin = kSecond;
constexpr Duration kWatchIntervalMax = 30 * kSecond;
constexpr Duration kReadyPatienceMax = 5 * kSecond;
// One call that gets no answer is not worth a line in the log.
constexpr std::size_t kMissesToTell = 2;

Duration watch_interval(Duration after) {
  return after == 0 ? kWatchIntervalMax
                    : std::clamp(after / 20, kWatchIntervalMin, kWatchIntervalMax);
}

Duration ready_patience(Duration after) {
  return after == 0 ? kReadyPatienceMax : std::clamp(after / 2, kSecond, kReadyPatienceMax);
}

}  // namespace

void LogAbsence::missed(std::uint64_t epoch, Timestamp now) {
  if (misses_ == 0 || epoch_ != epoch) {
    misses_ = 0;
    since_ = now;
    epoch_ = epoch;
  }
  ++misses_;
}

Duration LogAbsence::lasted(std::uint64_t epoch, Timestamp now) const {
  return misses_ > 0 && epoch_ == epoch && now > since_ ? now - since_ : 0;
}

bool LogAbsence::is_due(std::uint64_t epoch, std::size_t rank, Duration after,
                        Timestamp now) const {
  return after != 0 && misses_ >= kMissesMin && lasted(epoch, now) / (rank + 1) >= after;
}

LogTakeover::LogTakeover(Parts parts)
    : parts_(parts),
      interval_(watch_interval(parts.after)),
      patience_(ready_patience(parts.after)),
      wakeup_(parts.runtime.control()) {}

void LogTakeover::start() {
  parts_.tasks.spawn(parts_.runtime.control(), run());
}

void LogTakeover::stop() {
  stopping_ = true;
  wakeup_.wake();
}

Task<> LogTakeover::run() {
  while (!stopping_) {
    co_await look();
    if (!stopping_) {
      co_await wakeup_.wait(interval_);
    }
  }
}

Task<> LogTakeover::look() {
  const auto record = parts_.trust.members()->trust().log();
  if (!record || !*record) {
    co_return;
  }
  const std::uint64_t epoch = (*record)->epoch;
  if ((*record)->holder == parts_.trust.node_id()) {
    note_answer(epoch);
    co_return;
  }
  const Timestamp began = parts_.clock.now();
  const auto there = co_await probe((*record)->holder);
  if (stopping_) {
    co_return;
  }
  if (there) {
    note_answer(epoch);
    co_return;
  }
  if (!sees_quorum()) {
    forget();
    co_return;
  }
  note_silence(**record, began, there.error());
  co_await take_over_if_due(epoch);
}

Task<Result<void>> LogTakeover::probe(NodeId holder) {
  const auto reached = co_await parts_.peers.reach(holder.hex());
  if (!reached) {
    co_return fail(reached.error());
  }
  const auto answer =
      co_await call_over((*reached)->connection, kLogReady, {}, {.deadline = patience_});
  co_return answer ? Result<void>() : fail(answer.error());
}

void LogTakeover::note_answer(std::uint64_t epoch) {
  if (absence_.misses() >= kMissesToTell) {
    parts_.log.info("trust", "log_reachable", "the fleet's transparency log answers again",
                    {{"epoch", epoch}});
  }
  absence_.answered();
  const std::scoped_lock lock(mutex_);
  view_ = {.reachable = true};
  stats_.epoch = epoch;
  stats_.unreachable = 0;
}

void LogTakeover::forget() {
  absence_.answered();
  const std::scoped_lock lock(mutex_);
  view_ = {};
  stats_.unreachable = 0;
}

void LogTakeover::note_silence(const trustchain::LogRecord& record, Timestamp began,
                               const Error& why) {
  absence_.missed(record.epoch, began);
  if (absence_.misses() == kMissesToTell) {
    const auto members = parts_.trust.members();
    const fleet::MemberInfo* const holder = members->find(record.holder);
    parts_.log.warning(
        "trust", "log_unreachable",
        "the fleet's transparency log does not answer: no certificate is issued without it",
        {{"peer", holder != nullptr ? holder->name : record.holder.hex()},
         {"epoch", record.epoch},
         {"error", why.to_string()}});
  }
  const Duration lasted = absence_.lasted(record.epoch, parts_.clock.now());
  const std::scoped_lock lock(mutex_);
  view_ = {.reachable = false,
           .unreachable_since = parts_.clock.unix_now() - lasted / kMillisecond};
  stats_.epoch = record.epoch;
  stats_.unreachable = lasted;
}

Task<> LogTakeover::take_over_if_due(std::uint64_t epoch) {
  const auto own = standby();
  if (!own || !*own || !absence_.is_due(epoch, (*own)->rank, parts_.after, parts_.clock.now())) {
    co_return;
  }
  const auto done = co_await take_over();
  if (!done) {
    parts_.log.warning("trust", "takeover_failed", done.error().message(),
                       {{"error", done.error().code()}});
  }
}

bool LogTakeover::sees_quorum() const {
  const auto epoch = fleet::FleetState(parts_.fleet.ledger().chain()->state).epoch();
  if (!epoch) {
    return false;
  }
  const auto reached = std::ranges::count_if(epoch->validators, [this](const auto& validator) {
    return validator.node == parts_.trust.node_id() ||
           parts_.peers.link_to(validator.node) != nullptr;
  });
  return static_cast<std::size_t>(reached) + fleet::tolerated(*epoch) >= epoch->validators.size();
}

Result<std::optional<LogTakeover::Standby>> LogTakeover::standby() const {
  const auto members = parts_.trust.members();
  I2_TRY_VALUE(const auto standbys, members->trust().log_standbys());
  Standby out;
  for (const trustchain::StandbyLog& one : standbys) {
    if (one.node == parts_.trust.node_id()) {
      out.log = one;
      return out;
    }
    out.rank += members->find(one.node) != nullptr ? 1 : 0;
  }
  return std::nullopt;
}

Result<trustchain::SetLog> LogTakeover::make_operation() const {
  I2_TRY_VALUE(const auto present, parts_.trust.members()->trust().log());
  if (!present) {
    return fail("trust.no_log", "this node has not heard yet which log the fleet has");
  }
  I2_TRY_VALUE(const auto own, standby());
  if (!own) {
    return fail("trust.standby_unknown",
                present->holder == parts_.trust.node_id()
                    ? "this node has the fleet's log already"
                    : "no log of this node stands by: operators name it with i2 ct standby add");
  }
  const trustchain::CtLog* const log = parts_.own.get();
  if (log == nullptr || standby_record(*log, parts_.trust.node_id()) != own->log) {
    return fail("trust.standby_lost",
                "operators have named another log of this node than the one that it has now: let "
                "them do so again with i2 ct standby add");
  }
  return trustchain::SetLog{.origin = own->log.origin,
                            .spki = own->log.spki,
                            .cosigners = own->log.cosigners,
                            .holder = own->log.node,
                            .epoch = present->epoch + 1};
}

Task<Result<trustchain::SetLog>> LogTakeover::take_over() {
  I2_CO_TRY_VALUE(const trustchain::SetLog wanted, make_operation());
  const auto begin = [this, &wanted](ports::Sequencer::Done done) {
    parts_.fleet.account().submit(wanted, std::move(done));
  };
  const auto ordered = co_await receipt(begin);
  if (!ordered) {
    co_return fail(ordered.error());
  }
  parts_.log.warning(
      "trust", "log_taken_over", "the log of this node is the fleet's from now on",
      {{"origin", wanted.origin}, {"epoch", wanted.epoch}, {"height", ordered->height}});
  const std::scoped_lock lock(mutex_);
  ++stats_.takeovers;
  co_return wanted;
}

LogTakeover::View LogTakeover::view() const {
  const std::scoped_lock lock(mutex_);
  return view_;
}

LogTakeover::Stats LogTakeover::stats() const {
  const std::scoped_lock lock(mutex_);
  return stats_;
}

telemetry::LayerHealth LogTakeover::health() const {
  telemetry::LayerHealth out;
  if (const View seen = view(); seen.reachable == false) {
    out.health = telemetry::Health::kDegraded;
    out.reason = "the fleet's transparency log has not answered since " +
                 format_time(seen.unreachable_since) + ": no certificate is issued without it";
  }
  return out;
}

}  // namespace i2::node
