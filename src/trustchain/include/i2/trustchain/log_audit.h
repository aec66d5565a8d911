// Auditing a log: everything that it is made of, read and computed again.
#pragma once

#include <i2/trustchain/core/ct/note_key.h>
#include <i2/trustchain/log_view.h>

#include <functional>
#include <span>

namespace i2::trustchain {

struct LogAudit {
  std::uint64_t entries = 0;
  std::uint64_t tiles = 0;     // of hashes and of entries
  std::uint64_t issuers = 0;   // different ones
  std::size_t signatures = 0;  // of known keys on the checkpoint
};

// That the checkpoint is signed, that every entry is where its leaf hash is in the tree, that every
// tile has the hashes that follow, and that every issuer of an entry is stored. Reads the whole
// log; `progress` is called now and then and ends the audit by saying false; `visit` gets each
// entry. Errors: those of LogView, trust.note_*, trust.audit_ended.
[[nodiscard]] Result<LogAudit> audit(
    const LogView& view, std::span<const ct::NoteKey> keys,
    const std::function<bool(std::uint64_t entries)>& progress,
    const std::function<void(const ct::LogEntry& entry)>& visit = {});

}  // namespace i2::trustchain
