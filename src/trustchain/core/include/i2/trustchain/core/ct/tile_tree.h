// Proofs, roots and leaf hashes of a tree of any size, computed from tiles.
//
// What a reader answers is checked against the head: a partial tile through the root, a full one
// through the hash that its parent has for it. A proof reads at most two tiles of each level.
// Verified tiles are kept (1 MiB at most) for the next question. Not thread-safe.
#pragma once

#include <i2/trustchain/core/ct/log_tree.h>

#include <map>
#include <utility>

namespace i2::trustchain::ct {

class TileTree {
 public:
  // The tree of `head`, which the caller has verified. Errors: those of LogTree::open.
  [[nodiscard]] static Result<TileTree> open(const TreeHead& head, TileReader read);
  // The tree whose right edge is known already.
  TileTree(LogTree edge, TileReader read) : edge_(std::move(edge)), read_(std::move(read)) {}

  [[nodiscard]] std::uint64_t size() const { return edge_.size(); }
  // Errors of all: trust.log_range (not that many leaves), trust.tile_damaged (names the tile),
  // those of the reader.
  // A hash tile, also one that is narrower than the tree's.
  [[nodiscard]] Result<Bytes> tile(const Tile& tile);
  [[nodiscard]] Result<Hash256> leaf(std::uint64_t index);
  [[nodiscard]] Result<Hash256> root(std::uint64_t size);
  [[nodiscard]] Result<Proof> inclusion_proof(std::uint64_t index, std::uint64_t size);
  [[nodiscard]] Result<Proof> consistency_proof(std::uint64_t old_size, std::uint64_t new_size);

 private:
  [[nodiscard]] Result<void> begin(bool in_range);
  // The hashes of the tile that has hash number `index` of a level.
  [[nodiscard]] Result<ByteView> tile_with(std::uint8_t level, std::uint64_t index);
  // Of the perfect tree over the leaves [index << height, (index + 1) << height).
  [[nodiscard]] Result<Hash256> perfect(unsigned height, std::uint64_t index);
  // RFC 6962 §2.1: MTH(D[begin:end]). `begin` is a multiple of the power of two that is at least
  // end - begin.
  [[nodiscard]] Result<Hash256> range(std::uint64_t begin, std::uint64_t end);

  LogTree edge_;
  TileReader read_;
  std::map<std::pair<std::uint8_t, std::uint64_t>, Bytes> full_;  // verified, by level and index
};

}  // namespace i2::trustchain::ct
