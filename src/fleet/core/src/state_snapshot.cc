#include <i2/base/assert.h>
#include <i2/fleet/core/state_snapshot.h>
#include <i2/wire/canonical.h>

#include <limits>

namespace i2::fleet {
namespace {

using Tag = ChunkNode::Tag;
using Node = StateTree::Node;

constexpr std::uint16_t kSnapshotVersion = 1;
// A leaf of the largest pair takes a third of it; a way down has at most as many nodes as a key has
// bits, 41 bytes for each hidden one.
constexpr std::size_t kNodesMax = kChunkSizeMax / 3;
constexpr std::size_t kLeafOverhead = 9;

std::unexpected<Error> invalid_snapshot(std::string what) {
  return fail("fleet.snapshot_invalid", "the chunk of the state " + std::move(what));
}

// Preorder of the nodes that are shown when the pairs [from, from + as many as fit) are wanted.
class ChunkBuilder {
 public:
  ChunkBuilder(std::uint64_t from, std::size_t size_target) : from_(from), target_(size_target) {}

  // `first`: the index of the first pair below `node`.
  void visit(const Node& node, std::uint64_t first) {
    if (first + node.count <= from_ || full()) {
      out.nodes.push_back(
          {.tag = Tag::kHidden, .count = node.count, .hash = node.hash, .key = {}, .value = {}});
      return;
    }
    if (node.is_leaf()) {
      used_ += node.key.size() + node.value.size() + kLeafOverhead;
      any_ = true;
      out.nodes.push_back({.tag = Tag::kLeaf, .key = node.key, .value = node.value});
      return;
    }
    out.nodes.push_back({.tag = Tag::kInner, .bit = node.bit, .key = {}, .value = {}});
    visit(*node.left, first);
    visit(*node.right, first + node.left->count);
  }

  Chunk out;

 private:
  [[nodiscard]] bool full() const { return any_ && used_ >= target_; }

  std::uint64_t from_;
  std::size_t target_;
  std::size_t used_ = 0;
  bool any_ = false;
};

// Checks the form of the nodes in preorder and, when it can, computes what they hash to.
class ChunkWalker {
 public:
  explicit ChunkWalker(const Chunk& chunk) : nodes_(chunk.nodes) {}

  struct Subtree {
    Hash256 hash{};
    std::uint64_t count = 0;
    bool hidden = false;
  };

  // None: malformed.
  std::optional<Subtree> walk() {
    auto out = subtree(-1);
    return out && at_ == nodes_.size() && leaves_ > 0 ? out : std::nullopt;
  }
  // Pairs hidden to the left of the first leaf.
  [[nodiscard]] std::uint64_t offset() const { return before_; }

 private:
  std::optional<Subtree> subtree(int bit_above) {
    if (at_ == nodes_.size()) {
      return std::nullopt;
    }
    const ChunkNode& node = nodes_[at_++];
    switch (node.tag) {
      case Tag::kHidden:
        return hidden(node);
      case Tag::kLeaf:
        ++leaves_;
        if (after_) {  // the leaves are one run
          return std::nullopt;
        }
        return Subtree{.hash = leaf_hash(node.key, node.value), .count = 1, .hidden = false};
      case Tag::kInner:
        break;
    }
    if (node.bit <= bit_above) {
      return std::nullopt;
    }
    const auto left = subtree(node.bit);
    const auto right = left ? subtree(node.bit) : std::nullopt;
    // Two hidden halves are one hidden tree.
    if (!right || (left->hidden && right->hidden) ||
        left->count > std::numeric_limits<std::uint64_t>::max() - right->count) {
      return std::nullopt;
    }
    const std::uint64_t count = left->count + right->count;
    return Subtree{.hash = inner_hash(node.bit, count, left->hash, right->hash),
                   .count = count,
                   .hidden = false};
  }

  std::optional<Subtree> hidden(const ChunkNode& node) {
    if (node.count == 0 || node.count > std::numeric_limits<std::uint64_t>::max() - before_) {
      return std::nullopt;
    }
    if (leaves_ == 0) {
      before_ += node.count;
    } else {
      after_ = true;
    }
    return Subtree{.hash = node.hash, .count = node.count, .hidden = true};
  }

