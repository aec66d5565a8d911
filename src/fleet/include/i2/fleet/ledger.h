// Ledger: this node's copy of the fleet's operations and of the state they lead to, on disk.
//
//   <data-dir>/ledger/state/   database: blocks, where each operation is, state, last header
//   <data-dir>/ledger/head     how far the database had come (store/head_file.h)
//
// It grows by runs of blocks of which the last one is sealed, and with it those before it; a
// validator that is alone seals each. A run is on disk, and the head file says so, before anybody
// sees its state, unless it is kept elsewhere until sync(). The state is also in memory, as an
// immutable value that readers keep for as long as they like. Thread-safe.
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

#include <atomic>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>

namespace i2::fleet {

// Blocks that became final together: the seal is that of the last one.
struct Run {
  std::vector<BlockBuilder::Built> blocks;
  BlockSeal seal;
  // Of one that this node has sealed together with others: why (consensus/account.h), encoded.
  struct Account {
    EpochNumber epoch = 0;
    consensus::View view = 0;  // of the seal
    Bytes encoding;
  };
  std::optional<Account> account;
};

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
  // One that begins with a snapshot: `state` is the one that `head` names, sealed by those to whom
  // `links` lead. Errors: fleet.block_invalid, fleet.snapshot_invalid, store.*.
  [[nodiscard]] static Result<void> create(const std::filesystem::path& data_dir,
                                           const Genesis& genesis, std::span<const EpochLink> links,
                                           const SealedHeader& head, const StateTree& state);
  // `machine` must outlive the ledger. Errors: fleet.ledger_damaged, fleet.ledger_rolled_back,
  // store.*.
  [[nodiscard]] static Result<std::unique_ptr<Ledger>> open(const std::filesystem::path& data_dir,
                                                            const StateMachine& machine,
                                                            const ChainId& chain);
  // As it is now, for reading, also while a daemon works with it. Errors: as open().
  [[nodiscard]] static Result<std::unique_ptr<Ledger>> view(const std::filesystem::path& data_dir,
                                                            const StateMachine& machine,
                                                            const ChainId& chain);
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  [[nodiscard]] const StateMachine& machine() const { return machine_; }
  // Never null.
  [[nodiscard]] std::shared_ptr<const Chain> chain() const;
  [[nodiscard]] std::uint64_t height() const { return chain()->head.height; }
  // The last block's header and seal; none before the first block.
  [[nodiscard]] std::optional<SealedHeader> head() const;
  // The same and the state after it, for somebody to begin with. Errors: fleet.ledger_damaged,
  // store.*.
  struct Snapshot {
    std::vector<EpochLink> links;  // from the genesis to those who sealed it
    EpochRecord epoch;             // in which they did
    SealedHeader point;
    std::shared_ptr<const Chain> chain;  // shared: as chain()
  };
  [[nodiscard]] Result<std::optional<Snapshot>> snapshot() const;
  // From the genesis to those who seal now. Errors: fleet.ledger_damaged, store.*.
  [[nodiscard]] Result<std::vector<EpochLink>> links() const;
  struct StoredBlock {
    Bytes block;  // encoded
    Bytes seal;   // encoded; empty when that of a later one counts
  };
  // Blocks of heights after `height`, in order, until they exceed `size_max`, but one run at least;
  // the last one has a seal. None at the end. Errors: fleet.blocks_unavailable (not kept any more,
  // or older than the snapshot this ledger began with), store.*.
  [[nodiscard]] Result<std::vector<StoredBlock>> blocks_after(std::uint64_t height,
                                                              std::size_t size_max) const;
  // Of a block that is kept. Errors: fleet.ledger_damaged, store.*.
  [[nodiscard]] Result<std::optional<BlockId>> block_id(std::uint64_t height) const;
  // The seal of that block; none of one that a later block seals, or that is not kept. Errors:
  // fleet.ledger_damaged, store.*.
  [[nodiscard]] Result<std::optional<BlockSeal>> seal(std::uint64_t height) const;
  // The account that tells of `view`, or else the last one of the epoch, encoded; none when this
  // node was no validator then, or does not keep it any more. Errors: store.*.
  [[nodiscard]] Result<std::optional<Bytes>> account(EpochNumber epoch, consensus::View view) const;
  // Where an operation was executed; none when it was not, or its block is not kept any more.
  // Errors: store.*.
  [[nodiscard]] Result<std::optional<ports::Receipt>> find(const OperationId& operation) const;

