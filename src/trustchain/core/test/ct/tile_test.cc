#include <gtest/gtest.h>
#include <i2/trustchain/core/ct/tile_tree.h>

#include <random>
#include <set>

#include "naive_tree.h"

namespace i2::trustchain::ct {
namespace {

using testing::make_leaves;
using testing::mth;
using testing::path_of;
using testing::Store;
using testing::subproof;

TEST(TilePath, BothWays) {
  const std::pair<Tile, const char*> cases[] = {
      {{.level = 0, .index = 0}, "tile/0/000"},
      {{.level = 0, .index = 1'234'067}, "tile/0/x001/x234/067"},
      {{.level = 0, .index = 999}, "tile/0/999"},
      {{.level = 0, .index = 1000}, "tile/0/x001/000"},
      {{.level = 0, .index = (1ULL << 32) - 1}, "tile/0/x004/x294/x967/295"},
      {{.level = 2, .index = 5, .width = 1}, "tile/2/005.p/1"},
      {{.level = 5, .index = 0, .width = 1}, "tile/5/000.p/1"},
      {{.level = kDataLevel, .index = 1000, .width = 255}, "tile/data/x001/000.p/255"},
  };
  for (const auto& [tile, text] : cases) {
    EXPECT_EQ(path(tile), text);
    EXPECT_EQ(parse_tile_path(text).value(), tile) << text;
  }
}

TEST(TilePath, OtherFormsAreRefused) {
  for (const char* text : {"",
                           "tile",
                           "tile/",
                           "tile/0",
                           "tile/0/",
                           "tile/0/0",
                           "tile/0/00",
                           "tile/0/0000",
                           "tile/00/000",
                           "tile/6/000",
                           "tile/64/000",
                           "tile/-1/000",
                           "tile/entries/000",
                           "tile/0/x000/001",
                           "tile/0/001/002",
                           "tile/0/x001",
                           "tile/0/x001/x002",
                           "tile/0/x001/x002/",
                           "tile/0/001.p/0",
                           "tile/0/001.p/256",
                           "tile/0/001.p/01",
                           "tile/0/001.p/",
                           "tile/0/001.p",
                           "tile/0/001.p/1/",
                           "tile/0/001.p/1.p/1",
                           "tile/0/.p/1",
                           "tile/0/x004/x294/x967/296",
                           "tile/1/x016/x777/216",
                           "tile/5/001",
                           "tile/0/x001/x000/x000/x000/000",
                           "/tile/0/000",
                           "tile/0/000 ",
                           "tile/0/0a0",
                           "tile/0/x-01/000",
                           "tile/data",
                           "tile/data/000/"}) {
    const auto tile = parse_tile_path(text);
    EXPECT_FALSE(tile) << text;
    EXPECT_EQ(tile.error().code(), "trust.tile_name");
  }
}

// The examples of C2SP tlog-tiles, "Partial Tiles".
TEST(NewTiles, ExamplesOfTheSpecification) {
  const auto tiles = new_tiles(0, 70'000);
  ASSERT_EQ(tiles.size(), 273U + 1 + 1 + 1 + 1);
  EXPECT_EQ(tiles[272], (Tile{.level = 0, .index = 272}));
  EXPECT_EQ(tiles[273], (Tile{.level = 0, .index = 273, .width = 112}));
  EXPECT_EQ(tiles[274], (Tile{.level = 1, .index = 0}));
  EXPECT_EQ(tiles[275], (Tile{.level = 1, .index = 1, .width = 17}));
  EXPECT_EQ(tiles[276], (Tile{.level = 2, .index = 0, .width = 1}));
  EXPECT_EQ(new_tiles(0, 256),
            (std::vector<Tile>{{.level = 0, .index = 0}, {.level = 1, .index = 0, .width = 1}}));
  EXPECT_EQ(new_tiles(256, 257), (std::vector<Tile>{{.level = 0, .index = 1, .width = 1}}));
  EXPECT_EQ(new_tiles(255, 256), new_tiles(0, 256));
  EXPECT_TRUE(new_tiles(70'000, 70'000).empty());
  EXPECT_EQ(new_tiles(kTreeSizeMax - 1, kTreeSizeMax).size(), 6U);
}

// Grows by the steps of one round each and stores every tile.
class Grown {
 public:
  void grow(testing::Leaves leaves) {
    for (const Hash256& leaf : leaves) {
      tree.append(leaf);
    }
    auto tiles = tree.take_tiles();
    std::vector<Tile> names;
    for (const TileBytes& tile : tiles) {
      names.push_back(tile.tile);
      EXPECT_EQ(tile.bytes.size(), tile.tile.width * kHashSize);
    }
    EXPECT_EQ(names, new_tiles(tree.size() - leaves.size(), tree.size()));
    store.write(std::move(tiles));
  }
  LogTree tree;
  Store store;
};

TEST(LogTree, EverySizeHasTheRootOfTheNaiveTree) {
  const auto leaves = make_leaves(600);
  Grown log;
  for (std::size_t size = 0; size <= leaves.size(); ++size) {
    const TreeHead head{.size = size, .root = mth(testing::Leaves(leaves).first(size))};
    ASSERT_EQ(log.tree.head(), head) << size;
    const auto opened = LogTree::open(head, log.store.reader());
    ASSERT_TRUE(opened) << opened.error().to_string();
    ASSERT_EQ(opened->head(), head);
    if (size < leaves.size()) {
      log.grow({&leaves[size], 1});
    }
  }
}

TEST(LogTree, ContinuesWhereItWasOpened) {
  const auto leaves = make_leaves(1500);
  const testing::Leaves all(leaves);
  for (const std::size_t cut : {1U, 255U, 256U, 257U, 511U, 512U, 700U, 1280U}) {
    Grown whole;
    whole.grow(all);
    Grown parts;
    parts.grow(all.first(cut));
    parts.tree = LogTree::open(parts.tree.head(), parts.store.reader()).value();
    parts.grow(all.subspan(cut));
    EXPECT_EQ(parts.tree.head(), whole.tree.head());
    for (const auto& [name, bytes] : whole.store.files) {
      EXPECT_EQ(parts.store.files[name], bytes) << name;
    }
  }
}

TEST(LogTree, RefusesAnotherEdge) {
  const auto leaves = make_leaves(300);
  Grown log;
  log.grow(leaves);
  const TreeHead head = log.tree.head();
  const auto code = [&] { return LogTree::open(head, log.store.reader()).error().to_string(); };
  log.store.files["tile/0/001.p/44"][5] ^= 1;
  EXPECT_EQ(code(),
            "the tiles at the right edge do not hash to the root of the tree of 300 entries: "
            "tile/1/000.p/1 tile/0/001.p/44 [trust.tile_damaged]");
  log.store.files["tile/0/001.p/44"].pop_back();
  EXPECT_EQ(code(), "tile/0/001.p/44 has 1407 bytes instead of 1408 [trust.tile_damaged]");
  log.store.files.erase("tile/0/001.p/44");
  EXPECT_EQ(code(), "tile/0/001.p/44 [test.missing]");
  EXPECT_EQ(
      LogTree::open({.size = kTreeSizeMax + 1, .root = {}}, log.store.reader()).error().code(),
      "trust.log_range");
  EXPECT_FALSE(LogTree::open({.size = 0, .root = {}}, log.store.reader()));
}

TEST(TileTree, ProofsOfAllSizesUpTo300) {
  const auto leaves = make_leaves(300);
  const testing::Leaves all(leaves);
  Grown log;
  log.grow(all);
  auto tree = TileTree::open(log.tree.head(), log.store.reader()).value();
  for (std::size_t size = 0; size <= 300; ++size) {
    const testing::Leaves d = all.first(size);
    const TreeHead head{.size = size, .root = mth(d)};
    ASSERT_EQ(tree.root(size).value(), head.root) << size;
    // Each pair costs a naive tree: all indexes of some sizes, some of all.
    const std::size_t step = size % 37 == 0 || size > 290 || size < 40 ? 1 : 41;
    for (std::size_t i = size % step; i < size; i += step) {
      const Proof proof = tree.inclusion_proof(i, size).value();
      ASSERT_EQ(proof, path_of(i, d)) << i << " of " << size;
      ASSERT_TRUE(verify_inclusion(leaves[i], i, head, proof));
    }
    for (std::size_t old = size % step; old <= size; old += step) {
      const Proof proof = tree.consistency_proof(old, size).value();
      ASSERT_EQ(proof, old == 0 ? Proof() : subproof(old, d, true)) << old << " to " << size;
    }
  }
}

TEST(TileTree, EveryProofUpTo300Holds) {
  const auto leaves = make_leaves(300);
  Grown log;
  log.grow(leaves);
  TileTree tree(log.tree, log.store.reader());
  std::vector<TreeHead> heads;
  for (std::size_t size = 0; size <= 300; ++size) {
    heads.push_back({.size = size, .root = tree.root(size).value()});
    for (std::size_t i = 0; i < size; ++i) {
      ASSERT_TRUE(
          verify_inclusion(leaves[i], i, heads.back(), tree.inclusion_proof(i, size).value()));
      ASSERT_TRUE(
          verify_consistency(heads[i], heads[size], tree.consistency_proof(i, size).value()))
          << i << " to " << size;
    }
  }
}

TEST(TileTree, RandomLargeSizes) {
  std::mt19937_64 random(6962);
  const auto leaves = make_leaves(140'000);
  const testing::Leaves all(leaves);
  Grown log;
  for (std::size_t size = 0; size < leaves.size();) {
    const std::size_t step = std::min<std::size_t>(random() % 20'000, leaves.size() - size);
    log.grow(all.subspan(size, step));
    size += step;
  }
  auto tree = TileTree::open(log.tree.head(), log.store.reader()).value();
  EXPECT_EQ(log.tree.root(), mth(all));
  for (int i = 0; i < 300; ++i) {
    const std::size_t size = 1 + random() % leaves.size();
    const std::size_t index = random() % size;
    const TreeHead head{.size = size, .root = tree.root(size).value()};
    ASSERT_EQ(tree.leaf(index).value(), leaves[index]);
    ASSERT_TRUE(
        verify_inclusion(leaves[index], index, head, tree.inclusion_proof(index, size).value()));
    const TreeHead before{.size = index, .root = tree.root(index).value()};
    ASSERT_TRUE(verify_consistency(before, head, tree.consistency_proof(index, size).value()));
    if (i % 30 == 0) {
      ASSERT_EQ(head.root, mth(all.first(size)));
      ASSERT_EQ(tree.inclusion_proof(index, size).value(), path_of(index, all.first(size)));
      ASSERT_EQ(tree.consistency_proof(index + 1, size).value(),
                subproof(index + 1, all.first(size), true));
    }
  }
}

TEST(TileTree, ReadsFewTiles) {
  const auto leaves = make_leaves(70'000);
  Grown log;
  log.grow(leaves);
  for (const std::size_t index : {0U, 255U, 256U, 12'345U, 65'535U, 65'536U, 69'999U}) {
    log.store.reads = 0;
    TileTree tree(log.tree, log.store.reader());
    ASSERT_TRUE(tree.inclusion_proof(index, 70'000));
    EXPECT_LE(log.store.reads, 2U);  // the full tiles of levels 0 and 1
    ASSERT_TRUE(tree.inclusion_proof(index, 70'000));
    EXPECT_LE(log.store.reads, 2U);
    log.store.reads = 0;
    ASSERT_TRUE(tree.consistency_proof(index + 1, 70'000));
    EXPECT_LE(log.store.reads, 4U);
  }
}

TEST(TileTree, ADamagedTileIsNamed) {
  const auto leaves = make_leaves(70'000);
  Grown log;
  log.grow(leaves);
  for (const char* name : {"tile/0/003", "tile/1/000"}) {
    auto store = log.store;
    store.files[name][8191] ^= 1;
    TileTree tree(log.tree, store.reader());
    const auto proof = tree.inclusion_proof(800, 70'000);
    ASSERT_FALSE(proof);
    EXPECT_EQ(proof.error().code(), "trust.tile_damaged");
    EXPECT_TRUE(proof.error().message().starts_with(std::string(name) + " "))
        << proof.error().message();
    store.files[name].pop_back();
    EXPECT_EQ(tree.leaf(800).error().code(), "trust.tile_damaged");
    store.files.erase(name);
    EXPECT_EQ(tree.leaf(800).error().code(), "test.missing");
  }
}

TEST(TileTree, SizesThatItDoesNotHave) {
  const auto leaves = make_leaves(10);
  Grown log;
  log.grow(leaves);
  TileTree tree(log.tree, log.store.reader());
  EXPECT_EQ(tree.root(11).error().code(), "trust.log_range");
  EXPECT_EQ(tree.leaf(10).error().code(), "trust.log_range");
  EXPECT_EQ(tree.inclusion_proof(10, 10).error().code(), "trust.log_range");
  EXPECT_EQ(tree.inclusion_proof(0, 0).error().code(), "trust.log_range");
  EXPECT_EQ(tree.inclusion_proof(0, 11).error().code(), "trust.log_range");
  EXPECT_EQ(tree.consistency_proof(9, 8).error().code(), "trust.log_range");
  EXPECT_EQ(tree.consistency_proof(9, UINT64_MAX).error().code(), "trust.log_range");
  EXPECT_EQ(tree.consistency_proof(0, 10).value(), Proof());
  EXPECT_EQ(tree.consistency_proof(10, 10).value(), Proof());
}

}  // namespace
}  // namespace i2::trustchain::ct