  const std::vector<ChunkNode>& nodes_;
  std::size_t at_ = 0;
  std::size_t leaves_ = 0;
  std::uint64_t before_ = 0;
  bool after_ = false;
};

ChunkNode read_node(wire::CanonicalReader& r) {
  ChunkNode out;
  out.tag = Tag{r.u8()};
  switch (out.tag) {
    case Tag::kHidden:
      out.count = r.u64();
      out.hash = r.fixed<32>();
      return out;
    case Tag::kLeaf:
      out.key = to_bytes(r.bytes(ports::kStateKeySizeMax));
      out.value = to_bytes(r.bytes(ports::kStateValueSizeMax));
      if (out.key.empty()) {
        r.fail();
      }
      return out;
    case Tag::kInner:
      out.bit = r.u16();
      return out;
  }
  r.fail();
  return out;
}

}  // namespace

Bytes encode(const Chunk& chunk) {
  wire::CanonicalWriter w(kSnapshotChunkType, kSnapshotVersion);
  w.count(chunk.nodes.size());
  for (const ChunkNode& node : chunk.nodes) {
    w.u8(static_cast<std::uint8_t>(node.tag));
    switch (node.tag) {
      case Tag::kHidden:
        w.u64(node.count);
        w.fixed(node.hash);
        break;
      case Tag::kLeaf:
        w.bytes(node.key);
        w.bytes(node.value);
        break;
      case Tag::kInner:
        w.u16(node.bit);
        break;
    }
  }
  return std::move(w).take();
}

Bytes encode_chunk(const StateTree& tree, std::uint64_t offset, std::size_t size_target) {
  if (tree.size() == 0) {
    I2_ASSERT(offset == 0);
    return encode(Chunk{});
  }
  I2_ASSERT(offset < tree.size());
  ChunkBuilder builder(offset, size_target);
  builder.visit(*tree.top(), 0);
  return encode(builder.out);
}

Result<Chunk> decode_chunk(ByteView encoding) {
  if (encoding.size() > kChunkSizeMax) {
    return invalid_snapshot("is larger than a chunk may be");
  }
  wire::CanonicalReader r(encoding, kSnapshotChunkType, kSnapshotVersion);
  Chunk out;
  const std::size_t count = r.count(kNodesMax);
  for (std::size_t i = 0; i < count && r.ok(); ++i) {
    out.nodes.push_back(read_node(r));
  }
  if (!r.finish() || (!out.nodes.empty() && !ChunkWalker(out).walk())) {
    return invalid_snapshot("is malformed");
  }
  return out;
}

Bytes prove(const StateTree& tree, ByteView key) {
  return encode_chunk(tree, tree.index_of(key), 1);
}

Result<Bytes> read_proof(const Hash256& root, ByteView key, ByteView proof) {
  I2_TRY_VALUE(const Chunk chunk, decode_chunk(proof));
  const auto top = ChunkWalker(chunk).walk();
  if (!top || app_hash(top->count, top->hash) != root) {
    return invalid_snapshot("belongs to another state, or was altered");
  }
  for (const ChunkNode& node : chunk.nodes) {
    if (node.tag == Tag::kLeaf && equal(node.key, key)) {
      return node.value;
    }
  }
  return invalid_snapshot("is about something else");
}

Result<void> SnapshotReader::add(ByteView encoding) {
  I2_TRY_VALUE(const Chunk chunk, decode_chunk(encoding));
  ChunkWalker walker(chunk);
  const auto top = chunk.nodes.empty() ? ChunkWalker::Subtree{} : walker.walk().value();
  if (app_hash(top.count, top.hash) != expected_) {
    return invalid_snapshot("belongs to another state, or was altered");
  }
  if (walker.offset() != offset() || complete()) {
    return invalid_snapshot("is not the next one");
  }
  total_ = top.count;
  for (const ChunkNode& node : chunk.nodes) {
    if (node.tag == Tag::kLeaf) {
      tree_.put(node.key, node.value);
    }
  }
  // Nodes of an honest tree lie where their keys say; for others no app hash is signed.
  if (complete() && tree_.root() != expected_) {
    tree_ = {};
    total_.reset();
    return invalid_snapshot("is of a tree that does not follow from its pairs");
  }
  return {};
}

}  // namespace i2::fleet
