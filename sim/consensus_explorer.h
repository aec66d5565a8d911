// Every order of events that a small fleet can meet, one after another, over the production engine.
//
// Four validators, the last of which lies; it may show either of two proposals when it leads, and
// any vote, to anybody, at any moment. Messages of the others arrive in every order that
// connections allow, or their timeouts come first. What looks the same as before is not looked at
// again.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace i2::sim {

struct Exploration {
  std::size_t states = 0;  // within one walk, different ones
  std::size_t transitions = 0;
  std::size_t sealed = 0;  // states in which somebody honest had sealed something
  bool complete = false;   // within the limits, nothing is left
  std::vector<std::string> complaints;
};

struct ExplorationLimits {
  std::size_t states_max = 10'000;  // of all walks together
  std::size_t walks = 4;            // each goes into the depth in another order
  std::size_t views_max = 2;        // who is further is left alone
  std::size_t timeouts_max = 1;     // per validator
  std::size_t lies_max = 3;         // per run
  bool liar_leads_first = true;
};

[[nodiscard]] Exploration explore_consensus(const ExplorationLimits& limits);

}  // namespace i2::sim
