// Watches whether the node with the fleet's log is there; where this node's log stands by, makes
// that one the fleet's when the other has been away for long.
//
// Being there means answering a call: a connection that is idle says nothing. Absence counts only
// while this node is connected to as many validators as it takes to order something, so that a node
// that is cut off blames nobody. A standby of rank r waits (r + 1) times the configured time, and
// takes over once: the state takes it off the list (docs/decisions/0014-log-standby.md).
//
// On the control executor, but for view() and stats().
#pragma once

#include <i2/ports/sequencer.h>
#include <i2/telemetry/health.h>

#include <mutex>
#include <optional>

#include "fleet_ledger.h"
#include "own_log.h"
#include "peers.h"

namespace i2::node {

// For how long the log of one epoch has not answered. Pure.
//
// One call that fails proves nothing, however long it took: this process may have been stopped
// meanwhile. So a standby waits for several.
class LogAbsence {
 public:
  static constexpr std::size_t kMissesMin = 3;

  void answered() { misses_ = 0; }
  // A call that began at `now` got no answer from the log of `epoch`.
  void missed(std::uint64_t epoch, Timestamp now);
  // 0: it is there, or another one is the fleet's by now.
  [[nodiscard]] Duration lasted(std::uint64_t epoch, Timestamp now) const;
  // Calls in that time.
  [[nodiscard]] std::size_t misses() const { return misses_; }
  // Whether a standby of that rank takes over now; `after` 0: never.
  [[nodiscard]] bool is_due(std::uint64_t epoch, std::size_t rank, Duration after,
                            Timestamp now) const;

 private:
  std::size_t misses_ = 0;
  Timestamp since_ = 0;
  std::uint64_t epoch_ = 0;
};

class LogTakeover {
 public:
  struct Parts {
    rt::Runtime& runtime;
    FleetLedger& fleet;
    const fleet::TrustStore& trust;
    Peers& peers;
    const OwnLog& own;
    TaskGroup& tasks;
    const Logger& log;
    const Clock& clock;
    Duration after;  // how long the first standby waits; 0: no takeover without `i2 ct takeover`
  };
  explicit LogTakeover(Parts parts);
  LogTakeover(const LogTakeover&) = delete;
  LogTakeover& operator=(const LogTakeover&) = delete;

  void start();
  void stop();

  // Now, whether the other log is there or not. Errors: trust.no_log, trust.standby_unknown,
  // trust.standby_lost (operators have named another log of this node than it has), those of
  // Account::submit().
  [[nodiscard]] Task<Result<trustchain::SetLog>> take_over();

  // The fleet's log as this node sees it.
  struct View {
    std::optional<bool> reachable;     // none: not known
    UnixMillis unreachable_since = 0;  // 0: it is not
  };
  [[nodiscard]] View view() const;
  struct Stats {
    std::uint64_t epoch = 0;
    Duration unreachable = 0;
    std::uint64_t takeovers = 0;
  };
  [[nodiscard]] Stats stats() const;
  [[nodiscard]] telemetry::LayerHealth health() const;

 private:
  struct Standby {
    std::size_t rank = 0;  // among those that are members still
    trustchain::StandbyLog log;
  };
  [[nodiscard]] Task<> run();
  [[nodiscard]] Task<> look();
  [[nodiscard]] Task<Result<void>> probe(NodeId holder);
  [[nodiscard]] Task<> take_over_if_due(std::uint64_t epoch);
  void note_answer(std::uint64_t epoch);
  // Nothing is known of the log.
  void forget();
  void note_silence(const trustchain::LogRecord& record, Timestamp began, const Error& why);
  // As far as this node can tell it could have an operation ordered.
  [[nodiscard]] bool sees_quorum() const;
  // Of this node. None: it is no standby.
  [[nodiscard]] Result<std::optional<Standby>> standby() const;
  [[nodiscard]] Result<trustchain::SetLog> make_operation() const;

  Parts parts_;
  const Duration interval_;
  const Duration patience_;
  Wakeup wakeup_;
  LogAbsence absence_;
  bool stopping_ = false;
  mutable std::mutex mutex_;  // of these
  View view_;
  Stats stats_;
};

}  // namespace i2::node
