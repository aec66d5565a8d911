// The tree of a log as its writer keeps it: the right edge, at most 6 tiles of 8 KiB. Appending a
// leaf computes each node once; nothing is read again.
#pragma once

#include <i2/trustchain/core/ct/merkle.h>
#include <i2/trustchain/core/ct/tile.h>

namespace i2::trustchain::ct {

class LogTree {
 public:
  // Without leaves.
  LogTree() = default;
  // From the partial tiles of `head`, which must hash to its root. Errors: trust.tile_damaged,
  // those of `read`.
  [[nodiscard]] static Result<LogTree> open(const TreeHead& head, const TileReader& read);

  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] Hash256 root() const;
  [[nodiscard]] TreeHead head() const { return {.size = size_, .root = root()}; }
  // The hashes of the partial tile of a level; empty when the tree has none there.
  [[nodiscard]] ByteView edge(std::size_t level) const;

  // size() < kTreeSizeMax.
  void append(const Hash256& leaf);
  // The tiles of new_tiles(size at the last call or at the beginning, size()). Full tiles are held
  // until then: 32 bytes for each leaf.
  [[nodiscard]] std::vector<TileBytes> take_tiles();

 private:
  struct Level {
    Bytes partial;
    std::vector<Bytes> full;  // since the last take_tiles()
  };
  void push(std::size_t level, Hash256 hash);

  std::uint64_t size_ = 0;
  std::uint64_t taken_size_ = 0;
  std::vector<Level> levels_;
  // The roots of the perfect trees that the leaves form, largest and leftmost first: one for each
  // bit that is set in size_.
  std::vector<Hash256> roots_;
};

}  // namespace i2::trustchain::ct
