// The state in chunks that can each be verified against the app hash alone (docs/wire/state.md,
// "Snapshot chunk").
//
// A chunk holds consecutive pairs of the tree and, in place of everything to their left and right,
// hashes with counts. Who has the app hash from a block that it trusts may fetch chunks from
// anybody, some from here and some from there, and notices the first wrong byte.
#pragma once

#include <i2/fleet/core/state_tree.h>

namespace i2::fleet {

inline constexpr std::uint16_t kSnapshotChunkType = 0x0205;
// Pairs in a chunk stop at the target; one pair and the hashes beside it always fit the maximum.
inline constexpr std::size_t kChunkSizeTarget = 256 * 1024;
inline constexpr std::size_t kChunkSizeMax = 512 * 1024;

// The pairs from the `offset`-th on, at least one, as many as `size_target` bytes hold. An offset
// at or beyond the end is a programmer's error, except 0 for an empty tree.
[[nodiscard]] Bytes encode_chunk(const StateTree& tree, std::uint64_t offset,
                                 std::size_t size_target = kChunkSizeTarget);

// That one pair and what proves it. A key that is not there is a programmer's error.
[[nodiscard]] Bytes prove(const StateTree& tree, ByteView key);
// The value of `key` in the state with this app hash. Error: fleet.snapshot_invalid.
[[nodiscard]] Result<Bytes> read_proof(const Hash256& root, ByteView key, ByteView proof);

// Puts chunks together again. Whatever a chunk contains, what was accepted before stays good.
class SnapshotReader {
 public:
  explicit SnapshotReader(const Hash256& expected_root) : expected_(expected_root) {}

  // The offset of the chunk that is wanted next.
  [[nodiscard]] std::uint64_t offset() const { return tree_.size(); }
  [[nodiscard]] bool complete() const { return total_ && *total_ == tree_.size(); }
  // Error: fleet.snapshot_invalid: malformed, of another state, or not the next one.
  [[nodiscard]] Result<void> add(ByteView chunk);
  // The whole tree, when complete.
  [[nodiscard]] const StateTree& tree() const { return tree_; }

 private:
  Hash256 expected_;
  StateTree tree_;
  std::optional<std::uint64_t> total_;
};

// A chunk as it is written, for tests and fuzzing.
struct ChunkNode {
  enum class Tag : std::uint8_t { kHidden = 0, kLeaf = 1, kInner = 2 };
  Tag tag = Tag::kHidden;
  std::uint64_t count = 0;  // hidden
  Hash256 hash{};           // hidden
  std::uint16_t bit = 0;    // inner
  Bytes key, value;         // leaf
};
struct Chunk {
  std::vector<ChunkNode> nodes;  // in preorder; none for the empty tree
};
[[nodiscard]] Bytes encode(const Chunk& chunk);
// Form only: one tree, bits that ascend on every way down, leaves in one run, nothing more hidden
// or shown than has to be. Error: fleet.snapshot_invalid.
[[nodiscard]] Result<Chunk> decode_chunk(ByteView encoding);

}  // namespace i2::fleet
