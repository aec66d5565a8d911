// What a killed process and a full disk leave behind.
#include <gtest/gtest.h>
#include <i2/fleet/membership.h>
#include <i2/fleet/trust_store.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <format>

#include "founding.h"
#include "layout.h"
#include "setup.h"
#include "temp_dir.h"

namespace i2::fleet {
namespace {

using testing::code;
using testing::in_child;
using testing::kNow;
using testing::overwrite;
using testing::TempDir;

namespace fs = std::filesystem;

constexpr int kKilled = 42;

InitOptions home(const fs::path& dir) {
  return {.data_dir = dir, .fleet_name = "home", .node_name = "alpha", .now = kNow};
}

// A commit in a process that dies in front of its n-th change of the disk; true if it did not get
// there.
bool commit_killed_at(int n, const fs::path& dir, const SetupContents& contents) {
  const int status = in_child([&] {
    int left = n;
    const FileWriter writer([&left] {
      if (left-- == 0) {
        ::_exit(kKilled);
      }
    });
    return commit_setup(writer, dir, contents) ? 0 : 1;
  });
  EXPECT_TRUE(status == 0 || status == kKilled) << status;
  return status == 0;
}

TEST(Setup, KilledAnywhereItIsEitherCompleteOrStartsOver) {
  const auto founding = found_fleet("home", "alpha", kNow).value();
  int unusable = 0;
  int usable = 0;
  for (int n = 0;; ++n) {
    const TempDir temp;
    const bool finished = commit_killed_at(n, temp.path(), founding.contents);
    const auto state = inspect_data_dir(temp.path());
    ASSERT_TRUE(state) << n << ": " << state.error().to_string();
    const auto store = TrustStore::load(temp.path(), kNow);
    if (*state == DataDirState::kComplete) {
      ++usable;
      ASSERT_TRUE(store) << n << ": " << store.error().to_string();
    } else {
      ++unusable;
      ASSERT_FALSE(store) << n;
      ASSERT_EQ(code(store),
                *state == DataDirState::kEmpty ? "fleet.not_joined" : "fleet.setup_interrupted");
      ASSERT_TRUE(commit_setup(FileWriter(), temp.path(), founding.contents));
      const auto again = TrustStore::load(temp.path(), kNow);
      ASSERT_TRUE(again) << n << ": " << again.error().to_string();
      ASSERT_EQ((*again)->node_id(), founding.node_id);
    }
    if (finished) {
      break;
    }
  }
  EXPECT_GT(unusable, 80);  // 14 files and 7 directories, several steps each
  EXPECT_GE(usable, 2);     // VERSION is there, SETUP not yet gone; and the end
}

TEST(Setup, InitCompletesWhatAKilledInitBegan) {
  const auto founding = found_fleet("home", "alpha", kNow).value();
  for (const int n : {3, 30, 60}) {
    const TempDir temp;
    ASSERT_FALSE(commit_killed_at(n, temp.path(), founding.contents));
    const auto made = init(home(temp.path()));
    ASSERT_TRUE(made) << made.error().to_string();
    EXPECT_TRUE(made->changed);
    EXPECT_NE(made->chain_id,
              founding.contents.chain_id);  // new keys: the old ones were never used
    const auto store = TrustStore::load(temp.path(), kNow);
    ASSERT_TRUE(store) << store.error().to_string();
    EXPECT_EQ((*store)->members()->size(), 1u);
    for (const auto& entry : fs::recursive_directory_iterator(temp.path())) {
      EXPECT_FALSE(entry.path().filename().string().ends_with(".new")) << entry.path();
    }
  }
}

TEST(Setup, AReplacedNodeIsNeverLost) {
  const auto before = found_fleet("mine", "beta", kNow).value();
  auto after = found_fleet("home", "alpha", kNow).value();
  int old_ones = 0;
  for (int n = 0;; n += 3) {
    const TempDir temp;
    ASSERT_TRUE(commit_setup(FileWriter(), temp.path(), before.contents));
    after.contents.replaces = true;
    const bool finished = commit_killed_at(n, temp.path(), after.contents);
    ASSERT_TRUE(inspect_data_dir(temp.path())) << n;
    const auto store = TrustStore::load(temp.path(), kNow);
    if (!store || (*store)->node_id() != after.node_id) {
      ASSERT_FALSE(finished);
      after.contents.replaces = store.has_value();
      old_ones += store ? 1 : 0;
      ASSERT_TRUE(commit_setup(FileWriter(), temp.path(), after.contents)) << n;
    }
    const auto now_there = TrustStore::load(temp.path(), kNow);
    ASSERT_TRUE(now_there) << n << ": " << now_there.error().to_string();
    ASSERT_EQ((*now_there)->node_id(), after.node_id) << n;
    std::vector<fs::path> aside;
    for (const auto& entry : fs::directory_iterator(temp / std::string(kReplacedDir))) {
      aside.push_back(entry.path());
    }
    ASSERT_EQ(aside.size(), 1u) << n;
    const auto put_aside = TrustStore::load(aside.front(), kNow);
    ASSERT_TRUE(put_aside) << n << ": " << put_aside.error().to_string();
    ASSERT_EQ((*put_aside)->node_id(), before.node_id) << n;
    if (finished) {
      break;
    }
  }
  EXPECT_GE(old_ones, 2);
}

TEST(FileWriter, ReplacesCompletelyOrNotAtAll) {
  const TempDir temp;
  const fs::path path = temp / "file";
  const std::string before(5000, 'a');
  const std::string after(9000, 'b');
  for (int n = 0;; ++n) {
    overwrite(path, before);
    const int status = in_child([&] {
      int left = n;
      const FileWriter writer([&left] {
        if (left-- == 0) {
          ::_exit(kKilled);
        }
      });
      return writer.write(path, as_bytes(after), kSecretMode) ? 0 : 1;
    });
    const std::string found = testing::contents(path);
    ASSERT_TRUE(found == before || found == after) << n;
    if (status == 0) {
      EXPECT_EQ(found, after);
      EXPECT_GE(n, 4);
      break;
    }
    ASSERT_EQ(status, kKilled);
  }
}

// A file may have at most `bytes` bytes in this process from now on.
void limit_file_size(rlim_t bytes) {
  ::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{.rlim_cur = bytes, .rlim_max = bytes};
  ::setrlimit(RLIMIT_FSIZE, &limit);
}

TEST(FullDisk, AFailedInitCanBeRepeated) {
  const TempDir temp;
  const int status = in_child([&] {
    limit_file_size(2000);  // smaller than a Falcon key
    const auto made = init(home(temp / "data"));
    return !made && made.error().is("node.disk_full") ? 0 : 1;
  });
  ASSERT_EQ(status, 0);
  EXPECT_EQ(code(TrustStore::load(temp / "data", kNow)), "fleet.setup_interrupted");
  EXPECT_EQ(code(init(home(temp / "data"))), "ok");
  EXPECT_EQ(code(TrustStore::load(temp / "data", kNow)), "ok");
}

TEST(FullDisk, AFailedProvisionLeavesNoBundleAndNoMember) {
  const TempDir temp;
  init(home(temp / "data")).value();
  const ProvisionOptions beta{.data_dir = temp / "data",
                              .node_name = "beta",
                              .peers = {},
                              .bundle = temp / "beta.bundle",
                              .now = kNow};
  const int status = in_child([&] {
    limit_file_size(10'000);  // smaller than a bundle
    const auto made = provision(beta);
    return !made && made.error().is("node.disk_full") ? 0 : 1;
  });
  ASSERT_EQ(status, 0);
  EXPECT_TRUE(fs::is_empty(temp / "data/ledger/members"));
  EXPECT_EQ(std::distance(fs::directory_iterator(temp.path()), {}), 1);  // the data directory alone
  EXPECT_EQ(code(provision(beta)), "ok");
}

// Mounts a file system of `kilobytes` on `dir`, seen by this process only.
bool mount_small(const fs::path& dir, int kilobytes) {
  return ::unshare(CLONE_NEWNS) == 0 &&
         ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         ::mount("tmpfs", dir.c_str(), "tmpfs", 0, std::format("size={}k", kilobytes).c_str()) == 0;
}

constexpr int kNotAllowed = 77;

TEST(FullDisk, OnARealFileSystemInitSucceedsOnceThereIsRoom) {
  for (const int kilobytes : {4, 24, 48, 64}) {
    const TempDir temp;
    const int status = in_child([&] {
      if (!mount_small(temp.path(), kilobytes)) {
        return kNotAllowed;
      }
      const auto full = init(home(temp.path()));
      if (full || !full.error().is("node.disk_full")) {
        return 1;
      }
      if (::mount(nullptr, temp.path().c_str(), nullptr, MS_REMOUNT, "size=1m") != 0) {
        return 2;
      }
      return init(home(temp.path())) && TrustStore::load(temp.path(), kNow) ? 0 : 3;
    });
    if (status == kNotAllowed) {
      GTEST_SKIP() << "mounting a file system needs root";
    }
    EXPECT_EQ(status, 0) << kilobytes << " KiB";
  }
}

TEST(FullDisk, ABundleWhoseMemberCannotBeRegisteredIsRemoved) {
  const TempDir temp;
  init(home(temp / "data")).value();
  const int status = in_child([&] {
    if (!mount_small(temp / "data/ledger/members", 4)) {
      return kNotAllowed;
    }
    overwrite(temp / "data/ledger/members/.filler", std::string(4096, 'x'));
    const auto made = provision({.data_dir = temp / "data",
                                 .node_name = "beta",
                                 .peers = {},
                                 .bundle = temp / "beta.bundle",
                                 .now = kNow});
    return !made && made.error().is("node.disk_full") ? 0 : 1;
  });
  if (status == kNotAllowed) {
    GTEST_SKIP() << "mounting a file system needs root";
  }
  EXPECT_EQ(status, 0);
  EXPECT_FALSE(fs::exists(temp / "beta.bundle"));
}

}  // namespace
}  // namespace i2::fleet
