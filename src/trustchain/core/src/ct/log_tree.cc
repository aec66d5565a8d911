#include <i2/base/assert.h>
#include <i2/trustchain/core/ct/log_tree.h>

#include <utility>

namespace i2::trustchain::ct {
namespace {

constexpr std::size_t kFullTileSize = kTileWidth * kHashSize;

}  // namespace

Result<LogTree> LogTree::open(const TreeHead& head, const TileReader& read) {
  if (head.size > kTreeSizeMax) {
    return fail("trust.log_range", "a log has at most 2^40 entries");
  }
  LogTree out;
  std::string names;
  // From the top: the roots of the upper levels are further left.
  for (std::uint8_t level = kTileLevelMax + 1; level-- > 0;) {
    const std::uint64_t hashes = head.size >> (kTileHeight * level);
    const Tile tile{.level = level,
                    .index = hashes / kTileWidth,
                    .width = static_cast<std::uint16_t>(hashes % kTileWidth)};
    if (tile.width == 0) {
      continue;
    }
    I2_TRY_VALUE(const Bytes bytes, read(tile));
    if (bytes.size() != tile.width * kHashSize) {
      return fail("trust.tile_damaged", path(tile) + " has " + std::to_string(bytes.size()) +
                                            " bytes instead of " +
                                            std::to_string(tile.width * kHashSize));
    }
    for (std::size_t at = 0; at < bytes.size(); at += kHashSize) {
      out.push(level, perfect_root(ByteView(bytes).subspan(at, kHashSize)));
    }
    names += " " + path(tile);
  }
  out.size_ = head.size;
  out.taken_size_ = head.size;
  if (out.root() != head.root) {
    return fail("trust.tile_damaged",
                "the tiles at the right edge do not hash to the root of the tree of " +
                    std::to_string(head.size) + " entries:" + names);
  }
  return out;
}

Hash256 LogTree::root() const {
  if (roots_.empty()) {
    return empty_root();
  }
  Hash256 out = roots_.back();
  for (std::size_t i = roots_.size() - 1; i-- > 0;) {
    out = node_hash(roots_[i], out);
  }
  return out;
}

ByteView LogTree::edge(std::size_t level) const {
  return level < levels_.size() ? ByteView(levels_[level].partial) : ByteView();
}

void LogTree::append(const Hash256& leaf) {
  I2_ASSERT(size_ < kTreeSizeMax);
  ++size_;
  push(0, leaf);
}

void LogTree::push(std::size_t level, Hash256 hash) {
  if (levels_.size() <= level) {
    levels_.resize(level + 1);
  }
  Bytes& partial = levels_[level].partial;
  i2::append(partial, hash);
  for (std::size_t count = partial.size() / kHashSize; count % 2 == 0; count /= 2) {
    hash = node_hash(roots_.back(), hash);
    roots_.pop_back();
  }
  if (partial.size() < kFullTileSize) {
    roots_.push_back(hash);
    return;
  }
  levels_[level].full.push_back(std::exchange(partial, {}));
  push(level + 1, hash);
}

std::vector<TileBytes> LogTree::take_tiles() {
  std::vector<TileBytes> out;
  std::size_t next = 0;  // of the full tiles of its level
  for (const Tile& tile : new_tiles(std::exchange(taken_size_, size_), size_)) {
    Level& level = levels_[tile.level];
    if (out.empty() || out.back().tile.level != tile.level) {
      next = 0;
    }
    out.push_back(
        {.tile = tile,
         .bytes = tile.width == kTileWidth ? std::move(level.full.at(next++)) : level.partial});
  }
  for (Level& level : levels_) {
    level.full.clear();
  }
  return out;
}

}  // namespace i2::trustchain::ct
