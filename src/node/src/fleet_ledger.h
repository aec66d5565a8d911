// The replicated state of this node: its ledger, the engine that orders operations, and the account
// in whose name the node submits its own.
#pragma once

#include <i2/fleet/account.h>
#include <i2/fleet/ledger.h>
#include <i2/fleet/solo_sequencer.h>
#include <i2/fleet/trust_store.h>
#include <i2/node/log.h>
#include <i2/rt/runtime.h>

#include <functional>
#include <memory>
#include <optional>
#include <vector>

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

  struct Parts {
    rt::Runtime& runtime;
    fleet::TrustStore& trust;
    const Logger& log;
    const Clock& clock;
  };
  // From here on the trust store follows the ledger. On the node that orders operations its engine
  // starts, and the records that the state does not know yet are handed in; returns when that is
  // over. A record that the state refuses is logged. Not on a runtime thread. Errors: those of
  // Sequencer::submit().
  [[nodiscard]] Result<void> start(Parts parts);
  // Whether this node orders the fleet's operations.
  [[nodiscard]] bool orders() const { return solo_ != nullptr; }
  // Where operations go: on the node that orders them its engine, else what was given.
  void use(ports::Sequencer& remote);
  [[nodiscard]] ports::Sequencer& sequencer() const { return *sequencer_; }
  // In the node's own name. After use().
  [[nodiscard]] fleet::Account& account() const { return *account_; }
  // The anchor and the member records that the state does not know, for account() to hand in.
  [[nodiscard]] std::vector<fleet::FleetOperation> unordered() const;
  // `listener` runs on the control executor after blocks; set there, null to end it.
  void on_block(std::function<void()> listener) { listener_ = std::move(listener); }
  // Whoever waits for a receipt gets fleet.ledger_stopped. Not on a runtime thread.
  void stop();

 private:
  FleetLedger() = default;
  [[nodiscard]] Result<void> order_records();

  fleet::StateMachine machine_;
  std::unique_ptr<fleet::Ledger> ledger_;
  std::optional<Parts> parts_;
  std::unique_ptr<fleet::SoloSequencer> solo_;
  ports::Sequencer* sequencer_ = nullptr;
  std::unique_ptr<fleet::Account> account_;
  std::function<void()> listener_;
};

}  // namespace i2::node
