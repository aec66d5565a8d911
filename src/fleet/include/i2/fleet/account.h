// Account: makes operations in the name of one key pair and hands them to a sequencer, one after
// another, each with the account's next nonce.
#pragma once

#include <i2/base/clock.h>
#include <i2/fleet/core/fleet_operations.h>
#include <i2/fleet/core/state_machine.h>
#include <i2/ports/sequencer.h>

#include <functional>
#include <memory>

namespace i2::fleet {

inline constexpr std::size_t kAccountQueueMax = 256;
// How long an operation that is under way may be ordered.
inline constexpr UnixMillis kSubmissionLifeMs = 10ULL * 60 * 1000;

// An operation of the account, ready to be signed; of several changes it is a batch. `head`: the
// newest that the author has; of it chain_id, height and time are used. `life`: how long it may be
// ordered from now on.
[[nodiscard]] Operation make_operation(const BlockHeader& head, const AccountId& account,
                                       std::uint64_t nonce, std::span<const Request> changes,
                                       UnixMillis now, UnixMillis life);

// Thread-safe. Nobody else may make operations for the account meanwhile: each of the two would
// find its nonce taken now and then (fleet.operation_nonce).
class Account {
 public:
  using Done = ports::Sequencer::Done;
  struct Parts {
    ports::Sequencer& sequencer;
    std::function<std::shared_ptr<const Chain>()> chain;  // the newest that is known here
    trustchain::HybridKey key;
    AccountId id;
    const Clock& clock;
  };
  explicit Account(Parts parts);
  ~Account();  // stops
  Account(const Account&) = delete;
  Account& operator=(const Account&) = delete;

  [[nodiscard]] const AccountId& id() const;
  // `done` as for ports::Sequencer; signing happens on the thread that calls or that the operation
  // before ended on. Errors: fleet.overloaded, crypto.sign, those of Sequencer::submit().
  void submit(Request change, Done done);
  // One operation, which makes all of the changes or none (batch.h).
  void submit(std::vector<Request> changes, Done done);
  // What is under way ends in the sequencer; what waits, and whatever comes later, is answered with
  // fleet.ledger_stopped.
  void stop();

 private:
  struct Core;
  std::shared_ptr<Core> core_;  // shared: with the answer that is awaited
};

}  // namespace i2::fleet
