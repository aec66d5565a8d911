#include <gtest/gtest.h>
#include <i2/fleet/core/state_snapshot.h>

#include <map>
#include <random>

namespace i2::fleet {
namespace {

using Model = std::map<Bytes, Bytes>;

Bytes random_bytes(std::mt19937_64& rng, std::size_t least, std::size_t most, int alphabet) {
  Bytes out(least + rng() % (most - least + 1));
  for (auto& byte : out) {
    byte = static_cast<std::uint8_t>(rng() % static_cast<unsigned>(alphabet));
  }
  return out;
}

Model pairs_of(const StateTree& tree, ByteView prefix = {}, ByteView after = {}) {
  Model out;
  Bytes last;
  tree.scan(prefix, after, [&](ByteView key, ByteView value) {
    EXPECT_LT(last, to_bytes(key)) << "not ascending";
    last = to_bytes(key);
    out.emplace(to_bytes(key), to_bytes(value));
    return true;
  });
  return out;
}

StateTree tree_of(const Model& model) {
  StateTree out;
  for (const auto& [key, value] : model) {
    out.put(key, value);
  }
  return out;
}

// Few letters make long common prefixes and keys that are prefixes of others.
TEST(StateTree, AgreesWithASortedMapUnderRandomChanges) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 rng(seed);
    StateTree tree;
    Model model;
    for (int step = 0; step < 300; ++step) {
      const Bytes key = random_bytes(rng, 1, 6, seed % 2 == 0 ? 2 : 256);
      if (rng() % 3 == 0) {
        tree.erase(key);
        model.erase(key);
      } else {
        const Bytes value = random_bytes(rng, 0, 8, 256);
        tree.put(key, value);
        model[key] = value;
      }
      ASSERT_EQ(tree.size(), model.size());
      const auto found = tree.get(key);
      ASSERT_EQ(found.has_value(), model.contains(key));
      if (found) {
        EXPECT_TRUE(equal(*found, model.at(key)));
      }
    }
    EXPECT_EQ(pairs_of(tree), model);
    EXPECT_EQ(tree.root(), tree_of(model).root()) << "the hash depends on the order of changes";
    const Bytes prefix = random_bytes(rng, 0, 2, 2);
    const Bytes after = random_bytes(rng, 0, 4, 2);
    Model wanted;
    for (const auto& [key, value] : model) {
      if (key.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), key.begin()) &&
          key > after) {
        wanted.emplace(key, value);
      }
    }
    EXPECT_EQ(pairs_of(tree, prefix, after), wanted);
    EXPECT_EQ(tree.count(prefix), pairs_of(tree, prefix).size());
    EXPECT_EQ(tree.root(prefix), tree_of(pairs_of(tree, prefix)).root());
  }
}

TEST(StateTree, EveryPairChangesTheHash) {
  StateTree tree;
  const Hash256 empty = tree.root();
  tree.put(as_bytes("a"), as_bytes("1"));
  const Hash256 one = tree.root();
  EXPECT_NE(one, empty);
  tree.put(as_bytes("a"), as_bytes("2"));
  EXPECT_NE(tree.root(), one);
  tree.put(as_bytes("a"), as_bytes("1"));
  tree.put(as_bytes("ab"), {});
  const Hash256 two = tree.root();
  EXPECT_NE(two, one);
  tree.erase(as_bytes("ab"));
  EXPECT_EQ(tree.root(), one);
  tree.erase(as_bytes("a"));
  EXPECT_EQ(tree.root(), empty);
}

TEST(StateTree, ACopyKeepsWhatTheOriginalLoses) {
  StateTree tree = tree_of({{{1}, {10}}, {{2}, {20}}});
  const StateTree copy = tree;
  const Hash256 before = copy.root();
  tree.put(Bytes{1}, Bytes{11});
  tree.erase(Bytes{2});
  EXPECT_EQ(copy.root(), before);
  EXPECT_EQ(pairs_of(copy), (Model{{{1}, {10}}, {{2}, {20}}}));
}

