#include <gtest/gtest.h>
#include <i2/store/key_value_store.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <map>

#include "temp_dir.h"

namespace i2::store {
namespace {

namespace fs = std::filesystem;
using testing::TempDir;
using Mode = KeyValueStore::Mode;

Bytes bytes(std::string_view text) {
  return to_bytes(as_bytes(text));
}

std::map<std::string, std::string> pairs(const KeyValueStore& store, std::string_view prefix) {
  std::map<std::string, std::string> out;
  const auto scanned = store.scan(as_bytes(prefix), [&](ByteView key, ByteView value) {
    out.emplace(as_text(key), as_text(value));
    return true;
  });
  EXPECT_TRUE(scanned);
  return out;
}

Batch batch(std::initializer_list<std::pair<std::string_view, std::string_view>> puts) {
  Batch out;
  for (const auto& [key, value] : puts) {
    out.put(bytes(key), bytes(value));
  }
  return out;
}

TEST(KeyValueStore, KeepsBatchesOverOpening) {
  const TempDir dir;
  const fs::path path = dir.path() / "db";
  EXPECT_EQ(KeyValueStore::open(path, Mode::kExisting).error().code(), "store.missing");
  {
    auto store = KeyValueStore::open(path, Mode::kCreate);
    ASSERT_TRUE(store) << store.error().to_string();
    ASSERT_TRUE((*store)->commit(batch({{"a1", "x"}, {"a2", ""}, {"b", "z"}})));
    Batch second = batch({{"a3", "y"}});
    second.erase(bytes("a1"));
    ASSERT_TRUE((*store)->commit(second));
    EXPECT_EQ(KeyValueStore::open(path, Mode::kExisting).error().code(), "store.locked");
  }
  auto store = KeyValueStore::open(path, Mode::kExisting);
  ASSERT_TRUE(store);
  EXPECT_EQ(pairs(**store, "a"), (std::map<std::string, std::string>{{"a2", ""}, {"a3", "y"}}));
  EXPECT_EQ((*store)->get(as_bytes("b")).value(), bytes("z"));
  EXPECT_EQ((*store)->get(as_bytes("a1")).value(), std::nullopt);
  int seen = 0;
  ASSERT_TRUE((*store)->scan({}, [&](ByteView, ByteView) { return ++seen < 2; }));
  EXPECT_EQ(seen, 2);
}

// What store_victim ended with: a process of its own, since RocksDB has threads in this one.
int run_victim(const char* what, const fs::path& path, const std::string& key) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::execl(I2_STORE_VICTIM, I2_STORE_VICTIM, what, path.c_str(), key.c_str(), nullptr);
    ::_exit(127);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return status;
}

// Killed at once after commit() returned: what it promised is there.
TEST(KeyValueStore, WhatWasCommittedSurvivesAKill) {
  const TempDir dir;
  const fs::path path = dir.path() / "db";
  {
    ASSERT_TRUE(KeyValueStore::open(path, Mode::kCreate));
  }
  for (int round = 0; round < 5; ++round) {
    const int status = run_victim("kill", path, "k" + std::to_string(round));
    ASSERT_TRUE(WIFSIGNALED(status)) << status;
    auto store = KeyValueStore::open(path, Mode::kExisting);
    ASSERT_TRUE(store) << store.error().to_string();
    EXPECT_EQ(pairs(**store, "k").size(), static_cast<std::size_t>(round) + 1);
  }
}

TEST(KeyValueStore, AFullDiskIsSaidAndStopsWriting) {
  const TempDir dir;
  const fs::path path = dir.path() / "db";
  {
    ASSERT_TRUE(KeyValueStore::open(path, Mode::kCreate));
  }
  const int status = run_victim("full", path, "first");
  ASSERT_TRUE(WIFEXITED(status)) << status;
  EXPECT_EQ(WEXITSTATUS(status), 0);
  auto store = KeyValueStore::open(path, Mode::kExisting);
  ASSERT_TRUE(store) << store.error().to_string();
  EXPECT_TRUE((*store)->get(as_bytes("first")).value());
  EXPECT_FALSE((*store)->get(as_bytes("later")).value());
  ASSERT_TRUE((*store)->commit(batch({{"later", "v"}})));
}

TEST(KeyValueStore, ADamagedFileIsNotRead) {
  const TempDir dir;
  const fs::path path = dir.path() / "db";
  {
    ASSERT_TRUE(KeyValueStore::open(path, Mode::kCreate));
  }
  for (const auto& entry : fs::directory_iterator(path)) {
    if (entry.path().filename().string().starts_with("MANIFEST")) {
      std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(20);
      file.write("\xff\xff\xff\xff", 4);
    }
  }
  EXPECT_EQ(KeyValueStore::open(path, Mode::kExisting).error().code(), "store.damaged");
}

}  // namespace
}  // namespace i2::store
