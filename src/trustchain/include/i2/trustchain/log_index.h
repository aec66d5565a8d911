// LogIndex: where in the log something is, by the hashes that people know it by.
//
// Beside the log's objects and not vouched for by the tree: who is answered from it checks the
// entry or the proof. It is written after the checkpoint that has the entries, so it names none
// that the log may lose. Thread-safe.
#pragma once

#include <i2/store/key_value_store.h>
#include <i2/trustchain/core/ct/log_entry.h>

#include <optional>
#include <span>

namespace i2::trustchain {

class LogIndex {
 public:
  // Uses the keys that begin with 'd', 'l' and 'f'.
  explicit LogIndex(store::KeyValueStore& store) : store_(store) {}

  // What was there about the same hashes is replaced. Durable, in order, with the next commit that
  // is synced. Errors: store.*.
  [[nodiscard]] Result<void> add(std::span<const ct::LogEntry> entries);
  // The certificate with this fingerprint is the one that an entry was made for: that of a final
  // certificate, whose precertificate is logged. Errors: store.*.
  [[nodiscard]] Result<void> add_name(const Hash256& fingerprint, std::uint64_t index);

  struct Place {
    std::uint64_t index = 0;
    UnixMillis timestamp = 0;
  };
  // By what the promise is for (ct::dedup_key()). Errors of all: store.*.
  [[nodiscard]] Result<std::optional<Place>> find(const Hash256& dedup_key) const;
  [[nodiscard]] Result<std::optional<std::uint64_t>> find_leaf(const Hash256& leaf_hash) const;
  // SHA-256 of the certificate in DER; of a precertificate as it was submitted.
  [[nodiscard]] Result<std::optional<std::uint64_t>> find_certificate(
      const Hash256& fingerprint) const;

 private:
  store::KeyValueStore& store_;
};

}  // namespace i2::trustchain
