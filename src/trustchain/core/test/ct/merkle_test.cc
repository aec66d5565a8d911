#include <gtest/gtest.h>
#include <i2/trustchain/core/ct/merkle.h>
#include <i2/wire/text.h>

#include <random>

#include "naive_tree.h"

namespace i2::trustchain::ct {
namespace {

using testing::make_leaves;
using testing::mth;
using testing::path_of;
using testing::subproof;

// The reference tree of the Certificate Transparency project (transparency-dev/merkle,
// testonly/constants.go): eight entries and the roots of its nine sizes.
TEST(Merkle, ReferenceTree) {
  const char* const entries[] = {"",
                                 "00",
                                 "10",
                                 "2021",
                                 "3031",
                                 "40414243",
                                 "5051525354555657",
                                 "606162636465666768696a6b6c6d6e6f"};
  const char* const roots[] = {"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                               "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                               "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
                               "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
                               "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                               "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
                               "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
                               "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
                               "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
  LogTree tree;
  Bytes leaves;
  for (std::size_t size = 0; size <= 8; ++size) {
    EXPECT_EQ(to_hex(tree.root()), roots[size]);
    if (size < 8) {
      const Hash256 leaf = leaf_hash(*wire::from_hex(entries[size]));
      tree.append(leaf);
      append(leaves, leaf);
    }
  }
  EXPECT_EQ(to_hex(perfect_root(leaves)), roots[8]);
}

TEST(Merkle, ProofsOfEverySizeHold) {
  const auto leaves = make_leaves(130);
  for (std::size_t size = 1; size <= leaves.size(); ++size) {
    const testing::Leaves d(leaves.data(), size);
    const TreeHead head{.size = size, .root = mth(d)};
    for (std::size_t i = 0; i < size; ++i) {
      ASSERT_TRUE(verify_inclusion(leaves[i], i, head, path_of(i, d))) << i << " of " << size;
    }
    for (std::size_t old = 1; old <= size; ++old) {
      const TreeHead before{.size = old, .root = mth(d.first(old))};
      ASSERT_TRUE(verify_consistency(before, head, subproof(old, d, true))) << old << " " << size;
    }
  }
}

std::string verdict(const Result<void>& result) {
  return result ? "good" : result.error().code();
}

TEST(Merkle, InclusionEdges) {
  const auto leaves = make_leaves(7);
  const TreeHead head{.size = 7, .root = mth(leaves)};
  const Proof proof = path_of(4, leaves);
  ASSERT_EQ(proof.size(), 3U);
  EXPECT_EQ(verdict(verify_inclusion(leaves[4], 4, head, proof)), "good");
  EXPECT_EQ(verdict(verify_inclusion(leaves[4], 5, head, proof)), "trust.proof_invalid");
  EXPECT_EQ(verdict(verify_inclusion(leaves[5], 4, head, proof)), "trust.proof_invalid");
  EXPECT_EQ(verdict(verify_inclusion(leaves[4], 7, head, proof)), "trust.proof_invalid");
  EXPECT_EQ(verdict(verify_inclusion(leaves[4], UINT64_MAX, head, proof)), "trust.proof_invalid");
  EXPECT_EQ(verdict(verify_inclusion(leaves[4], 4, {.size = 0, .root = head.root}, proof)),
            "trust.proof_invalid");
  EXPECT_EQ(verdict(verify_inclusion(leaves[4], 4, {.size = UINT64_MAX, .root = head.root}, proof)),
            "trust.proof_invalid");
  Proof longer = proof;
  longer.push_back(head.root);
  EXPECT_EQ(verdict(verify_inclusion(leaves[4], 4, head, longer)), "trust.proof_invalid");
  EXPECT_EQ(verdict(verify_inclusion(leaves[4], 4, head, ProofView(proof).first(2))),
            "trust.proof_invalid");
  EXPECT_EQ(verdict(verify_inclusion(leaves[4], 4, head, {})), "trust.proof_invalid");
  // A tree of one leaf: the leaf is the root.
  EXPECT_EQ(verdict(verify_inclusion(leaves[0], 0, {.size = 1, .root = leaves[0]}, {})), "good");
  EXPECT_EQ(verdict(verify_inclusion(leaves[1], 0, {.size = 1, .root = leaves[0]}, {})),
            "trust.proof_invalid");
  EXPECT_EQ(verdict(verify_inclusion(leaves[0], 0, {.size = 1, .root = leaves[0]}, proof)),
            "trust.proof_invalid");
  // The leaf itself as the root of a larger tree.
  EXPECT_EQ(verdict(verify_inclusion(head.root, 0, head, {})), "trust.proof_invalid");
}

TEST(Merkle, ConsistencyEdges) {
  const auto leaves = make_leaves(8);
  const testing::Leaves d(leaves);
  const auto head = [&](std::size_t size) {
    return TreeHead{.size = size, .root = mth(d.first(size))};
  };
  const Hash256 other{};
  const auto check = [](const TreeHead& a, const TreeHead& b, ProofView proof) {
    return verdict(verify_consistency(a, b, proof));
  };
  EXPECT_EQ(check(head(0), head(0), {}), "good");
  EXPECT_EQ(check(head(0), head(8), {}), "good");
  EXPECT_EQ(check(head(0), head(8), ProofView(leaves).first(1)), "trust.proof_invalid");
  EXPECT_EQ(check({.size = 0, .root = other}, head(8), {}), "trust.proof_invalid");
  EXPECT_EQ(check({.size = 0, .root = other}, {.size = 0, .root = other}, {}),
            "trust.proof_invalid");
  EXPECT_EQ(check(head(7), head(7), {}), "good");
  EXPECT_EQ(check(head(7), {.size = 7, .root = other}, {}), "trust.proof_invalid");
  EXPECT_EQ(check(head(7), head(7), ProofView(leaves).first(1)), "trust.proof_invalid");
  EXPECT_EQ(check(head(8), head(7), {}), "trust.proof_invalid");
  for (std::size_t old = 1; old < 8; ++old) {
    const Proof proof = subproof(old, d, true);
    EXPECT_EQ(check(head(old), head(8), proof), "good") << old;
    EXPECT_EQ(check(head(old), head(8), {}), "trust.proof_invalid");
    EXPECT_EQ(check({.size = old, .root = other}, head(8), proof), "trust.proof_invalid");
    EXPECT_EQ(check(head(old), {.size = 8, .root = other}, proof), "trust.proof_invalid");
    EXPECT_EQ(check(head(old), head(8), ProofView(proof).first(proof.size() - 1)),
              "trust.proof_invalid");
    Proof longer = proof;
    longer.push_back(other);
    EXPECT_EQ(check(head(old), head(8), longer), "trust.proof_invalid");
    EXPECT_EQ(check(head(old), {.size = UINT64_MAX, .root = head(8).root}, proof),
              "trust.proof_invalid");
    for (std::size_t i = 0; i < proof.size(); ++i) {
      Proof altered = proof;
      altered[i][31] ^= 1;
      EXPECT_EQ(check(head(old), head(8), altered), "trust.proof_invalid") << old << " " << i;
    }
  }
  EXPECT_EQ(
      check({.size = UINT64_MAX - 1, .root = other}, {.size = UINT64_MAX, .root = other}, leaves),
      "trust.proof_invalid");
}

// A proof shows the older root even when it is not the expected one: what convicts a log.
TEST(Merkle, RootsOfConsistency) {
  const auto leaves = make_leaves(13);
  const testing::Leaves d(leaves);
  for (std::size_t old = 1; old < 13; ++old) {
    const bool power = (old & (old - 1)) == 0;
    const TreeHead before{.size = old, .root = power ? mth(d.first(old)) : Hash256{}};
    const auto roots = roots_of_consistency(before, 13, subproof(old, d, true));
    ASSERT_TRUE(roots);
    EXPECT_EQ(roots->old_root, mth(d.first(old)));
    EXPECT_EQ(roots->new_root, mth(d));
  }
}

}  // namespace
}  // namespace i2::trustchain::ct
