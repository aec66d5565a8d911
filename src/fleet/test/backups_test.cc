// A node that is put into one file and comes back from it.
#include <gtest/gtest.h>
#include <i2/fleet/backups.h>
#include <i2/fleet/trust_store.h>
#include <i2/fleet/vote_memory.h>
#include <i2/store/key_value_store.h>

#include "founded.h"

namespace i2::fleet {
namespace {

namespace fs = std::filesystem;
using testing::code;
using testing::contents;
using testing::Founded;
using testing::kHour;
using testing::kNow;
using testing::mode_of;
using testing::overwrite;
using testing::TempDir;

RestoreOptions from(const fs::path& file, const fs::path& dir) {
  return {.data_dir = dir, .file = file, .newest = false};
}

TEST(Backups, ANodeComesBackWithItsKeysAndItsState) {
  const TempDir temp;
  Founded home(temp / "alpha");
  ASSERT_TRUE(home.append({home.invite(0), home.invite(1)}));
  // As a daemon has it: open, with the last block not synced.
  BlockBuilder builder(home.machine, *home.ledger->chain(), kNow + kHour);
  ASSERT_TRUE(builder.add(home.invite(2)));
  ASSERT_TRUE(home.ledger->append(home.seal(std::move(builder)), Ledger::Durability::kLater));

  const auto made = make_backup(temp / "alpha", temp / "file", kNow + 1);
  ASSERT_TRUE(made) << made.error().to_string();
  EXPECT_EQ(made->height, 2u);
  EXPECT_EQ(made->node.node_name, "alpha");
  EXPECT_EQ(made->size, fs::file_size(temp / "file"));
  EXPECT_EQ(mode_of(temp / "file"), 0600u);
  EXPECT_EQ(code(make_backup(temp / "alpha", temp / "file", kNow)), "fleet.backup_exists");

  const auto restored = restore_backup(from(temp / "file", temp / "again"));
  ASSERT_TRUE(restored) << restored.error().to_string();
  EXPECT_EQ(restored->node.node_id, made->node.node_id);
  EXPECT_EQ(restored->made, kNow + 1);
  for (const std::string_view file :
       {kNodeFalconFile, kNodeEd25519File, kLeafFile, kOperatorFalconFile, kRootFalconFile,
        kAnchorKeyFile, kGenesisFile}) {
    EXPECT_EQ(contents(temp / "again" / file), contents(temp / "alpha" / file)) << file;
    EXPECT_EQ(mode_of(temp / "again" / file), mode_of(temp / "alpha" / file)) << file;
  }
  const auto ledger = open_ledger(temp / "again", home.machine);
  ASSERT_TRUE(ledger) << ledger.error().to_string();
  EXPECT_EQ((*ledger)->chain()->state.root(), home.ledger->chain()->state.root());
  EXPECT_EQ((*ledger)->head(), home.ledger->head());
  EXPECT_TRUE(TrustStore::load(temp / "again", kNow, (*ledger)->chain()));
  EXPECT_TRUE(is_behind_backup(temp / "again"));
  // What comes later follows.
  ASSERT_TRUE(home.append({home.invite(3)}));
  testing::follow_all(**ledger, *home.ledger);
  EXPECT_EQ((*ledger)->height(), 3u);
  ASSERT_TRUE(forget_backup(temp / "again"));
  EXPECT_FALSE(is_behind_backup(temp / "again"));
}

TEST(Backups, ANodeWithoutALedgerAndOneBeforeItsFirstBlock) {
  const TempDir temp;
  ASSERT_TRUE(
      init({.data_dir = temp / "alpha", .fleet_name = "home", .node_name = "alpha", .now = kNow}));
  ASSERT_TRUE(make_backup(temp / "alpha", temp / "records", kNow));
  RestoreOptions newest = from(temp / "records", temp / "again");
  newest.newest = true;
  ASSERT_TRUE(restore_backup(newest));
  EXPECT_FALSE(is_behind_backup(temp / "again"));
  EXPECT_TRUE(TrustStore::load(temp / "again", kNow));

  const StateMachine machine;
  ASSERT_TRUE(open_ledger(temp / "alpha", machine));
  const auto made = make_backup(temp / "alpha", temp / "genesis", kNow);
  ASSERT_TRUE(made) << made.error().to_string();
  EXPECT_EQ(made->height, 0u);
  ASSERT_TRUE(restore_backup(from(temp / "genesis", temp / "third")));
  const auto ledger = open_ledger(temp / "third", machine);
  ASSERT_TRUE(ledger) << ledger.error().to_string();
  EXPECT_EQ((*ledger)->height(), 0u);
}

// Who signs with an older memory may contradict itself.
TEST(Backups, NothingToVoteWithComesBack) {
  const TempDir temp;
  Founded home(temp / "alpha");
  auto memory = VoteMemory::open(temp / "alpha", home.ledger->chain()->head.chain_id).value();
  ASSERT_TRUE(memory.make_key(consensus::VoteSuite::kEd25519));
  ASSERT_TRUE(make_backup(temp / "alpha", temp / "file", kNow));
  ASSERT_TRUE(restore_backup(from(temp / "file", temp / "again")));
  EXPECT_FALSE(fs::exists(temp / "again" / kSignerDir));
  EXPECT_FALSE(fs::exists(temp / "again" / kVotesFile));
  const auto restored =
      VoteMemory::open(temp / "again", home.ledger->chain()->head.chain_id).value();
  EXPECT_EQ(restored.key(), nullptr);
}

// As a daemon has them: open, with the last records not synced.
TEST(Backups, DatabasesComeBackAsTheyWereAndClosedLogsWithTheirKeys) {
  using store::KeyValueStore;
  const TempDir temp;
  Founded home(temp / "alpha");
  fs::create_directory(temp / "alpha" / "ca");
  auto issued = KeyValueStore::open(temp / "alpha" / "ca" / "issued", KeyValueStore::Mode::kCreate);
  ASSERT_TRUE(issued) << issued.error().to_string();
  for (std::uint8_t i = 0; i < 10; ++i) {
    store::Batch batch;
    batch.put({1, i}, Bytes(1024UL * 1024, i));
    ASSERT_TRUE((*issued)->commit(batch, KeyValueStore::Durability::kLater));
  }
  BackupParts parts;
  parts.databases.push_back({.dir = temp / "alpha" / "ca" / "issued", .name = "ca/issued"});
  parts.databases.push_back({.dir = temp / "alpha" / "ca" / "issued", .name = "ct/closed/x/log"});
  parts.files.push_back({.name = "ct/closed/x/keys", .bytes = {7}});
  const auto made = make_backup(temp / "alpha", temp / "file", kNow, parts);
  ASSERT_TRUE(made) << made.error().to_string();
  ASSERT_EQ(made->databases.size(), 2u);
  EXPECT_EQ(made->databases[0].records, 10u);
  EXPECT_EQ(made->size, fs::file_size(temp / "file"));
  store::Batch later;
  later.put({1, 200}, {});
  ASSERT_TRUE((*issued)->commit(later));

  fs::create_directories(temp / "taken" / "ca");
  EXPECT_EQ(code(restore_backup(from(temp / "file", temp / "taken"))),
            "node.data_dir_unrecognised");
  const auto restored = restore_backup(from(temp / "file", temp / "again"));
  ASSERT_TRUE(restored) << restored.error().to_string();
  EXPECT_EQ(restored->databases[1].name, "ct/closed/x/log");
  EXPECT_EQ(restored->databases[1].records, 10u);
  EXPECT_EQ(contents(temp / "again" / "ct/closed/x/keys"), "\x07");
  EXPECT_EQ(mode_of(temp / "again" / "ct/closed/x/keys"), 0600u);
  const auto back =
      KeyValueStore::open(temp / "again" / "ca" / "issued", KeyValueStore::Mode::kExisting);
  ASSERT_TRUE(back) << back.error().to_string();
  for (std::uint8_t i = 0; i < 10; ++i) {
    EXPECT_EQ((*back)->get(Bytes{1, i}).value(), Bytes(1024UL * 1024, i));
  }
  EXPECT_EQ((*back)->get(Bytes{1, 200}).value(), std::nullopt);
  EXPECT_EQ(authority_backup(temp / "again").value(), std::optional(kNow));
  ASSERT_TRUE(forget_authority_backup(temp / "again"));
  EXPECT_EQ(authority_backup(temp / "again").value(), std::nullopt);
}

TEST(Backups, WhatIsNotWholeOrNotWantedIsNotRestored) {
  const TempDir temp;
  Founded home(temp / "alpha");
  ASSERT_TRUE(home.append({home.invite(0)}));
  ASSERT_TRUE(make_backup(temp / "alpha", temp / "file", kNow));
  EXPECT_EQ(code(restore_backup(from(temp / "file", temp / "alpha"))), "fleet.already_member");
  EXPECT_EQ(code(restore_backup(from(temp / "nothing", temp / "b"))), "node.file_missing");
  fs::permissions(temp / "file", fs::perms(0644));
  EXPECT_EQ(code(restore_backup(from(temp / "file", temp / "b"))), "node.secret_exposed");
  fs::permissions(temp / "file", fs::perms(0600));
  const std::string whole = contents(temp / "file");
  overwrite(temp / "file", std::string_view(whole).substr(0, whole.size() / 2));
  EXPECT_EQ(code(restore_backup(from(temp / "file", temp / "b"))), "fleet.backup_invalid");
  EXPECT_FALSE(fs::exists(temp / "b"));
  overwrite(temp / "file", whole);
  EXPECT_EQ(code(restore_backup(from(temp / "file", temp / "b"))), "ok");
  EXPECT_EQ(code(restore_backup(from(temp / "file", temp / "b"))), "fleet.already_member");
  EXPECT_EQ(code(make_backup(temp / "empty", temp / "other", kNow)), "fleet.not_joined");
}

}  // namespace
}  // namespace i2::fleet
