#include <i2/trustchain/log_audit.h>

#include <algorithm>
#include <set>

namespace i2::trustchain {
namespace {

// Compares what follows from the entries with what is stored.
Result<void> check_tiles(const LogView& view, ct::LogTree& tree, LogAudit& out) {
  for (const ct::TileBytes& computed : tree.take_tiles()) {
    if (computed.tile.width != ct::kTileWidth && tree.size() != view.size()) {
      continue;  // not one of the checkpoint's
    }
    I2_TRY_VALUE(const Bytes stored, view.tile(computed.tile));
    if (stored != computed.bytes) {
      return fail("trust.tile_damaged",
                  ct::path(computed.tile) + " has other hashes than those of its entries");
    }
    ++out.tiles;
  }
  return {};
}

}  // namespace

Result<LogAudit> audit(const LogView& view, std::span<const ct::NoteKey> keys,
                       const std::function<bool(std::uint64_t entries)>& progress,
                       const std::function<void(const ct::LogEntry& entry)>& visit) {
  LogAudit out;
  I2_TRY_VALUE(const auto note, ct::parse_note(view.note()));
  I2_TRY_VALUE(const auto signers, ct::verify_note(note, keys));
  out.signatures = signers.size();
  ct::LogTree tree;
  std::set<Hash256> issuers;
  while (out.entries < view.size()) {
    if (!progress(out.entries)) {
      return fail("trust.audit_ended",
                  "the audit was ended after " + std::to_string(out.entries) + " entries");
    }
    I2_TRY_VALUE(const auto entries, view.entries(out.entries, out.entries + ct::kTileWidth - 1));
    for (const ct::LogEntry& entry : entries) {
      tree.append(ct::leaf_hash(entry));
      if (visit) {
        visit(entry);
      }
      for (const Hash256& issuer : entry.submission.issuers) {
        if (issuers.insert(issuer).second) {
          I2_TRY(view.issuer(issuer));
        }
      }
    }
    out.entries += entries.size();
    ++out.tiles;  // of entries
    I2_TRY(check_tiles(view, tree, out));
  }
  out.issuers = issuers.size();
  if (tree.head() != view.head().tree) {
    return fail("trust.tile_damaged", "the entries do not lead to the root of the checkpoint");
  }
  return out;
}

}  // namespace i2::trustchain
