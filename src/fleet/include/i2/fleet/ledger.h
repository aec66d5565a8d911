// Ledger: this node's copy of the fleet's operations and of the state they lead to, on disk.
//
//   <data-dir>/ledger/state/   database: blocks, where each operation is, state, last header
//   <data-dir>/ledger/head     how far the database had come (store/head_file.h)
//
// A block is on disk, and the head file says so, before anybody sees its state. The state is also
// in memory, as an immutable value that readers keep for as long as they like. Thread-safe.
//
// `init` and `join` with a bundle make data directories of format 1, which have no ledger. One gets
// it when its ledger is first opened; its records are then handed in as operations
// (docs/decisions/0007-records-begin-a-ledger.md).
//
// After a failed write it takes no more blocks (fleet.ledger_stopped): whether the last one reached
// the disk shows when it is opened again.
#pragma once

#include <i2/fleet/core/state_machine.h>
#include <i2/ports/sequencer.h>
#include <i2/store/head_file.h>
#include <i2/store/key_value_store.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>

namespace i2::fleet {

struct LedgerChange {
  std::shared_ptr<const Chain> chain;  // shared: readers keep it while the ledger moves on
  std::set<Bytes> changed;             // keys of the state
};

class Ledger {
 public:
  // A ledger before its first block, in a data directory whose `ledger/` exists; what an
  // interrupted attempt left is replaced. Errors: fleet.parameter_unsupported, store.*.
  [[nodiscard]] static Result<void> create(const std::filesystem::path& data_dir,
                                           const Genesis& genesis);
  // One that begins with a snapshot: `state` is the one that `head` names, which the fleet's
  // sequencer has signed. Errors: fleet.block_invalid, fleet.snapshot_invalid, store.*.
  [[nodiscard]] static Result<void> create(const std::filesystem::path& data_dir,
                                           const Genesis& genesis, const SignedHeader& head,
                                           const StateTree& state);
  // `machine` must outlive the ledger. Errors: fleet.ledger_damaged, fleet.ledger_rolled_back,
  // store.*.
  [[nodiscard]] static Result<std::unique_ptr<Ledger>> open(const std::filesystem::path& data_dir,
                                                            const StateMachine& machine,
                                                            const ChainId& chain);
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  [[nodiscard]] const StateMachine& machine() const { return machine_; }
  // Never null.
  [[nodiscard]] std::shared_ptr<const Chain> chain() const;
  [[nodiscard]] std::uint64_t height() const { return chain()->head.height; }
  // The last block's signed header and the state after it, for somebody to begin with; none before
  // the first block.
  struct Snapshot {
    SignedHeader point;
    std::shared_ptr<const Chain> chain;  // shared: as chain()
  };
  [[nodiscard]] std::optional<Snapshot> snapshot() const;
  // Encoded blocks of heights after `height`, in order, until they exceed `size_max`, but one at
  // least; none at the end. Errors: fleet.blocks_unavailable (older than the snapshot this ledger
  // began with), store.*.
  [[nodiscard]] Result<std::vector<Bytes>> blocks_after(std::uint64_t height,
                                                        std::size_t size_max) const;
  // Where an operation was executed; none when it was not. Errors: store.*.
  [[nodiscard]] Result<std::optional<ports::Receipt>> find(const OperationId& operation) const;

  // Runs after every block on the thread that added it, and must not add one itself; set before the
  // first block is added.
  void on_change(std::function<void(const LedgerChange&)> listener);

  // A block that this node has just built on top of chain(). Errors: fleet.block_invalid (the chain
  // has moved), fleet.ledger_stopped, store.*.
  [[nodiscard]] Result<void> append(const BlockBuilder::Built& built);
  // A block from another node; one that is already there changes nothing. False: it was there.
  // Errors: fleet.block_invalid, fleet.ledger_diverged (another block of that height is there),
  // fleet.ledger_stopped, store.*.
  [[nodiscard]] Result<bool> follow(ByteView encoding);

 private:
  Ledger(const StateMachine& machine, std::unique_ptr<store::KeyValueStore> store,
         store::HeadFile head_file);
  [[nodiscard]] Result<void> load(const ChainId& chain);
  [[nodiscard]] Result<void> load_state(StateTree& out) const;
  [[nodiscard]] Result<void> check_head(const std::filesystem::path& data_dir);
  [[nodiscard]] Result<std::optional<Block>> read_block(std::uint64_t height) const;
  [[nodiscard]] Result<void> commit(const Block& block, const StateMachine::Executed& executed);

  const StateMachine& machine_;
  const std::unique_ptr<store::KeyValueStore> store_;
  store::HeadFile head_file_;
  std::function<void(const LedgerChange&)> listener_;
  std::mutex adding_;  // one block at a time
  bool stopped_ = false;
  mutable std::mutex snapshots_;        // held only to copy or swap the two values
  std::shared_ptr<const Chain> chain_;  // shared: readers keep it while the ledger moves on
  std::optional<SignedHeader> head_;
};

// The ledger of a node's data directory, whose lock the caller holds; made first where the
// directory is of format 1. Errors: fleet.not_joined, fleet.setup_interrupted,
// fleet.parameter_unsupported, fleet.ledger_damaged, fleet.ledger_rolled_back, store.*, node.*.
[[nodiscard]] Result<std::unique_ptr<Ledger>> open_ledger(const std::filesystem::path& data_dir,
                                                          const StateMachine& machine);

}  // namespace i2::fleet
