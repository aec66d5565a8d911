#include <gtest/gtest.h>

#include "consensus_explorer.h"
#include "consensus_sim.h"
#include "seeds.h"

namespace i2::sim {
namespace {

#ifdef I2_SANITIZED
constexpr std::uint64_t kSeeds = 20;
#else
constexpr std::uint64_t kSeeds = 1000;
#endif

// Each seed twice. How many validators lost their memory, some of them with a part of their disk.
std::size_t run_all(const ConsensusWorld& world, std::uint64_t seeds) {
  const auto [first, count] = Seeds::from_environment(seeds);
  std::size_t crashes = 0;
  std::size_t sealed = 0;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const ConsensusOutcome once = run_consensus(seed, world);
    for (const std::string& complaint : once.complaints) {
      ADD_FAILURE() << complaint;
    }
    EXPECT_FALSE(once.diverged);
    EXPECT_FALSE(once.halted);
    EXPECT_GE(once.sealed, 10u);
    const ConsensusOutcome again = run_consensus(seed, world);
    EXPECT_EQ(to_hex(once.trace), to_hex(again.trace));
    if (::testing::Test::HasFailure()) {
      break;
    }
    crashes += once.crashes;
    sealed += once.sealed;
  }
  std::printf("%llu seeds, %zu payloads sealed, %zu crashes\n",
              static_cast<unsigned long long>(count), sealed, crashes);
  return crashes;
}

TEST(ConsensusSimulation, HonestValidatorsAgree) {
  const std::size_t crashes = run_all({}, kSeeds);
  EXPECT_GE(crashes, Seeds::from_environment(kSeeds).count * 10);
}

TEST(ConsensusSimulation, AThirdMayLie) {
  run_all({.liars = 1}, kSeeds);
}

TEST(ConsensusSimulation, SevenWithTwoLiars) {
  run_all({.validators = 7, .liars = 2}, kSeeds / 5);
}

// More than a third: safety may break, and then at least a third is convicted, by what they signed.
TEST(ConsensusSimulation, WhoBreaksItIsConvicted) {
  const auto [first, count] = Seeds::from_environment(kSeeds * 2 / 5);
  std::size_t broken = 0;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const ConsensusOutcome outcome = run_consensus(seed, {.liars = 2, .crashes = false});
    for (const std::string& complaint : outcome.complaints) {
      ADD_FAILURE() << complaint;
    }
    if (outcome.diverged) {
      ++broken;
      EXPECT_GE(outcome.culprits, 2u);
    }
    if (::testing::Test::HasFailure()) {
      break;
    }
  }
  std::printf("safety broke in %zu of %llu runs\n", broken, static_cast<unsigned long long>(count));
}

void explore(ExplorationLimits limits) {
#ifdef I2_SANITIZED
  limits.states_max /= 5;
#endif
  const Exploration found = explore_consensus(limits);
  for (const std::string& complaint : found.complaints) {
    ADD_FAILURE() << complaint;
  }
  EXPECT_GE(found.states, limits.states_max / 2);
  EXPECT_GT(found.sealed, 0u);
  std::printf("%zu states, %zu transitions, %zu with something sealed%s\n", found.states,
              found.transitions, found.sealed, found.complete ? ", complete" : "");
}

TEST(ConsensusExplorer, ALyingLeader) {
  explore({.liar_leads_first = true});
}

TEST(ConsensusExplorer, ALyingFollower) {
  explore({.liar_leads_first = false});
}

}  // namespace
}  // namespace i2::sim
