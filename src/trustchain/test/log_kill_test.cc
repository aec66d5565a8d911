// A log whose process is killed at any moment: what it promised is in it, once.
//
// I2_KILL_ROUNDS: how many kills (default 24). I2_KILL_SEED repeats a run; a failure prints it.
#include <i2/trustchain/testing/victim.h>

#include <format>
#include <map>
#include <random>
#include <sstream>

#include "log_harness.h"

namespace i2::trustchain {
namespace {

using testing::code;
using testing::Home;
using testing::number_of;
using testing::run_and_kill;
using testing::TempDir;

constexpr std::size_t kPerRound = 40;

TEST(LogKill, WhatWasPromisedIsInTheLogOnce) {
  const auto seed = number_of("I2_KILL_SEED", std::random_device{}());
  const auto rounds = number_of("I2_KILL_ROUNDS", 24);
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
    const auto killed =
        run_and_kill({I2_LOG_VICTIM, home.dir().string(), std::to_string(first),
                      std::to_string(kPerRound), std::to_string(home.clock.time)},
                     random() % (kPerRound + 1), static_cast<unsigned>(random() % 20'000));
    EXPECT_TRUE(WIFSIGNALED(killed.status) || WEXITSTATUS(killed.status) == 0) << killed.status;
    std::istringstream text(killed.lines);
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
