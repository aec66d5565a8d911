// The replicated state of this node: its ledger, the way to whoever orders operations, and the
// account in whose name the node submits its own.
#pragma once

#include <i2/fleet/account.h>
#include <i2/fleet/key_cache.h>
#include <i2/fleet/ledger.h>
#include <i2/fleet/solo_sequencer.h>
#include <i2/fleet/trust_store.h>
#include <i2/fleet/vote_memory.h>
#include <i2/node/log.h>
#include <i2/rt/runtime.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <vector>

#include "ordering.h"

namespace i2::node {

// Outlives the runtime that it is given to: jobs there name it until their threads have ended.
class FleetLedger {
 public:
  // Opens the ledger of a locked data directory; the trust store is loaded with its chain().
  [[nodiscard]] static Result<std::unique_ptr<FleetLedger>> open(
      const std::filesystem::path& data_dir);
  FleetLedger(const FleetLedger&) = delete;
  FleetLedger& operator=(const FleetLedger&) = delete;

  [[nodiscard]] fleet::Ledger& ledger() { return *ledger_; }
  [[nodiscard]] fleet::VoteMemory& vote_memory() { return *memory_; }

  struct Parts {
    rt::Runtime& runtime;
    fleet::TrustStore& trust;
    const Logger& log;
    const Clock& clock;
  };
  // From here on the trust store follows the ledger. On a node that orders operations alone the
  // records that the state does not know yet are handed in; returns when that is over. A record
  // that the state refuses is logged. Not on a runtime thread. Errors: those of
  // Sequencer::submit().
  [[nodiscard]] Result<void> start(Parts parts);
  // The ledger has everything that this peer had. On the control executor.
  void heard_all_of(const NodeId& peer);
  // Whether this node is one of those who order the fleet's operations now.
  [[nodiscard]] bool orders() const { return ordering_->is_local(); }
  // Where operations go. After start().
  [[nodiscard]] Ordering& sequencer() { return *ordering_; }
  // In the node's own name. After start().
  [[nodiscard]] fleet::Account& account() const { return *account_; }
  // The anchor and the member records that the state does not know, for account() to hand in.
  [[nodiscard]] std::vector<fleet::FleetOperation> unordered() const;
  // `listener` runs on the control executor after blocks; set there, null to end it.
  void on_block(std::function<void()> listener) { listener_ = std::move(listener); }
  // `listener` runs with what every run of blocks has changed, on the thread that adds it; null to
  // end it. When this returns, the one before does not run any more.
  void on_change(std::function<void(const fleet::LedgerChange&)> listener);
  // Whoever waits for a receipt gets fleet.ledger_stopped. Not on a runtime thread.
  void stop();

 private:
  FleetLedger() = default;
  [[nodiscard]] Result<void> order_records();
  void look_beyond_backup();

  std::filesystem::path data_dir_;
  bool restored_ = false;   // from a backup, and not up to date yet
  std::set<NodeId> heard_;  // since then
  fleet::KeyCache keys_;
  fleet::StateMachine machine_{{}, &keys_};
  std::unique_ptr<fleet::Ledger> ledger_;
  std::optional<Parts> parts_;
  std::optional<fleet::VoteMemory> memory_;
  std::unique_ptr<fleet::SoloSequencer> solo_;
  std::optional<Ordering> ordering_;
  std::unique_ptr<fleet::Account> account_;
  std::function<void()> listener_;
  std::mutex changes_;  // held while `change_listener_` runs
  std::function<void(const fleet::LedgerChange&)> change_listener_;
  std::atomic<bool> announced_ = false;  // the listener is about to run
};

}  // namespace i2::node