TEST(StateTree, DeepKeysAreFine) {
  StateTree tree;
  Bytes key;
  for (std::size_t i = 0; i < ports::kStateKeySizeMax; ++i) {
    key.push_back(0xff);
    tree.put(key, as_bytes("x"));
  }
  EXPECT_EQ(tree.size(), ports::kStateKeySizeMax);
  EXPECT_EQ(pairs_of(tree).size(), ports::kStateKeySizeMax);
}

Model random_model(std::mt19937_64& rng, std::size_t size) {
  Model out;
  while (out.size() < size) {
    out[random_bytes(rng, 1, 12, 4)] = random_bytes(rng, 0, 60, 256);
  }
  return out;
}

TEST(StateSnapshot, ChunksMakeTheSameTree) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 rng(seed);
    const StateTree tree = tree_of(random_model(rng, seed == 1 ? 0 : 1 + rng() % 200));
    SnapshotReader reader(tree.root());
    std::size_t chunks = 0;
    while (!reader.complete()) {
      const auto added = reader.add(encode_chunk(tree, reader.offset(), 1 + rng() % 500));
      ASSERT_TRUE(added) << added.error().to_string();
      ++chunks;
    }
    EXPECT_EQ(reader.tree().root(), tree.root());
    EXPECT_EQ(pairs_of(reader.tree()), pairs_of(tree));
    EXPECT_GE(chunks, 1u);
  }
}

TEST(StateSnapshot, RefusesAnotherOrderAndARepetition) {
  std::mt19937_64 rng(7);
  const StateTree tree = tree_of(random_model(rng, 50));
  SnapshotReader reader(tree.root());
  EXPECT_EQ(reader.add(encode_chunk(tree, 10, 1)).error().code(), "fleet.snapshot_invalid");
  ASSERT_TRUE(reader.add(encode_chunk(tree, 0, 100)));
  EXPECT_GT(reader.offset(), 0u);
  EXPECT_EQ(reader.add(encode_chunk(tree, 0, 100)).error().code(), "fleet.snapshot_invalid");
}

TEST(StateSnapshot, RefusesEveryAlteredByte) {
  std::mt19937_64 rng(11);
  const StateTree tree = tree_of(random_model(rng, 9));
  const Bytes chunk = encode_chunk(tree, 3, 60);
  // A reader that has the first three pairs.
  SnapshotReader begun(tree.root());
  while (begun.offset() < 3) {
    ASSERT_TRUE(begun.add(encode_chunk(tree, begun.offset(), 1)));
  }
  for (std::size_t i = 0; i < chunk.size(); ++i) {
    Bytes altered = chunk;
    altered[i] ^= 1;
    SnapshotReader reader = begun;
    EXPECT_FALSE(reader.add(altered)) << "byte " << i;
    EXPECT_TRUE(reader.add(chunk)) << "after byte " << i;
  }
}

TEST(StateSnapshot, DecodesOnlyWhatItEncodes) {
  std::mt19937_64 rng(13);
  const StateTree tree = tree_of(random_model(rng, 40));
  const Bytes chunk = encode_chunk(tree, 5, 300);
  const auto decoded = decode_chunk(chunk);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(encode(*decoded), chunk);
  // Both halves hidden, where the whole could be.
  const Chunk split{
      .nodes = {{.tag = ChunkNode::Tag::kInner, .bit = 1, .key = {}, .value = {}},
                {.tag = ChunkNode::Tag::kHidden, .count = 1, .key = {}, .value = {}},
                {.tag = ChunkNode::Tag::kHidden, .count = 1, .key = {}, .value = {}}}};
  EXPECT_FALSE(decode_chunk(encode(split)));
  const Chunk falling{.nodes = {{.tag = ChunkNode::Tag::kInner, .bit = 5, .key = {}, .value = {}},
                                {.tag = ChunkNode::Tag::kInner, .bit = 5, .key = {}, .value = {}},
                                {.tag = ChunkNode::Tag::kLeaf, .key = {1}, .value = {}},
                                {.tag = ChunkNode::Tag::kLeaf, .key = {2}, .value = {}},
                                {.tag = ChunkNode::Tag::kLeaf, .key = {3}, .value = {}}}};
  EXPECT_FALSE(decode_chunk(encode(falling)));
}

}  // namespace
}  // namespace i2::fleet
