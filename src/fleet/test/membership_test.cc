#include <gtest/gtest.h>
#include <i2/fleet/core/bundle.h>
#include <i2/fleet/data_dir.h>
#include <i2/fleet/membership.h>
#include <i2/fleet/trust_store.h>

#include <chrono>
#include <csignal>
#include <map>

#include "temp_dir.h"

namespace i2::fleet {
namespace {

using testing::code;
using testing::contents;
using testing::kNow;
using testing::mode_of;
using testing::overwrite;
using testing::TempDir;

namespace fs = std::filesystem;

Result<NodeSummary> init_home(const fs::path& dir, std::string fleet = "home",
                              std::string node = "alpha") {
  return init(
      {.data_dir = dir, .fleet_name = std::move(fleet), .node_name = std::move(node), .now = kNow});
}

Result<NodeSummary> provision_beta(const fs::path& dir, const fs::path& bundle,
                                   std::string name = "beta") {
  return provision(
      {.data_dir = dir, .node_name = std::move(name), .peers = {}, .bundle = bundle, .now = kNow});
}

// Every path below `dir` with its contents.
std::map<std::string, std::string> snapshot(const fs::path& dir) {
  std::map<std::string, std::string> out;
  for (const auto& entry : fs::recursive_directory_iterator(dir)) {
    out[entry.path().string()] = entry.is_regular_file() ? contents(entry.path()) : "";
  }
  return out;
}

TEST(Init, MakesANodeInUnderThreeSeconds) {
  const TempDir temp;
  const auto start = std::chrono::steady_clock::now();
  const auto made = init_home(temp / "data");
  const auto took = std::chrono::steady_clock::now() - start;
  ASSERT_TRUE(made) << made.error().to_string();
#ifndef I2_SANITIZED
  EXPECT_LT(took, std::chrono::seconds(3));
#endif
  static_cast<void>(took);
  EXPECT_TRUE(made->changed);
  EXPECT_EQ(made->fleet_name, "home");
  EXPECT_EQ(made->node_name, "alpha");
  EXPECT_EQ(inspect_data_dir(temp / "data").value(), DataDirState::kComplete);
  EXPECT_EQ(contents(temp / "data/VERSION"), "i2-data 1 " + made->chain_id.hex() + "\n");
  EXPECT_FALSE(fs::exists(temp / "data/SETUP"));
  const auto store = TrustStore::load(temp / "data", kNow);
  ASSERT_TRUE(store) << store.error().to_string();
  EXPECT_EQ((*store)->node_id(), made->node_id);
  EXPECT_EQ((*store)->chain_id(), made->chain_id);
}

TEST(Init, KeepsSecretsToItself) {
  const TempDir temp;
  init_home(temp / "data").value();
  EXPECT_EQ(mode_of(temp / "data"), 0700u);
  init_home(temp / "deep/er/").value();
  EXPECT_EQ(mode_of(temp / "deep/er"), 0700u);
  std::size_t secrets = 0;
  for (const auto& entry : fs::recursive_directory_iterator(temp / "data")) {
    if (entry.is_directory()) {
      EXPECT_EQ(mode_of(entry.path()), 0700u) << entry.path();
    } else if (contents(entry.path()).find("PRIVATE KEY") != std::string::npos) {
      EXPECT_EQ(mode_of(entry.path()), 0600u) << entry.path();
      ++secrets;
    }
  }
  EXPECT_EQ(secrets, 10u);  // node 2, operator 2, leaf, anchor, P-256 authority, root 3
}

TEST(Init, TheSameNamesAgainChangeNothing) {
  const TempDir temp;
  const auto first = init_home(temp / "data").value();
  const auto before = snapshot(temp / "data");
  const auto second = init_home(temp / "data");
  ASSERT_TRUE(second) << second.error().to_string();
  EXPECT_FALSE(second->changed);
  EXPECT_EQ(second->chain_id, first.chain_id);
  EXPECT_EQ(second->node_id, first.node_id);
  EXPECT_EQ(snapshot(temp / "data"), before);

  const auto other = init_home(temp / "data", "office");
  EXPECT_EQ(code(other), "fleet.already_member");
  EXPECT_NE(other.error().message().find("node 'alpha' of fleet 'home'"), std::string::npos);
  EXPECT_EQ(code(init_home(temp / "data", "home", "beta")), "fleet.already_member");
  EXPECT_EQ(snapshot(temp / "data"), before);
}

TEST(Init, RefusesNamesThatAreNone) {
  const TempDir temp;
  EXPECT_EQ(code(init_home(temp / "data", "Home")), "fleet.name_invalid");
  EXPECT_EQ(code(init_home(temp / "data", "home", "")), "fleet.name_invalid");
  EXPECT_EQ(code(init_home(temp / "data", "home", std::string(64, 'a'))), "fleet.name_invalid");
  EXPECT_FALSE(fs::exists(temp / "data"));
}

TEST(Init, TouchesNoDirectoryOfSomebodyElse) {
  const TempDir temp;
  fs::create_directories(temp / "data/identity");
  overwrite(temp / "data/identity/precious", "x");
  EXPECT_EQ(code(init_home(temp / "data")), "node.data_dir_unrecognised");
  EXPECT_EQ(contents(temp / "data/identity/precious"), "x");
  // Files that are not in the way are fine.
  fs::create_directories(temp / "other/lost+found");
  EXPECT_EQ(code(init_home(temp / "other")), "ok");
}

TEST(Init, RefusesADirectoryOfANewerProgram) {
  const TempDir temp;
  init_home(temp / "data").value();
  overwrite(temp / "data/VERSION", "i2-data 3 whatever\n");
  EXPECT_EQ(code(init_home(temp / "data")), "node.data_dir_version");
  EXPECT_EQ(code(TrustStore::load(temp / "data", kNow)), "node.data_dir_version");
  overwrite(temp / "data/VERSION", "13\n");
  EXPECT_EQ(code(init_home(temp / "data")), "node.data_dir_unrecognised");
}

TEST(Init, WaitsForNobody) {
  const TempDir temp;
  fs::create_directories(temp / "data");
  const auto held = DataDirLock::acquire(temp / "data").value();
  EXPECT_EQ(code(init_home(temp / "data")), "node.data_dir_locked");
}

TEST(DataDirLock, TheSecondDaemonIsToldWhoIsFirst) {
  const TempDir temp;
  {
    const auto first = DataDirLock::acquire(temp.path());
    ASSERT_TRUE(first) << first.error().to_string();
    const auto second = DataDirLock::acquire(temp.path());
    EXPECT_EQ(code(second), "node.data_dir_locked");
    EXPECT_NE(second.error().message().find("process " + std::to_string(::getpid()) + ";"),
              std::string::npos)
        << second.error().message();
  }
  EXPECT_EQ(code(DataDirLock::acquire(temp.path())), "ok");
  EXPECT_EQ(code(DataDirLock::acquire(temp / "absent")), "node.file_missing");
}

TEST(DataDirLock, DiesWithItsProcess) {
  const TempDir temp;
  const auto hold = [&temp] {
    auto held = DataDirLock::acquire(temp.path());
    ::kill(::getpid(), SIGKILL);
    return held ? 0 : 1;
  };
  EXPECT_EQ(testing::in_child(hold), -1);
  EXPECT_EQ(code(DataDirLock::acquire(temp.path())), "ok");
}

TEST(Provision, MakesABundleThatJoins) {
  const TempDir temp;
  const auto alpha = init_home(temp / "alpha").value();
  PeerHint hint{.node_id = alpha.node_id, .address = {}, .port = 9292};
  hint.address.back() = 1;
  const auto beta = provision({.data_dir = temp / "alpha",
                               .node_name = "beta",
                               .peers = {hint},
                               .bundle = temp / "beta.bundle",
                               .now = kNow});
  ASSERT_TRUE(beta) << beta.error().to_string();
  EXPECT_EQ(beta->chain_id, alpha.chain_id);
  EXPECT_EQ(mode_of(temp / "beta.bundle"), 0600u);
  EXPECT_TRUE(fs::exists(temp / ("alpha/ledger/members/" + beta->node_id.hex())));

  const auto joined =
      join({.data_dir = temp / "beta", .bundle = temp / "beta.bundle", .expected = alpha.chain_id});
  ASSERT_TRUE(joined) << joined.error().to_string();
  EXPECT_TRUE(joined->changed);
  EXPECT_EQ(joined->node_id, beta->node_id);
  EXPECT_EQ(joined->node_name, "beta");
  const auto store = TrustStore::load(temp / "beta", kNow);
  ASSERT_TRUE(store) << store.error().to_string();
  EXPECT_EQ((*store)->name(), "beta");
  EXPECT_EQ((*store)->peers(), std::vector{hint});
  EXPECT_EQ((*store)->members()->size(), 2u);
  EXPECT_FALSE((*store)->can_issue(kNow));
  EXPECT_FALSE(fs::exists(temp / "beta/identity/operator.falcon.pem"));
  EXPECT_FALSE(fs::exists(temp / "beta/identity/root"));
}

TEST(Provision, RefusesWhatCannotBe) {
  const TempDir temp;
  const auto alpha = init_home(temp / "alpha").value();
  EXPECT_EQ(code(provision_beta(temp / "nowhere", temp / "b")), "fleet.not_joined");
  EXPECT_EQ(code(provision_beta(temp / "alpha", temp / "b", "B")), "fleet.name_invalid");
  EXPECT_EQ(code(provision_beta(temp / "alpha", temp / "b", "alpha")), "fleet.name_taken");
  EXPECT_EQ(code(provision_beta(temp / "alpha", temp / "no/such/dir/b")), "node.file_missing");
  EXPECT_EQ(code(provision({.data_dir = temp / "alpha",
                            .node_name = "beta",
                            .peers = {PeerHint{}},
                            .bundle = temp / "b",
                            .now = kNow})),
            "fleet.hint_refused");
  overwrite(temp / "b", "mine");
  EXPECT_EQ(code(provision_beta(temp / "alpha", temp / "b")), "fleet.bundle_exists");
  EXPECT_EQ(contents(temp / "b"), "mine");
  EXPECT_TRUE(fs::is_empty(temp / "alpha/ledger/members"));

  EXPECT_EQ(code(provision_beta(temp / "alpha", temp / "b1")), "ok");
  EXPECT_EQ(code(provision_beta(temp / "alpha", temp / "b2")), "fleet.name_taken");
  EXPECT_FALSE(fs::exists(temp / "b2"));
  EXPECT_EQ(code(join({.data_dir = temp / "beta", .bundle = temp / "b1", .expected = {}})), "ok");
  EXPECT_EQ(code(provision_beta(temp / "beta", temp / "b3", "gamma")), "fleet.no_operator_keys");
  fs::remove(temp / "alpha/identity/ca/anchor.falcon.pem");
  EXPECT_EQ(code(provision_beta(temp / "alpha", temp / "b3", "gamma")), "fleet.no_anchor");
}

TEST(Join, TheSameBundleAgainChangesNothing) {
  const TempDir temp;
  init_home(temp / "alpha").value();
  provision_beta(temp / "alpha", temp / "b").value();
  provision_beta(temp / "alpha", temp / "c", "gamma").value();
  const JoinOptions beta{.data_dir = temp / "beta", .bundle = temp / "b", .expected = {}};
  join(beta).value();
  const auto before = snapshot(temp / "beta");
  const auto again = join(beta);
  ASSERT_TRUE(again) << again.error().to_string();
  EXPECT_FALSE(again->changed);
  EXPECT_EQ(again->node_name, "beta");
  EXPECT_EQ(code(join({.data_dir = temp / "beta", .bundle = temp / "c", .expected = {}})),
            "fleet.already_member");
  EXPECT_EQ(code(join({.data_dir = temp / "alpha", .bundle = temp / "b", .expected = {}})),
            "fleet.already_member");
  EXPECT_EQ(snapshot(temp / "beta"), before);
}

TEST(Join, LeavesNothingBehindWhenTheBundleIsRefused) {
  const TempDir temp;
  init_home(temp / "alpha").value();
  provision_beta(temp / "alpha", temp / "b").value();
  const std::string good = contents(temp / "b");
  const auto refused = [&](const std::string& bytes, std::optional<ChainId> expected = {}) {
    overwrite(temp / "b", bytes);
    return code(join({.data_dir = temp / "beta", .bundle = temp / "b", .expected = expected}));
  };
  std::string altered = good;
  altered[good.size() / 2] = static_cast<char>(altered[good.size() / 2] ^ 1);
  EXPECT_EQ(refused(altered), "fleet.bundle_altered");
  EXPECT_EQ(refused(good.substr(0, good.size() - 7)), "fleet.bundle_truncated");
  EXPECT_EQ(refused("hello"), "fleet.bundle_malformed");
  EXPECT_EQ(refused(good, ChainId{}), "fleet.bundle_foreign");
  EXPECT_FALSE(fs::exists(temp / "beta"));
  EXPECT_EQ(refused(good), "ok");
  EXPECT_EQ(code(join({.data_dir = temp / "x", .bundle = temp / "absent", .expected = {}})),
            "node.file_missing");
}

TEST(Join, RefusesABundleThatOthersCanRead) {
  const TempDir temp;
  init_home(temp / "alpha").value();
  provision_beta(temp / "alpha", temp / "b").value();
  fs::permissions(temp / "b", fs::perms::owner_read | fs::perms::group_read);
  const auto refused = join({.data_dir = temp / "beta", .bundle = temp / "b", .expected = {}});
  EXPECT_EQ(code(refused), "node.secret_exposed");
  EXPECT_NE(refused.error().message().find("chmod 600 '" + (temp / "b").string() + "'"),
            std::string::npos);
}

}  // namespace
}  // namespace i2::fleet
