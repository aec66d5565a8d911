#include <i2/base/assert.h>
#include <i2/trustchain/core/ct/tile_tree.h>

#include <algorithm>
#include <bit>

namespace i2::trustchain::ct {
namespace {

constexpr std::size_t kTilesKeptMax = 128;

// RFC 6962 §2.1: the largest power of two that is smaller than `count`, which is at least 2.
std::uint64_t split(std::uint64_t count) {
  return std::bit_floor(count - 1);
}

ByteView hash_in(ByteView tile, std::uint64_t index) {
  return tile.subspan(index % kTileWidth * kHashSize, kHashSize);
}

}  // namespace

Result<TileTree> TileTree::open(const TreeHead& head, TileReader read) {
  I2_TRY_VALUE(LogTree edge, LogTree::open(head, read));
  return TileTree(std::move(edge), std::move(read));
}

Result<void> TileTree::begin(bool in_range) {
  if (!in_range) {
    return fail("trust.log_range", "the log has " + std::to_string(size()) + " entries, not more");
  }
  if (full_.size() > kTilesKeptMax) {
    full_.clear();
  }
  return {};
}

Result<ByteView> TileTree::tile_with(std::uint8_t level, std::uint64_t index) {
  const std::uint64_t number = index / kTileWidth;
  if ((number + 1) * kTileWidth > size() >> (kTileHeight * level)) {
    return edge_.edge(level);
  }
  const auto known = full_.find({level, number});
  if (known != full_.end()) {
    return known->second;
  }
  I2_TRY_VALUE(const ByteView parent, tile_with(level + 1, number));
  const Tile tile{.level = level, .index = number};
  I2_TRY_VALUE(Bytes bytes, read_(tile));
  if (bytes.size() != kTileWidth * kHashSize ||
      !equal(perfect_root(bytes), hash_in(parent, number))) {
    return fail("trust.tile_damaged", path(tile) + " is not the tile whose hash " +
                                          path({.level = static_cast<std::uint8_t>(level + 1),
                                                .index = number / kTileWidth}) +
                                          " or a part of it has");
  }
  return full_.emplace(std::pair(level, number), std::move(bytes)).first->second;
}

Result<Hash256> TileTree::perfect(unsigned height, std::uint64_t index) {
  const unsigned inside = height % kTileHeight;  // that many levels below it are in the tile
  const std::uint64_t first = index << inside;
  I2_TRY_VALUE(const ByteView tile,
               tile_with(static_cast<std::uint8_t>(height / kTileHeight), first));
  return perfect_root(tile.subspan(first % kTileWidth * kHashSize, kHashSize << inside));
}

Result<Hash256> TileTree::range(std::uint64_t begin, std::uint64_t end) {
  // D[begin:end] is perfect trees of falling size; MTH joins them from the right.
  Proof roots;
  while (begin < end) {
    const auto height = static_cast<unsigned>(std::bit_width(end - begin) - 1);
    I2_TRY_VALUE(const Hash256 root, perfect(height, begin >> height));
    roots.push_back(root);
    begin += 1ULL << height;
  }
  Hash256 out = roots.back();
  for (std::size_t i = roots.size() - 1; i-- > 0;) {
    out = node_hash(roots[i], out);
  }
  return out;
}

Result<Bytes> TileTree::tile(const Tile& tile) {
  const std::uint64_t count = size() >> (kTileHeight * tile.level);
  I2_TRY(begin(tile.level <= kTileLevelMax && tile.width <= count &&
               tile.index <= (count - tile.width) / kTileWidth));
  I2_TRY_VALUE(const ByteView bytes, tile_with(tile.level, tile.index * kTileWidth));
  return to_bytes(bytes.first(tile.width * kHashSize));
}

Result<Hash256> TileTree::leaf(std::uint64_t index) {
  I2_TRY(begin(index < size()));
  return perfect(0, index);
}

Result<Hash256> TileTree::root(std::uint64_t size) {
  I2_TRY(begin(size <= this->size()));
  return size == 0 ? empty_root() : range(0, size);
}

Result<Proof> TileTree::inclusion_proof(std::uint64_t index, std::uint64_t size) {
  I2_TRY(begin(index < size && size <= this->size()));
  // RFC 6962 §2.1.1: PATH(m, D[n]) from the root down; a proof goes up.
  Proof out;
  std::uint64_t first = 0;
  for (std::uint64_t last = size; last - first > 1;) {
    const std::uint64_t middle = first + split(last - first);
    const bool left = index < middle;
    I2_TRY_VALUE(const Hash256 sibling, left ? range(middle, last) : range(first, middle));
    out.push_back(sibling);
    (left ? last : first) = middle;
  }
  std::ranges::reverse(out);
  return out;
}

Result<Proof> TileTree::consistency_proof(std::uint64_t old_size, std::uint64_t new_size) {
  if (old_size > new_size) {
    return fail("trust.log_range", "the old size is the smaller one");
  }
  I2_TRY(begin(new_size <= size()));
  Proof out;
  if (old_size == 0 || old_size == new_size) {
    return out;
  }
  // RFC 6962 §2.1.2: SUBPROOF(m, D[n], b) from the root down. The walk ends at the subtree whose
  // last leaf is the older tree's; it is left out when it is all of the older tree.
  std::uint64_t first = 0;
  std::uint64_t last = new_size;
  while (last != old_size) {
    const std::uint64_t middle = first + split(last - first);
    const bool left = old_size <= middle;
    I2_TRY_VALUE(const Hash256 sibling, left ? range(middle, last) : range(first, middle));
    out.push_back(sibling);
    (left ? last : first) = middle;
  }
  if (first != 0) {
    I2_TRY_VALUE(const Hash256 rest, range(first, last));
    out.push_back(rest);
  }
  std::ranges::reverse(out);
  return out;
}

}  // namespace i2::trustchain::ct
