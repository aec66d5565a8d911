// StateTree: the replicated state as a sorted map with a hash (docs/wire/state.md, "Tree").
//
// A binary radix tree over the keys. Its shape, and so its hash, depends on its contents alone, not
// on the order of changes. A StateTree is a value: a copy costs nothing, shares all nodes with the
// original and is safe to read on another thread while the original changes. A change costs a new
// node for each level on the way, some 1.5 log2(size) of them. Their hashes are computed when the
// root is asked for, once for each node that is left by then; other threads get a tree whose root
// has been asked for.
#pragma once

#include <i2/base/bytes.h>
#include <i2/ports/state_module.h>

#include <memory>
#include <optional>

namespace i2::fleet {

class StateTree final : public ports::StateReader {
 public:
  StateTree() = default;

  // ports::StateReader. A view lives as long as any tree that shares the pair.
  [[nodiscard]] std::optional<ByteView> get(ByteView key) const override;
  void scan(ByteView prefix, ByteView after,
            const std::function<bool(ByteView key, ByteView value)>& visit) const override;
  [[nodiscard]] std::uint64_t count(ByteView prefix) const override;

  // A key has 1 to ports::kStateKeySizeMax bytes.
  void put(ByteView key, ByteView value);
  void erase(ByteView key);

  [[nodiscard]] std::uint64_t size() const;
  // How many keys are less than this one, which is there.
  [[nodiscard]] std::uint64_t index_of(ByteView key) const;
  // The app hash: over everything.
  [[nodiscard]] Hash256 root() const;
  // The same over the pairs whose key begins with `prefix`: what a module contributes.
  [[nodiscard]] Hash256 root(ByteView prefix) const;

  // Nodes with their hashes, for state_snapshot.cc.
  struct Node;
  [[nodiscard]] const Node* top() const;

 private:
  std::shared_ptr<const Node> top_;  // shared: copies of a tree have most nodes in common
};

struct StateTree::Node {
  mutable Hash256 hash{};       // once it has been asked for
  mutable bool hashed = false;  // then those below are too
  std::uint64_t count = 1;
  std::uint16_t bit = 0;                    // of an inner node: where its halves differ
  std::shared_ptr<const Node> left, right;  // null in a leaf
  Bytes key, value;                         // empty in an inner node

  [[nodiscard]] bool is_leaf() const { return left == nullptr; }
};

// The hashes of docs/wire/state.md.
[[nodiscard]] Hash256 leaf_hash(ByteView key, ByteView value);
[[nodiscard]] Hash256 inner_hash(std::uint16_t bit, std::uint64_t count, const Hash256& left,
                                 const Hash256& right);
[[nodiscard]] Hash256 app_hash(std::uint64_t count, const Hash256& top);

}  // namespace i2::fleet