  // Runs after every run on the thread that added it, and must not add one itself; set before the
  // first one is added.
  void on_change(std::function<void(const LedgerChange&)> listener);

  using Durability = store::KeyValueStore::Durability;
  // Blocks that this node has executed on top of chain(), or of one that chain() has been, and
  // knows to be final; none of them when they are there already and the account alone is new.
  // kLater: what is needed to have them again is remembered until sync(). Errors:
  // fleet.block_invalid (they do not follow), fleet.ledger_diverged, fleet.ledger_stopped, store.*.
  [[nodiscard]] Result<void> append(Run run, Durability durability = Durability::kSynced);
  // Everything up to the present chain() is on disk when it returns. Errors: fleet.ledger_stopped,
  // store.*.
  [[nodiscard]] Result<void> sync();
  // A run from another node; one that is already there changes nothing. False: it was there.
  // Errors: fleet.block_invalid, fleet.ledger_diverged (another block of that height is there),
  // fleet.ledger_stopped, store.*.
  [[nodiscard]] Result<bool> follow(std::span<const Bytes> blocks, ByteView seal);
  // Goes on from a later state than its own, without the blocks between them: `state` is the one
  // that `head` names, sealed by those to whom `links` lead from its own. Its blocks are dropped.
  // False: it is not later. Errors: fleet.block_invalid, fleet.snapshot_invalid,
  // fleet.ledger_stopped, store.*.
  [[nodiscard]] Result<bool> adopt(std::span<const EpochLink> links, const SealedHeader& head,
                                   const StateTree& state);

  // How many blocks are kept; older ones go with the next runs. Before that: all.
  void keep_blocks(std::uint64_t count) { kept_ = count; }
  // The height of the first block that is kept; above height() when none is.
  [[nodiscard]] std::uint64_t first_block() const { return first_block_; }

 private:
  Ledger(const StateMachine& machine, std::unique_ptr<store::KeyValueStore> store,
         store::HeadFile head_file);
  [[nodiscard]] Result<void> load(const ChainId& chain);
  [[nodiscard]] Result<void> load_state(StateTree& out) const;
  [[nodiscard]] Result<void> check_head(const std::filesystem::path& data_dir);
  [[nodiscard]] Result<std::optional<Block>> read_block(std::uint64_t height) const;
  [[nodiscard]] Result<std::size_t> known(std::span<const BlockHeader> headers) const;
  [[nodiscard]] Result<const Authority*> authority();
  [[nodiscard]] Result<void> complete_links(store::Batch& batch);
  [[nodiscard]] Result<std::uint64_t> prune(store::Batch& batch, std::uint64_t height) const;
  void moved_to(std::shared_ptr<const Chain> chain, SealedHeader head, std::set<Bytes> changed);
  [[nodiscard]] Result<std::vector<EpochLink::Confirmation>> confirmations(
      const FleetState& state, const EpochRecord& epoch) const;
  [[nodiscard]] Result<void> commit(Run run, Durability durability);
  [[nodiscard]] Result<void> usable() const;
  [[nodiscard]] Result<void> write(const store::Batch& batch, Durability durability,
                                   const Chain& chain);

  const StateMachine& machine_;
  const std::unique_ptr<store::KeyValueStore> store_;
  store::HeadFile head_file_;
  std::function<void(const LedgerChange&)> listener_;
  std::mutex adding_;                  // one run at a time
  std::mutex syncing_;                 // and one sync; taken after `adding_`
  std::atomic<bool> stopped_ = false;  // after a failed write
  std::atomic<std::uint64_t> kept_ = std::numeric_limits<std::uint64_t>::max();
  std::atomic<std::uint64_t> first_block_ = 1;
  std::optional<Authority> authority_;  // of the present epoch, once somebody has asked
  std::vector<EpochLink> unconfirmed_;  // links whose confirmations are still to come
  mutable std::mutex snapshots_;        // held only to copy or swap the two values
  std::shared_ptr<const Chain> chain_;  // shared: readers keep it while the ledger moves on
  std::optional<SealedHeader> head_;
};

// The ledger of a node's data directory, whose lock the caller holds; made first where the
// directory is of format 1. Errors: fleet.not_joined, fleet.setup_interrupted,
// fleet.parameter_unsupported, fleet.ledger_damaged, fleet.ledger_rolled_back, store.*, node.*.
[[nodiscard]] Result<std::unique_ptr<Ledger>> open_ledger(const std::filesystem::path& data_dir,
                                                          const StateMachine& machine);

}  // namespace i2::fleet
