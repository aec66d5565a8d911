// A log whose process is killed at any moment: what it promised is in it, once.
//
// I2_KILL_ROUNDS: how many kills (default 24). I2_KILL_SEED repeats a run; a failure prints it.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <format>
#include <map>
#include <random>
#include <sstream>

#include "log_harness.h"

namespace i2::trustchain {
namespace {

using testing::code;
using testing::Home;
using testing::TempDir;

constexpr std::size_t kPerRound = 40;

std::uint64_t setting(const char* variable, std::uint64_t otherwise) {
  const char* const text = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe): one thread
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

// Runs log_victim and kills it after so many lines and so much more time; what it has written.
std::string lines_of_victim(std::array<std::string, 5> words, std::size_t lines,
                            unsigned later_us) {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  posix_spawn_file_actions_t actions{};
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  std::array<char*, 6> arguments{};
  for (std::size_t i = 0; i < words.size(); ++i) {
    arguments[i] = words[i].data();
  }
  pid_t pid = 0;
  EXPECT_EQ(::posix_spawn(&pid, I2_LOG_VICTIM, &actions, nullptr, arguments.data(), environ), 0);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  std::string text;
  const auto read_some = [&] {
    std::array<char, 4096> buffer{};
    const ssize_t size = ::read(ends[0], buffer.data(), buffer.size());
    text.append(buffer.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
    return size > 0;
  };
  while (static_cast<std::size_t>(std::ranges::count(text, '\n')) < lines && read_some()) {
  }
  // Any moment will do: this is what the test is about.
  ::usleep(later_us);
  ::kill(pid, SIGKILL);
  int status = 0;
  EXPECT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0) << status;
  while (read_some()) {
  }
  ::close(ends[0]);
  return text;
}

TEST(LogKill, WhatWasPromisedIsInTheLogOnce) {
  const auto seed = setting("I2_KILL_SEED", std::random_device{}());
  const auto rounds = setting("I2_KILL_ROUNDS", 24);
  SCOPED_TRACE(std::format("I2_KILL_SEED={}", seed));
  std::mt19937_64 random(seed);
  const TempDir temp;
  Home home(temp / "ct");
  std::map<std::size_t, std::uint64_t> promised;  // submission: entry
  std::size_t cut_off = 0;
  for (std::uint64_t round = 0; round < rounds; ++round) {
    home.clock.time += 10'000;
    // What was not promised is submitted again.
    const std::size_t first = promised.empty() ? 0 : promised.rbegin()->first;
    std::istringstream text(
        lines_of_victim({I2_LOG_VICTIM, home.dir().string(), std::to_string(first),
                         std::to_string(kPerRound), std::to_string(home.clock.time)},
                        random() % (kPerRound + 1), static_cast<unsigned>(random() % 20'000)));
    std::size_t answers = 0;
    std::size_t number = 0;
    for (std::uint64_t index = 0; text >> number >> index; ++answers) {
      const auto [known, fresh] = promised.emplace(number, index);
      ASSERT_TRUE(fresh || known->second == index) << "entered twice: " << number;
    }
    cut_off += answers < kPerRound ? 1 : 0;
    home.clock.time += 5000;
    ASSERT_EQ(code(home.open()), "ok") << "round " << round;
    ASSERT_EQ(home.audit_code(), "ok") << "round " << round;
    const auto view = home.log().view();
    ASSERT_LE(view->size(), first + kPerRound) << "entered twice";
    for (const auto& [submission, index] : promised) {
      if (submission + 2 * kPerRound < first) {
        continue;  // looked at before
      }
      const auto entry = view->entry(index);
      ASSERT_TRUE(entry) << entry.error().to_string();
      ASSERT_EQ(entry->submission, ct::testing::submission(submission));
    }
    home.close();
  }
  EXPECT_GT(cut_off, 0U) << "no kill came while something was under way";
}

}  // namespace
}  // namespace i2::trustchain
