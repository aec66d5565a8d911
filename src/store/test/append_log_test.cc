#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <i2/store/append_log.h>

#include <fstream>
#include <random>

#include "temp_dir.h"

namespace i2::store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::TempDir;

constexpr Hash256 kLogOwner{4, 5, 6};
constexpr std::size_t kHalf = 16 * 4096;

Bytes record(std::string_view text) {
  return to_bytes(as_bytes(text));
}

std::string code_of(const Result<AppendLog>& log) {
  return log ? "ok" : log.error().code();
}

void overwrite(const std::filesystem::path& path, std::size_t at, std::size_t size,
               std::uint8_t change) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  for (std::size_t i = at; i < at + size; ++i) {
    file.seekg(static_cast<std::streamoff>(i));
    const int before = file.get();
    file.seekp(static_cast<std::streamoff>(i));
    file.put(static_cast<char>(before ^ change));
  }
}

// The half that the log is in begins here.
std::size_t present_half(const std::filesystem::path& path, const Bytes& first) {
  std::ifstream file(path, std::ios::binary);
  const std::string all((std::istreambuf_iterator<char>(file)), {});
  const std::size_t at = all.find(std::string(as_text(first)));
  EXPECT_NE(at, std::string::npos);
  return at < all.size() / 2 ? 0 : all.size() / 2;
}

TEST(AppendLog, GivesBackWhatWasAppended) {
  const TempDir dir;
  const auto path = dir.path() / "log";
  {
    auto log = AppendLog::create(path, kLogOwner, kHalf);
    ASSERT_TRUE(log);
    EXPECT_THAT(log->records(), IsEmpty());
    ASSERT_TRUE(log->append(std::vector<Bytes>{record("one"), record("two")}));
    ASSERT_TRUE(log->append(std::vector<Bytes>{Bytes{}, Bytes(9000, 7)}));
    EXPECT_EQ(log->sequence(), 3u);
  }
  const auto log = AppendLog::open(path, kLogOwner);
  ASSERT_TRUE(log);
  EXPECT_THAT(log->records(), ElementsAre(record("one"), record("two"), Bytes{}, Bytes(9000, 7)));
  EXPECT_EQ(log->sequence(), 3u);
  EXPECT_EQ(code_of(AppendLog::open(path, {9})), "store.damaged");
  EXPECT_EQ(code_of(AppendLog::open(dir.path() / "other", kLogOwner)), "store.missing");
}

TEST(AppendLog, StartsOverWithWhatIsStillNeeded) {
  const TempDir dir;
  const auto path = dir.path() / "log";
  auto log = AppendLog::create(path, kLogOwner, kHalf);
  ASSERT_TRUE(log);
  for (int round = 0; round < 50; ++round) {
    const std::vector<Bytes> more{record("round " + std::to_string(round))};
    if (!log->fits(more)) {
      ASSERT_TRUE(log->start_over(std::vector<Bytes>{record("kept " + std::to_string(round))}));
    }
    ASSERT_TRUE(log->append(more));
    const auto again = AppendLog::open(path, kLogOwner);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->records().back(), more.front());
    EXPECT_EQ(again->sequence(), log->sequence());
  }
  const auto again = AppendLog::open(path, kLogOwner);
  EXPECT_EQ(as_text(again->records().front()).substr(0, 4), "kept");
  EXPECT_LT(again->records().size(), 17u);
}

// A write that stopped anywhere, or wrote nonsense, takes only itself away.
TEST(AppendLog, ATornLastWriteIsDropped) {
  const TempDir dir;
  std::mt19937 random(1);
  for (int round = 0; round < 40; ++round) {
    const auto path = dir.path() / ("log" + std::to_string(round));
    {
      auto log = AppendLog::create(path, kLogOwner, kHalf);
      ASSERT_TRUE(log->append(std::vector<Bytes>{record("first")}));
      ASSERT_TRUE(log->append(std::vector<Bytes>{record("last"), Bytes(5000, 3)}));
    }
    const std::size_t frame = present_half(path, record("first")) + 2 * 4096;
    const std::size_t at = frame + random() % 5100;
    overwrite(path, at, 1 + random() % 40, static_cast<std::uint8_t>(1 + random() % 255));
    auto log = AppendLog::open(path, kLogOwner);
    ASSERT_TRUE(log) << log.error().to_string();
    EXPECT_THAT(log->records(), ElementsAre(record("first")));
    ASSERT_TRUE(log->append(std::vector<Bytes>{record("again")}));
    EXPECT_THAT(AppendLog::open(path, kLogOwner)->records(),
                ElementsAre(record("first"), record("again")));
  }
}

TEST(AppendLog, DamageInTheMiddleIsRefused) {
  const TempDir dir;
  const auto path = dir.path() / "log";
  {
    auto log = AppendLog::create(path, kLogOwner, kHalf);
    for (const char* text : {"one", "two", "three"}) {
      ASSERT_TRUE(log->append(std::vector<Bytes>{record(text)}));
    }
  }
  overwrite(path, present_half(path, record("one")) + 2 * 4096 + 70, 1, 1);
  EXPECT_EQ(code_of(AppendLog::open(path, kLogOwner)), "store.damaged");
}

// A crash in the middle of starting over leaves the half before.
TEST(AppendLog, ATornStartLeavesWhatWasThere) {
  const TempDir dir;
  const auto path = dir.path() / "log";
  {
    auto log = AppendLog::create(path, kLogOwner, kHalf);
    ASSERT_TRUE(log->append(std::vector<Bytes>{record("before")}));
    ASSERT_TRUE(log->start_over(std::vector<Bytes>{record("after")}));
  }
  overwrite(path, present_half(path, record("after")) + 10, 1, 1);
  EXPECT_THAT(AppendLog::open(path, kLogOwner)->records(), ElementsAre(record("before")));
}

}  // namespace
}  // namespace i2::store
