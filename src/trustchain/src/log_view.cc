#include <i2/crypto/hash.h>
#include <i2/trustchain/log_view.h>

#include <algorithm>

namespace i2::trustchain {

LogView::LogView(ct::Log log, std::string note, const LogObjects& objects)
    : log_(std::move(log)),
      head_(log_.head()),
      note_(std::move(note)),
      objects_(objects),
      tree_(log_.tree, [&objects](const ct::Tile& tile) { return objects.get(ct::path(tile)); }) {}

// The widest data tile of this number that the log has.
Result<Bytes> LogView::data(const ct::Tile& tile) const {
  return tile.width == ct::kTileWidth ? objects_.get(ct::path(tile)) : log_.last_entries;
}

Result<Bytes> LogView::tile(const ct::Tile& tile) const {
  if (tile.level != ct::kDataLevel) {
    const std::scoped_lock lock(mutex_);
    return tree_.tile(tile);
  }
  // Its entries are what the tree has, or nobody gets them.
  const std::uint64_t first = tile.index * ct::kTileWidth;
  I2_TRY_VALUE(const auto all, entries(first, first + tile.width - 1));
  if (all.size() < tile.width) {
    return fail("trust.log_range", "the log is too small to have " + ct::path(tile));
  }
  Bytes out;
  for (const ct::LogEntry& entry : all) {
    ct::append_tile_leaf(out, entry);
  }
  return out;
}

Result<Bytes> LogView::issuer(const Hash256& fingerprint) const {
  I2_TRY_VALUE(Bytes der, objects_.get(ct::issuer_path(fingerprint)));
  if (crypto::sha256(der) != fingerprint) {
    return fail("trust.issuer_damaged",
                "what is stored as issuer " + to_hex(fingerprint) + " is another certificate");
  }
  return der;
}

Result<std::vector<ct::LogEntry>> LogView::entries(std::uint64_t first, std::uint64_t last) const {
  if (first >= size()) {
    return fail("trust.log_range", "the log has " + std::to_string(size()) + " entries, not more");
  }
  const std::uint64_t number = first / ct::kTileWidth;
  const std::uint64_t begin = number * ct::kTileWidth;
  const ct::Tile tile{
      .level = ct::kDataLevel,
      .index = number,
      .width = static_cast<std::uint16_t>(std::min(ct::kTileWidth, size() - begin))};
  I2_TRY_VALUE(const Bytes bytes, data(tile));
  I2_TRY_VALUE(auto all, ct::read_data_tile(bytes, tile));
  all.resize(std::min<std::uint64_t>(tile.width, last - begin + 1));
  all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(first - begin));
  const std::scoped_lock lock(mutex_);
  for (const ct::LogEntry& entry : all) {
    I2_TRY_VALUE(const Hash256 leaf, tree_.leaf(entry.index));
    if (leaf != ct::leaf_hash(entry)) {
      return fail("trust.tile_damaged", ct::path(tile) + " has another entry " +
                                            std::to_string(entry.index) +
                                            " than the one whose hash the log has");
    }
  }
  return all;
}

Result<ct::LogEntry> LogView::entry(std::uint64_t index) const {
  I2_TRY_VALUE(auto found, entries(index, index));
  return std::move(found.front());
}

Result<ct::TlogProof> LogView::proof(std::uint64_t index) const {
  I2_TRY_VALUE(const ct::LogEntry found, entry(index));
  I2_TRY_VALUE(ct::Proof hashes, inclusion_proof(index, size()));
  I2_TRY_VALUE(auto checkpoint, ct::parse_signed_checkpoint(note_));
  return ct::TlogProof{.extra = ct::merkle_tree_leaf(found),
                       .index = index,
                       .proof = std::move(hashes),
                       .checkpoint = std::move(checkpoint)};
}

Result<Hash256> LogView::root(std::uint64_t size) const {
  const std::scoped_lock lock(mutex_);
  return tree_.root(size);
}

Result<ct::Proof> LogView::inclusion_proof(std::uint64_t index, std::uint64_t size) const {
  const std::scoped_lock lock(mutex_);
  return tree_.inclusion_proof(index, size);
}

Result<ct::Proof> LogView::consistency_proof(std::uint64_t old_size, std::uint64_t new_size) const {
  const std::scoped_lock lock(mutex_);
  return tree_.consistency_proof(old_size, new_size);
}

}  // namespace i2::trustchain
