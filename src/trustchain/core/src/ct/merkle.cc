#include <i2/base/assert.h>
#include <i2/crypto/hash.h>
#include <i2/trustchain/core/ct/merkle.h>

#include <bit>

namespace i2::trustchain::ct {
namespace {

// RFC 6962 §2.1: the prefixes keep leaves and nodes apart.
constexpr std::uint8_t kLeafPrefix[] = {0x00};
constexpr std::uint8_t kNodePrefix[] = {0x01};

std::unexpected<Error> wrong_proof(std::string_view what) {
  return fail("trust.proof_invalid", std::string(what));
}

std::unexpected<Error> wrong_length(std::size_t length) {
  return wrong_proof("a proof of " + std::to_string(length) +
                     " hashes does not fit the sizes of the tree");
}

// RFC 9162 §2.1.3.2 and §2.1.4.2: where a walk from a node towards the root stands. `first` is the
// node's number on its level, `last` that of the level's last node.
struct Walk {
  std::uint64_t first;
  std::uint64_t last;

  // Takes a step up along a hash of the proof, of which there is one as long as last != 0; whether
  // that hash is on the left.
  bool step() {
    const bool left = first % 2 == 1 || first == last;
    if (left) {
      // Nodes without a sibling are on the next level what they are here.
      const int skip = std::countr_zero(first);
      first >>= skip;
      last >>= skip;
    }
    first >>= 1;
    last >>= 1;
    return left;
  }
};

}  // namespace

const Hash256& empty_root() {
  static const Hash256 root = crypto::sha256({});
  return root;
}

Hash256 leaf_hash(ByteView entry) {
  return crypto::sha256({kLeafPrefix, entry});
}

Hash256 node_hash(const Hash256& left, const Hash256& right) {
  return crypto::sha256({kNodePrefix, left, right});
}

Hash256 perfect_root(ByteView hashes) {
  I2_ASSERT(hashes.size() % sizeof(Hash256) == 0 &&
            std::has_single_bit(hashes.size() / sizeof(Hash256)));
  if (hashes.size() == sizeof(Hash256)) {
    Hash256 out;
    std::memcpy(out.data(), hashes.data(), out.size());
    return out;
  }
  const std::size_t half = hashes.size() / 2;
  return node_hash(perfect_root(hashes.first(half)), perfect_root(hashes.subspan(half)));
}

Result<Hash256> root_of_inclusion(const Hash256& leaf, std::uint64_t index, std::uint64_t size,
                                  ProofView proof) {
  if (index >= size) {
    return wrong_proof("a tree of " + std::to_string(size) + " leaves has no leaf number " +
                       std::to_string(index));
  }
  Walk walk{.first = index, .last = size - 1};
  Hash256 root = leaf;
  for (const Hash256& hash : proof) {
    if (walk.last == 0) {
      return wrong_length(proof.size());
    }
    root = walk.step() ? node_hash(hash, root) : node_hash(root, hash);
  }
  if (walk.last != 0) {
    return wrong_length(proof.size());
  }
  return root;
}

Result<void> verify_inclusion(const Hash256& leaf, std::uint64_t index, const TreeHead& head,
                              ProofView proof) {
  I2_TRY_VALUE(const Hash256 root, root_of_inclusion(leaf, index, head.size, proof));
  if (root != head.root) {
    return wrong_proof("the proof leads to another root: the entry is not leaf number " +
                       std::to_string(index) + " of this tree");
  }
  return {};
}

Result<ConsistentRoots> roots_of_consistency(const TreeHead& old, std::uint64_t new_size,
                                             ProofView proof) {
  I2_ASSERT(0 < old.size && old.size < new_size);
  Walk walk{.first = old.size - 1, .last = new_size - 1};
  const int skip = std::countr_one(walk.first);  // less than 64: old.size is less than 2^64
  walk.first >>= skip;
  walk.last >>= skip;
  Hash256 start = old.root;
  if (!std::has_single_bit(old.size)) {
    if (proof.empty()) {
      return wrong_length(0);
    }
    start = proof.front();
    proof = proof.subspan(1);
  }
  ConsistentRoots out{.old_root = start, .new_root = start};
  for (const Hash256& hash : proof) {
    if (walk.last == 0) {
      return wrong_length(proof.size());
    }
    if (walk.step()) {
      out.old_root = node_hash(hash, out.old_root);
      out.new_root = node_hash(hash, out.new_root);
    } else {
      out.new_root = node_hash(out.new_root, hash);
    }
  }
  if (walk.last != 0) {
    return wrong_length(proof.size());
  }
  return out;
}

Result<void> verify_consistency(const TreeHead& old, const TreeHead& now, ProofView proof) {
  if (old.size > now.size) {
    return wrong_proof("the tree became smaller");
  }
  if ((old.size == 0 && old.root != empty_root()) || (now.size == 0 && now.root != empty_root())) {
    return wrong_proof("a tree without leaves has another root");
  }
  if (old.size == 0 || old.size == now.size) {
    if (!proof.empty()) {
      return wrong_length(proof.size());
    }
    if (old.size == now.size && old.root != now.root) {
      return wrong_proof("two roots for one size");
    }
    return {};
  }
  I2_TRY_VALUE(const ConsistentRoots roots, roots_of_consistency(old, now.size, proof));
  if (roots.old_root != old.root || roots.new_root != now.root) {
    return wrong_proof("the proof leads to other roots: the newer tree is not the older one grown");
  }
  return {};
}

}  // namespace i2::trustchain::ct
