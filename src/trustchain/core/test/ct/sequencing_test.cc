#include <gtest/gtest.h>
#include <i2/trustchain/core/ct/sequencing.h>
#include <i2/trustchain/core/ct/tile_tree.h>

#include "entries.h"
#include "naive_tree.h"

namespace i2::trustchain::ct {
namespace {

using testing::issuer;
using testing::kNow;
using testing::kOrigin;
using testing::Store;
using testing::submissions;

Log empty_log() {
  return {.origin = std::string(kOrigin), .tree = {}, .last_entries = {}, .timestamp = 0};
}

// Create-only, as the service writes them.
void write(Store& store, const Round& round) {
  for (const StoredObject& object : round.objects) {
    const auto [file, fresh] = store.files.emplace(object.path, object.bytes);
    EXPECT_TRUE(fresh || file->second == object.bytes) << object.path;
  }
}

std::vector<std::string> paths(const Round& round) {
  std::vector<std::string> out;
  for (const StoredObject& object : round.objects) {
    out.push_back(object.path);
  }
  return out;
}

TEST(Sequence, GivesPlacesAndWritesObjects) {
  Log log = empty_log();
  const Round first = sequence(log, submissions(0, 300), {issuer()}, kNow).value();
  ASSERT_EQ(first.entries.size(), 300U);
  EXPECT_EQ(first.entries[299].index, 299U);
  EXPECT_EQ(first.entries[299].timestamp, kNow);
  EXPECT_EQ(first.entries[299].submission, testing::submission(299));
  EXPECT_EQ(paths(first),
            (std::vector<std::string>{"issuer/" + to_hex(crypto::sha256(issuer())), "tile/data/000",
                                      "tile/data/001.p/44", "tile/0/000", "tile/0/001.p/44",
                                      "tile/1/000.p/1"}));
  std::vector<Hash256> leaves;
  for (const LogEntry& entry : first.entries) {
    leaves.push_back(leaf_hash(entry));
  }
  EXPECT_EQ(first.checkpoint.origin, kOrigin);
  EXPECT_EQ(first.checkpoint.head, (TreeHead{.size = 300, .root = testing::mth(leaves)}));
  EXPECT_EQ(first.after.head(), (LogHead{.tree = first.checkpoint.head, .timestamp = kNow}));

  const Round second = sequence(first.after, submissions(300, 212), {}, kNow + 1).value();
  EXPECT_EQ(paths(second),
            (std::vector<std::string>{"tile/data/001", "tile/0/001", "tile/1/000.p/2"}));
  EXPECT_EQ(second.entries[0].index, 300U);
  EXPECT_TRUE(second.after.last_entries.empty());
  const auto entries =
      read_data_tile(second.objects[0].bytes, {.level = kDataLevel, .index = 1}).value();
  EXPECT_EQ(entries[43], first.entries[299]);
  EXPECT_EQ(entries[44], second.entries[0]);
}

TEST(Sequence, WithoutSubmissionsOnlyTheTimeAdvances) {
  const Round first = sequence(empty_log(), {}, {}, kNow).value();
  EXPECT_TRUE(first.objects.empty());
  EXPECT_EQ(first.checkpoint.head, TreeHead{});
  EXPECT_EQ(first.after.timestamp, kNow);
  const Round second = sequence(first.after, submissions(0, 5), {}, kNow + 1).value();
  const Round third = sequence(second.after, {}, {}, kNow + 2).value();
  EXPECT_TRUE(third.objects.empty());
  EXPECT_EQ(third.checkpoint, second.checkpoint);
  EXPECT_EQ(third.after.last_entries, second.after.last_entries);
}

TEST(Sequence, RefusesToGoBack) {
  const Round round = sequence(empty_log(), submissions(0, 5), {}, kNow).value();
  for (const UnixMillis now : {kNow, kNow - 1, UnixMillis{0}}) {
    EXPECT_EQ(sequence(round.after, {}, {}, now).error().code(), "trust.log_backwards");
  }
  const LogHead head = round.after.head();
  const auto code = [&](auto change) {
    LogHead next = head;
    change(next);
    const auto result = check_advance(head, next);
    return result ? "good" : result.error().code();
  };
  EXPECT_EQ(code([](LogHead&) {}), "good");
  EXPECT_EQ(code([](LogHead& h) { ++h.timestamp; }), "good");
  EXPECT_EQ(code([](LogHead& h) {
              ++h.tree.size;
              h.tree.root = {};
            }),
            "good");
  EXPECT_EQ(code([](LogHead& h) { --h.timestamp; }), "trust.log_backwards");
  EXPECT_EQ(code([](LogHead& h) { --h.tree.size; }), "trust.log_backwards");
  EXPECT_EQ(code([](LogHead& h) { h.tree.root = {}; }), "trust.log_backwards");
}

// After every round: what is stored is enough to continue, byte for byte.
TEST(Sequence, ContinuesFromWhatIsStored) {
  Store store;
  Log log = empty_log();
  std::size_t next = 0;
  for (const std::size_t count : {1U, 254U, 1U, 1U, 255U, 300U, 0U, 700U, 3U}) {
    const auto round = sequence(log, submissions(next, count), {}, log.timestamp + kNow);
    ASSERT_TRUE(round) << round.error().to_string();
    next += count;
    write(store, *round);
    log = open_log(log.origin, round->after.head(), store.reader()).value();
    EXPECT_EQ(log.head(), round->after.head());
    EXPECT_EQ(log.last_entries, round->after.last_entries);
  }
  EXPECT_EQ(log.tree.size(), 1515U);
  auto tree = TileTree::open(log.tree.head(), store.reader()).value();
  for (std::uint64_t tile = 0; tile < 5; ++tile) {
    const Tile data{.level = kDataLevel, .index = tile};
    const auto entries = read_data_tile(store.files[path(data)], data).value();
    for (const LogEntry& entry : entries) {
      EXPECT_EQ(tree.leaf(entry.index).value(), leaf_hash(entry));
      EXPECT_EQ(entry.submission, testing::submission(entry.index));
    }
  }
}

TEST(OpenLog, RefusesOtherEntries) {
  Store store;
  const Round round = sequence(empty_log(), submissions(0, 10), {}, kNow).value();
  write(store, round);
  Bytes& data = store.files["tile/data/000.p/10"];
  const auto code = [&] {
    return open_log(std::string(kOrigin), round.after.head(), store.reader()).error().to_string();
  };
  data[20] ^= 1;  // in the first certificate
  EXPECT_EQ(code(),
            "tile/data/000.p/10 has other entries than those whose hashes the log has "
            "[trust.tile_damaged]");
  data.pop_back();
  EXPECT_EQ(code(),
            "tile/data/000.p/10 does not consist of the entries that it is for "
            "[trust.log_entry_invalid]");
}

TEST(Bundle, MakesTheSameRoundAgain) {
  const Round before = sequence(empty_log(), submissions(0, 200), {}, kNow).value();
  const Round round = sequence(before.after, submissions(200, 100), {issuer()}, kNow + 5).value();
  const Bundle bundle = decode_bundle(round.bundle).value();
  EXPECT_EQ(bundle.before, before.after.tree.head());
  EXPECT_EQ(bundle.after, round.after.head());
  EXPECT_EQ(bundle.entries, round.entries);
  EXPECT_EQ(encode(bundle), round.bundle);
  const Round again = replay(before.after, bundle).value();
  EXPECT_EQ(again.entries, round.entries);
  EXPECT_EQ(again.objects, round.objects);
  EXPECT_EQ(again.bundle, round.bundle);
  EXPECT_EQ(again.checkpoint, round.checkpoint);
  EXPECT_EQ(again.after.head(), round.after.head());
}

// docs/wire/ct-log.md: the example, whose bytes must not change.
TEST(Bundle, OfTheDocument) {
  const Bytes bytes = testing::corpus("fuzz_ct_bundle/round");
  const Round round = replay(empty_log(), decode_bundle(bytes).value()).value();
  EXPECT_EQ(round.bundle, bytes);
  EXPECT_EQ(round.entries.size(), 5U);
  EXPECT_EQ(to_hex(round.checkpoint.head.root),
            "d640b0558815198bb956bb58376745e64dd61168c6797f622f6116a94ff49d17");
}

TEST(Bundle, IsForOneLogAtOnePlace) {
  const Round before = sequence(empty_log(), submissions(0, 200), {}, kNow).value();
  const Round round = sequence(before.after, submissions(200, 100), {}, kNow + 5).value();
  const auto code = [&](const Log& log) {
    const auto result = replay(log, decode_bundle(round.bundle).value());
    return result ? "good" : result.error().code();
  };
  EXPECT_EQ(code(before.after), "good");
  EXPECT_EQ(code(empty_log()), "trust.bundle_invalid");
  EXPECT_EQ(code(round.after), "trust.bundle_invalid");
  Log other = before.after;
  other.origin = "other.example";
  EXPECT_EQ(code(other), "trust.bundle_invalid");
  Bundle lying = decode_bundle(round.bundle).value();
  lying.after.tree.root[0] ^= 1;
  EXPECT_EQ(replay(before.after, lying).error().code(), "trust.bundle_invalid");
}

TEST(Bundle, NoAlteredByteMakesAnotherRound) {
  const Round round = sequence(empty_log(), submissions(0, 4), {issuer()}, kNow).value();
  for (std::size_t i = 0; i < round.bundle.size(); ++i) {
    Bytes altered = round.bundle;
    altered[i] ^= 0x10;
    auto bundle = decode_bundle(altered);
    if (!bundle) {
      EXPECT_EQ(bundle.error().code(), "trust.bundle_invalid");
      continue;
    }
    EXPECT_EQ(encode(*bundle), altered);
    // Chains and issuers are no part of the leaves, which decide.
    const auto again = replay(empty_log(), std::move(*bundle));
    EXPECT_TRUE(!again || again->checkpoint == round.checkpoint) << i;
  }
  for (std::size_t size = 0; size < round.bundle.size(); ++size) {
    EXPECT_FALSE(decode_bundle(ByteView(round.bundle).first(size)));
  }
}

}  // namespace
}  // namespace i2::trustchain::ct
