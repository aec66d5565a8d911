// LogView: a log as one of its checkpoints has it, for readers.
//
// Everything that leaves it is checked against the checkpoint's root, so that a changed or lost
// tile is noticed when it is read and never passed on. Immutable, thread-safe; outlived by the
// objects.
#pragma once

#include <i2/trustchain/core/ct/tile_tree.h>
#include <i2/trustchain/core/ct/tlog_proof.h>
#include <i2/trustchain/log_store.h>

#include <mutex>
#include <string>
#include <vector>

namespace i2::trustchain {

class LogView {
 public:
  // `note`: the signed checkpoint that states log.head().
  LogView(ct::Log log, std::string note, const LogObjects& objects);
  LogView(const LogView&) = delete;
  LogView& operator=(const LogView&) = delete;

  [[nodiscard]] const ct::Log& log() const { return log_; }
  [[nodiscard]] const ct::LogHead& head() const { return head_; }
  [[nodiscard]] std::uint64_t size() const { return head_.tree.size; }
  [[nodiscard]] const std::string& note() const { return note_; }

  // A partial tile that another checkpoint had is the beginning of the one that is there now.
  // Errors of all: trust.log_range (the log has not got that many entries), trust.tile_damaged,
  // trust.log_entry_invalid, trust.log_object_missing, store.*.
  [[nodiscard]] Result<Bytes> tile(const ct::Tile& tile) const;
  // In DER. Error also: trust.issuer_damaged.
  [[nodiscard]] Result<Bytes> issuer(const Hash256& fingerprint) const;
  // From `first` up to `last`, or fewer: not beyond one data tile. first <= last.
  [[nodiscard]] Result<std::vector<ct::LogEntry>> entries(std::uint64_t first,
                                                          std::uint64_t last) const;
  [[nodiscard]] Result<ct::LogEntry> entry(std::uint64_t index) const;
  // That the log has an entry, to be verified offline: `extra` is the leaf itself
  // (ct::merkle_tree_leaf()).
  [[nodiscard]] Result<ct::TlogProof> proof(std::uint64_t index) const;
  // Of trees of at most size() leaves.
  [[nodiscard]] Result<Hash256> root(std::uint64_t size) const;
  [[nodiscard]] Result<ct::Proof> inclusion_proof(std::uint64_t index, std::uint64_t size) const;
  [[nodiscard]] Result<ct::Proof> consistency_proof(std::uint64_t old_size,
                                                    std::uint64_t new_size) const;

 private:
  [[nodiscard]] Result<Bytes> data(const ct::Tile& tile) const;

  const ct::Log log_;
  const ct::LogHead head_;
  const std::string note_;
  const LogObjects& objects_;
  mutable std::mutex mutex_;  // of tree_
  mutable ct::TileTree tree_;
};

}  // namespace i2::trustchain
