// What a validator has signed: it must never be forgotten without silence after it.
#include <gtest/gtest.h>
#include <i2/fleet/vote_memory.h>

#include <filesystem>

#include "layout.h"
#include "temp_dir.h"

namespace i2::fleet {
namespace {

namespace fs = std::filesystem;
using consensus::Record;
using consensus::View;
using consensus::Vote;
using testing::code;
using testing::TempDir;

constexpr View kAll = std::numeric_limits<View>::max();

Record vote(View view) {
  return Vote{.statement = {.view = view, .kind = consensus::VoteKind::kNullify, .proposal = {}},
              .signer = 1,
              .signature = Bytes(64, 7)};
}

struct Directory {
  explicit Directory(const fs::path& at) : path(at) { fs::create_directories(path / "ledger"); }
  [[nodiscard]] VoteMemory open() const { return VoteMemory::open(path, chain).value(); }
  [[nodiscard]] VoteMemory made() const {
    VoteMemory out = open();
    EXPECT_TRUE(out.make_key(consensus::VoteSuite::kEd25519));
    return out;
  }
  fs::path path;
  ChainId chain;
};

TEST(VoteMemory, GivesBackWhatItWasTold) {
  const TempDir temp;
  const Directory dir(temp / "node");
  EXPECT_EQ(dir.open().key(), nullptr);
  consensus::VotePublicKey key;
  {
    VoteMemory memory = dir.made();
    ASSERT_NE(memory.key(), nullptr);
    key = memory.key()->public_key();
    EXPECT_EQ(testing::mode_of(dir.path / kVoteKeyFile), 0600u);
    EXPECT_TRUE(memory.recall(5)->records.empty());
    ASSERT_TRUE(memory.remember(5, std::vector{vote(1), vote(2)}));
    ASSERT_TRUE(memory.remember(5, std::vector{vote(3)}));
  }
  VoteMemory memory = dir.open();
  ASSERT_TRUE(memory.make_key(consensus::VoteSuite::kEd25519)) << "one that is there stays";
  EXPECT_EQ(memory.key()->public_key(), key);
  const auto recalled = memory.recall(5).value();
  EXPECT_EQ(recalled.records, (std::vector{vote(1), vote(2), vote(3)}));
  EXPECT_EQ(recalled.silent_through, 0u);
  EXPECT_TRUE(memory.recall(6)->records.empty());
  memory.forget(5, 2);
  EXPECT_EQ(memory.recall(5)->records, std::vector{vote(3)});
}

TEST(VoteMemory, MakesRoomByForgettingWhatIsSealed) {
  const TempDir temp;
  const Directory dir(temp / "node");
  {
    VoteMemory memory = dir.made();
    // A frame takes a block of 4 KiB: more of them than the log has.
    for (View view = 1; view <= 5000; ++view) {
      ASSERT_TRUE(memory.remember(1, std::vector{vote(view)}));
      memory.forget(1, view < 3 ? 0 : view - 3);
    }
  }
  VoteMemory memory = dir.open();
  memory.forget(1, 4996);
  EXPECT_EQ(memory.recall(1)->records,
            (std::vector{vote(4997), vote(4998), vote(4999), vote(5000)}));
  EXPECT_EQ(memory.recall(1)->silent_through, 0u);
}

TEST(VoteMemory, WithoutTheLogItIsSilentUpToWhereItMayHaveSigned) {
  const TempDir temp;
  const Directory dir(temp / "node");
  for (const bool removed : {true, false}) {
    fs::remove_all(dir.path / "ledger");
    fs::create_directories(dir.path / "ledger");
    {
      VoteMemory memory = dir.made();
      ASSERT_TRUE(memory.remember(4, std::vector{vote(10)}));
      fs::copy_file(dir.path / kVotesFile, temp / "older", fs::copy_options::overwrite_existing);
      ASSERT_TRUE(memory.remember(4, std::vector{vote(11)}));
      ASSERT_TRUE(memory.remember(4, std::vector{vote(1000)}));
    }
    if (removed) {
      fs::remove(dir.path / kVotesFile);
    } else {
      fs::copy_file(temp / "older", dir.path / kVotesFile, fs::copy_options::overwrite_existing);
    }
    View silent = 0;
    {
      VoteMemory memory = dir.open();
      const auto recalled = memory.recall(4).value();
      EXPECT_TRUE(recalled.records.empty());
      silent = recalled.silent_through;
      EXPECT_GE(silent, 1000u);
      EXPECT_LT(silent, 2000u);
      ASSERT_TRUE(memory.remember(4, std::vector{vote(silent + 1)}));
    }
    // Also the next time, in that epoch; not in the one after it.
    VoteMemory memory = dir.open();
    EXPECT_EQ(memory.recall(4)->silent_through, silent);
    EXPECT_EQ(memory.recall(4)->records, std::vector{vote(silent + 1)});
    EXPECT_EQ(memory.recall(5)->silent_through, 0u);
    ASSERT_TRUE(memory.remember(5, std::vector{vote(1)}));
    EXPECT_EQ(dir.open().recall(5)->silent_through, 0u);
  }
}

TEST(VoteMemory, WithoutTheGuardItIsSilentUntilTheNextEpoch) {
  const TempDir temp;
  const Directory dir(temp / "node");
  {
    VoteMemory memory = dir.made();
    ASSERT_TRUE(memory.remember(4, std::vector{vote(10)}));
  }
  fs::remove(dir.path / kGuardFile);
  for (int opened = 0; opened < 3; ++opened) {
    VoteMemory memory = dir.open();
    EXPECT_EQ(memory.recall(4)->silent_through, kAll);
    EXPECT_EQ(memory.recall(5)->silent_through, 0u);
  }
}

TEST(VoteMemory, RefusesAKeyThatOthersCanRead) {
  const TempDir temp;
  const Directory dir(temp / "node");
  (void)dir.made();
  fs::permissions(dir.path / kVoteKeyFile, fs::perms::group_read, fs::perm_options::add);
  EXPECT_EQ(code(VoteMemory::open(dir.path, dir.chain)), "node.secret_exposed");
}

}  // namespace
}  // namespace i2::fleet
