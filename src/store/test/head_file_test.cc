#include <gtest/gtest.h>
#include <i2/store/head_file.h>

#include <fstream>

#include "temp_dir.h"

namespace i2::store {
namespace {

using testing::TempDir;

constexpr Hash256 kOwner{1, 2, 3};

Head head(std::uint64_t sequence) {
  return {.sequence = sequence, .digest = {static_cast<std::uint8_t>(sequence)}};
}

void alter(const std::filesystem::path& path, std::streamoff at) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(at);
  const int before = file.get();
  file.seekp(at);
  file.put(static_cast<char>(before ^ 1));
}

TEST(HeadFile, RemembersTheLastOfMany) {
  const TempDir dir;
  const auto path = dir.path() / "head";
  {
    auto file = HeadFile::create(path, kOwner, head(0));
    ASSERT_TRUE(file);
    for (const std::uint64_t sequence : {1U, 2U, 5U, 7U}) {
      ASSERT_TRUE(file->advance(head(sequence)));
      EXPECT_EQ(HeadFile::open(path, kOwner)->head(), head(sequence));
    }
  }
  EXPECT_EQ(HeadFile::open(path, kOwner)->head(), head(7));
}

TEST(HeadFile, ATornSlotLeavesTheHeadBefore) {
  const TempDir dir;
  const auto path = dir.path() / "head";
  auto file = HeadFile::create(path, kOwner, head(3));
  ASSERT_TRUE(file);
  ASSERT_TRUE(file->advance(head(5)));
  // Which slot has the newer one is not said: altering either leaves the other.
  const auto first = dir.path() / "first";
  const auto second = dir.path() / "second";
  std::filesystem::copy_file(path, first);
  std::filesystem::copy_file(path, second);
  alter(first, 60);
  alter(second, 512 + 60);
  const auto one = HeadFile::open(first, kOwner);
  const auto other = HeadFile::open(second, kOwner);
  ASSERT_TRUE(one);
  ASSERT_TRUE(other);
  EXPECT_EQ(std::min(one->head().sequence, other->head().sequence), 3u);
  EXPECT_EQ(std::max(one->head().sequence, other->head().sequence), 5u);
}

TEST(HeadFile, RefusesWhatSaysNothing) {
  const TempDir dir;
  const auto path = dir.path() / "head";
  EXPECT_EQ(HeadFile::open(path, kOwner).error().code(), "store.missing");
  {
    ASSERT_TRUE(HeadFile::create(path, kOwner, head(3)));
  }
  EXPECT_EQ(HeadFile::open(path, Hash256{9}).error().code(), "store.damaged");
  alter(path, 100);
  alter(path, 512 + 100);
  EXPECT_EQ(HeadFile::open(path, kOwner).error().code(), "store.damaged");
  std::filesystem::resize_file(path, 10);
  EXPECT_EQ(HeadFile::open(path, kOwner).error().code(), "store.damaged");
}

}  // namespace
}  // namespace i2::store
