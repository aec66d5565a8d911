// Whether all heads of a log that this node is shown are of one tree.
//
// Two heads of one size have one root; of two sizes, the log proves that the larger tree grew out
// of the smaller one, and says what it had at that size, which convicts it when it is not what it
// had signed. A head for which the log has no proof convicts nobody: it is an alarm.
//
// On the control executor; newest() and fleet_log() on any thread.
#pragma once

#include <i2/fleet/trust_store.h>
#include <i2/rt/runtime.h>

#include <functional>
#include <set>

#include "log_witness.h"
#include "own_log.h"
#include "peers.h"

namespace i2::node {

// The fleet's present log when that is its origin (empty: whatever its origin). Error:
// fleet.state_invalid.
[[nodiscard]] Result<std::optional<KnownLog>> fleet_log(const fleet::TrustStore& trust,
                                                        std::string_view origin = {});

class HeadWatch {
 public:
  struct Parts {
    rt::Runtime& runtime;
    const fleet::TrustStore& trust;
    const Peers& peers;
    TaskGroup& tasks;
    const Logger& log;
    LogWitness& witness;
    const OwnLog& own;
    std::function<void()> found;  // new evidence, on the control executor
  };
  explicit HeadWatch(Parts parts) : parts_(std::move(parts)) {}
  HeadWatch(const HeadWatch&) = delete;
  HeadWatch& operator=(const HeadWatch&) = delete;

  // A signed note that somebody showed. What is no head of the fleet's log is ignored.
  void look(Bytes note);
  // Encoded evidence that somebody had.
  void look_at_evidence(Bytes evidence);
  // The heads again that could not be looked at, because the log was not connected. What was not
  // proven of a log that is the fleet's no more is forgotten.
  void retry();
  // The witness has cosigned a head: one that was seen beyond the last may be of another tree.
  void cosigned();
  // There is new evidence.
  void convicted();

  // The newest head of the log that this node trusts to be of the one tree.
  [[nodiscard]] std::optional<trustchain::ct::SignedCheckpoint> newest(const KnownLog& log) const;
  // Why not all heads are known to be of one tree; empty when they are.
  [[nodiscard]] const std::string& unproven() const { return unproven_; }

 private:
  using Head = trustchain::ct::SignedCheckpoint;
  struct Proven {
    Hash256 old_root{};
    trustchain::ct::Proof proof;
  };
  void start(Bytes note);
  [[nodiscard]] Task<> look_now(Bytes note);
  [[nodiscard]] Task<Result<void>> compare(Head head, KnownLog log);
  [[nodiscard]] Task<Result<Proven>> prove(KnownLog log, std::uint64_t old_size,
                                           std::uint64_t new_size);
  [[nodiscard]] Task<Result<Proven>> ask(NodeId holder, std::uint64_t old_size,
                                         std::uint64_t new_size);
  [[nodiscard]] Task<> judge_evidence(Bytes encoding);
  void remember(const Head& head, const KnownLog& log);
  // That is the log that this node writes.
  [[nodiscard]] bool is_own(const KnownLog& log) const;

  Parts parts_;
  std::size_t looking_ = 0;
  std::set<std::string> seen_;  // texts of heads that are of the one tree
  std::vector<Bytes> waiting_;  // notes
  std::string unproven_;
  std::string unproven_text_;   // of that head
  std::string unproven_of_;     // the log
  mutable std::mutex mutex_;    // of newest_
  std::optional<Head> newest_;  // beside what the witness cosigned
  std::string newest_of_;       // the log
};

}  // namespace i2::node
