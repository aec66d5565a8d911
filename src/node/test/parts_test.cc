// The small parts of the daemon, each by itself.
#include <gtest/gtest.h>
#include <i2/rt/runtime.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <fstream>
#include <future>

#include "../src/inbox.h"
#include "../src/log_takeover.h"
#include "../src/rate_limit.h"
#include "../src/tasks.h"
#include "../src/unix_socket.h"

namespace i2::node {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;

rt::RuntimeConfig one_worker() {
  rt::RuntimeConfig out;
  out.workers = 1;
  return out;
}

class PartsTest : public testing::Test {
 public:
  PartsTest() : runtime_(one_worker()) {
    const auto* const info = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::path(testing::TempDir()) / ("parts_test." + std::string(info->name()));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  ~PartsTest() override { fs::remove_all(folder_); }

 protected:
  void write(const fs::path& path, std::string_view text) const {
    fs::create_directories((folder_ / path).parent_path());
    std::ofstream(folder_ / path) << text;
  }

  rt::Runtime runtime_;
  fs::path folder_;
};

Task<> wait_and_count(Wakeup* wakeup, std::atomic<int>* count) {
  co_await wakeup->wait(kNever);
  ++*count;
}

TEST(LogAbsence, CountsWhileOneLogDoesNotAnswer) {
  LogAbsence absence;
  EXPECT_EQ(absence.lasted(1, 100), 0u);
  absence.missed(1, 100);
  absence.missed(1, 200);
  EXPECT_EQ(absence.lasted(1, 250), 150u);
  EXPECT_EQ(absence.lasted(2, 250), 0u);
  absence.answered();
  EXPECT_EQ(absence.lasted(1, 300), 0u);
  absence.missed(1, 300);
  EXPECT_EQ(absence.lasted(1, 310), 10u);
  // Another log is the fleet's: its absence is another one.
  absence.missed(2, 400);
  EXPECT_EQ(absence.lasted(1, 450), 0u);
  EXPECT_EQ(absence.lasted(2, 450), 50u);
}

TEST(LogAbsence, EachRankWaitsOnceMore) {
  LogAbsence absence;
  EXPECT_FALSE(absence.is_due(1, 0, kSecond, 100 * kSecond));
  for (std::uint64_t i = 0; i < LogAbsence::kMissesMin; ++i) {
    EXPECT_FALSE(absence.is_due(1, 0, 5 * kSecond, 100 * kSecond));  // too few to be sure
    absence.missed(1, (10 + i) * kSecond);
  }
  EXPECT_FALSE(absence.is_due(1, 0, 5 * kSecond, 15 * kSecond - 1));
  EXPECT_TRUE(absence.is_due(1, 0, 5 * kSecond, 15 * kSecond));
  EXPECT_FALSE(absence.is_due(1, 1, 5 * kSecond, 20 * kSecond - 2));
  EXPECT_TRUE(absence.is_due(1, 1, 5 * kSecond, 20 * kSecond));
  EXPECT_TRUE(absence.is_due(1, 3, 5 * kSecond, 30 * kSecond));
  EXPECT_FALSE(absence.is_due(2, 0, 5 * kSecond, 30 * kSecond));
  EXPECT_FALSE(absence.is_due(1, 0, 0, 1000 * kSecond));  // never by itself
  absence.answered();
  absence.missed(1, 40 * kSecond);
  EXPECT_FALSE(absence.is_due(1, 0, 5 * kSecond, 100 * kSecond));
}

TEST_F(PartsTest, TaskGroupWaitsForTheLastTask) {
  TaskGroup tasks;
  EXPECT_TRUE(tasks.wait(0));
  Wakeup wakeup(runtime_.control());
  std::atomic<int> count = 0;
  tasks.spawn(runtime_.control(), wait_and_count(&wakeup, &count));
  EXPECT_FALSE(tasks.wait(10 * kMillisecond));
  asio::post(runtime_.control(), [&wakeup] { wakeup.wake(); });
  EXPECT_TRUE(tasks.wait(10 * kSecond));
  EXPECT_EQ(count, 1);
}

TEST_F(PartsTest, AWakeupBeforeTheWaitCounts) {
  Wakeup wakeup(runtime_.control());
  std::atomic<int> count = 0;
  asio::post(runtime_.control(), [&wakeup] { wakeup.wake(); });
  asio::co_spawn(runtime_.control(), wait_and_count(&wakeup, &count), asio::use_future).get();
  EXPECT_EQ(count, 1);
}

Task<> wait_briefly(Wakeup* wakeup) {
  co_await wakeup->wait(kMillisecond);
}

TEST_F(PartsTest, AWaitEndsByItself) {
  Wakeup wakeup(runtime_.control());
  auto done = asio::co_spawn(runtime_.control(), wait_briefly(&wakeup), asio::use_future);
  EXPECT_EQ(done.wait_for(std::chrono::seconds(10)), std::future_status::ready);
}

TEST_F(PartsTest, AnInboxIsItsSendersFiles) {
  EXPECT_TRUE(list_inbox(folder_ / "none", 10)->empty());
  write("alpha/a.txt", "hello");
  write("alpha/.0123.part", "half");
  write("beta/b.bin", "");
  write("stray", "not in a sender's folder");
  write(".hidden/c", "");
  fs::create_directory(folder_ / "alpha/folder");
  fs::create_symlink("/etc/passwd", folder_ / "alpha/link");
  const auto files = list_inbox(folder_, 10);
  ASSERT_TRUE(files);
  ASSERT_EQ(files->size(), 2);
  EXPECT_EQ((*files)[0].name, "a.txt");
  EXPECT_EQ((*files)[0].sender, "alpha");
  EXPECT_EQ((*files)[0].size, 5);
  EXPECT_EQ((*files)[0].path, folder_ / "alpha/a.txt");
  EXPECT_GT((*files)[0].received_at, 1'700'000'000'000);
  EXPECT_EQ((*files)[1].name, "b.bin");
  EXPECT_EQ(list_inbox(folder_, 1)->size(), 1);
  EXPECT_EQ(list_inbox(folder_ / "stray", 1).error().code(), "node.file_failed");
}

TEST_F(PartsTest, ALongSocketPathIsNamedThroughItsFolder) {
  const auto brief = unix_address("/run/x.sock");
  ASSERT_TRUE(brief);
  EXPECT_STREQ(brief->address.sun_path, "/run/x.sock");
  EXPECT_FALSE(brief->folder);
  const fs::path deep = folder_ / std::string(120, 'd');
  EXPECT_EQ(unix_address(deep / "x.sock").error().code(), "node.socket_failed");
  fs::create_directory(deep);
  const auto address = unix_address(deep / "x.sock");
  ASSERT_TRUE(address);
  EXPECT_TRUE(std::string(address->address.sun_path).starts_with("/proc/self/fd/"));
  EXPECT_EQ(unix_address(deep / std::string(120, 'n')).error().code(), "node.socket_failed");
}

TEST(RateLimit, LetsABurstInAndThenASteadyTrickle) {
  RateLimit limit(3, kSecond);
  const Timestamp start = 1'000 * kSecond;
  EXPECT_TRUE(limit.take(start));
  EXPECT_TRUE(limit.take(start));
  EXPECT_TRUE(limit.take(start));
  EXPECT_FALSE(limit.take(start));
  EXPECT_FALSE(limit.take(start + kSecond - 1));
  EXPECT_TRUE(limit.take(start + kSecond));
  EXPECT_FALSE(limit.take(start + kSecond)) << "parts of a second are not lost, nor counted twice";
  EXPECT_FALSE(limit.take(start));  // a clock that goes back gives nothing
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(limit.take(start + 100 * kSecond));
  }
  EXPECT_FALSE(limit.take(start + 100 * kSecond)) << "it never saves up more than a burst";
}

}  // namespace
}  // namespace i2::node
