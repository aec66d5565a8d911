// VoteMemory: a validator's key and what it has signed, on disk before anybody sees it.
//
//   <data-dir>/ledger/signer/vote.pem   the key
//   <data-dir>/ledger/signer/guard      how far it may have signed (store/head_file.h)
//   <data-dir>/ledger/votes.log         what was signed in the present epoch
//   (store/append_log.h)
//
// A node that is no validator has none of these. A key must never be used with the memory of
// another time: a log that is missing, damaged or older than the guard means silence up to where
// the guard says, and without a guard until the next epoch. The guard is written once in a while,
// so a log may lack the newest votes unnoticed here; other validators show those
// (docs/consensus.md, "Crashes"). One thread at a time.
#pragma once

#include <i2/consensus/engine.h>
#include <i2/consensus/vote_key.h>
#include <i2/store/append_log.h>
#include <i2/store/head_file.h>

#include <filesystem>
#include <limits>
#include <optional>
#include <span>
#include <vector>

namespace i2::fleet {

class VoteMemory {
 public:
  // Of a data directory whose lock the caller holds. Errors: consensus.key_invalid,
  // node.secret_exposed, node.file_failed, store.*.
  [[nodiscard]] static Result<VoteMemory> open(const std::filesystem::path& data_dir,
                                               const ChainId& chain);

  // Null before make_key(). Valid as long as this object is not assigned to.
  [[nodiscard]] const consensus::VoteKey* key() const { return files_ ? &files_->key : nullptr; }
  // Makes the key and its files; one that is there stays. Errors: crypto.*, node.disk_full,
  // node.file_failed, store.*.
  [[nodiscard]] Result<void> make_key(consensus::VoteSuite suite);

  struct Recalled {
    std::vector<consensus::Record> records;  // of that epoch, oldest first
    consensus::View silent_through = 0;
  };
  // What was signed in an epoch that is not over. There is a key. Errors: store.*.
  [[nodiscard]] Result<Recalled> recall(consensus::EpochNumber epoch);
  // Durable when it returns. There is a key. Errors: store.disk_full, store.failed; then nothing
  // may be signed any more.
  [[nodiscard]] Result<void> remember(consensus::EpochNumber epoch,
                                      std::span<const consensus::Record> records);
  // What is sealed and in a ledger that is on disk needs no memory: views of this epoch up to
  // `root`, and other epochs.
  void forget(consensus::EpochNumber epoch, consensus::View root);
  // Bytes of what is not forgotten; there is room for 16 MiB.
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  static constexpr consensus::EpochNumber kEpochUnknown =
      std::numeric_limits<consensus::EpochNumber>::max();
  struct Guard {
    consensus::EpochNumber epoch = 0;
    consensus::View view = 0;        // how far the key may have signed in it
    std::uint64_t log_sequence = 0;  // of the log when that was written
    consensus::View lost = 0;        // up to where what it signed is not known any more
  };
  struct Files {
    consensus::VoteKey key;
    store::HeadFile guard;
    store::AppendLog log;
  };
  struct Kept {
    consensus::EpochNumber epoch = 0;
    consensus::View view = 0;
    Bytes record;
  };
  VoteMemory(std::filesystem::path data_dir, const ChainId& chain)
      : data_dir_(std::move(data_dir)), chain_(chain) {}
  [[nodiscard]] Result<void> load();
  [[nodiscard]] Result<void> reserve(consensus::EpochNumber epoch, consensus::View view);
  void keep(consensus::EpochNumber epoch, consensus::View view, Bytes record);
  [[nodiscard]] static Guard read(const store::Head& head);
  [[nodiscard]] static Result<void> write(store::HeadFile& file, const Guard& guard);

  std::filesystem::path data_dir_;
  ChainId chain_;
  std::optional<Files> files_;
  Guard guard_;
  std::vector<Kept> kept_;
  std::size_t size_ = 0;  // of them
};

}  // namespace i2::fleet
