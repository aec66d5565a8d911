// The Merkle tree of a transparency log (RFC 6962 §2.1, RFC 9162 §2.1; SHA-256) and its proofs.
//
// Proofs come from whoever answers: sizes, indexes and lengths may be anything.
#pragma once

#include <i2/base/bytes.h>
#include <i2/base/error.h>

#include <span>
#include <vector>

namespace i2::trustchain::ct {

// Of any two trees of 64-bit sizes. C2SP tlog-witness: a proof has at most 63 hashes.
inline constexpr std::size_t kProofHashesMax = 63;

using Proof = std::vector<Hash256>;
using ProofView = std::span<const Hash256>;

// SHA-256 of nothing: the root of a tree without leaves.
[[nodiscard]] const Hash256& empty_root();
[[nodiscard]] Hash256 leaf_hash(ByteView entry);                             // of 0x00 || entry
[[nodiscard]] Hash256 node_hash(const Hash256& left, const Hash256& right);  // of 0x01 || l || r
// Of the perfect tree above `hashes`: 1, 2, 4, ... hashes of 32 bytes, one after the other.
[[nodiscard]] Hash256 perfect_root(ByteView hashes);

struct TreeHead {
  std::uint64_t size = 0;
  Hash256 root = empty_root();
  friend bool operator==(const TreeHead&, const TreeHead&) = default;
};

// The root that `proof` leads to from the leaf. Error: trust.proof_invalid, when a tree of this
// size has no such leaf or its proofs have another length.
[[nodiscard]] Result<Hash256> root_of_inclusion(const Hash256& leaf, std::uint64_t index,
                                                std::uint64_t size, ProofView proof);
// Error: trust.proof_invalid.
[[nodiscard]] Result<void> verify_inclusion(const Hash256& leaf, std::uint64_t index,
                                            const TreeHead& head, ProofView proof);

// The roots of both sizes that `proof` leads to. A tree whose older size is a power of two is a
// node of the newer one and its hash not part of the proof: that is what `old.root` is used for.
// 0 < old.size < new_size. Error: trust.proof_invalid, for another length.
struct ConsistentRoots {
  Hash256 old_root{};
  Hash256 new_root{};
};
[[nodiscard]] Result<ConsistentRoots> roots_of_consistency(const TreeHead& old,
                                                           std::uint64_t new_size, ProofView proof);
// Whether `now` grew out of `old`. The proof from size 0 and between equal sizes is empty.
// Error: trust.proof_invalid.
[[nodiscard]] Result<void> verify_consistency(const TreeHead& old, const TreeHead& now,
                                              ProofView proof);

}  // namespace i2::trustchain::ct
