// Validators of one fleet order payloads over several epochs, while the network, their disks and
// some of themselves do what those do.
//
// Honest validators run the engine as it is. A crash takes everything that was not durable, in the
// middle of what the engine asked for; a connection that is cut loses what was on its way. Liars
// share their key among two engines that see different halves of the network ("twins"), and send
// what no engine would.
#pragma once

#include <i2/base/bytes.h>
#include <i2/base/clock.h>

#include <string>
#include <vector>

namespace i2::sim {

struct ConsensusWorld {
  std::size_t validators = 4;
  std::size_t liars = 0;  // at most a third, or safety is not promised
  bool cuts = true;       // connections are cut, and the network is split
  bool crashes = true;    // validators lose their memory
  Duration delay_min = 1 * kMillisecond;
  Duration delay_max = 30 * kMillisecond;
  std::size_t payloads_per_epoch = 12;
  Duration trouble = 8 * kSecond;  // so long; afterwards everything heals
  std::size_t enough = 10;         // payloads that everybody then has to have before it ends
  Duration calm = 40 * kSecond;    // so long they may need to get over it: timeouts have doubled
};

struct ConsensusOutcome {
  Hash256 trace{};
  std::size_t sealed = 0;     // payloads of the longest ledger
  std::size_t epochs = 0;     // that have ended there
  std::size_t convicted = 0;  // liars that somebody honest accused
  std::size_t crashes = 0;
  std::size_t messages = 0;
  Timestamp ended = 0;              // virtual time
  std::vector<Duration> latencies;  // from building a payload to its seal, at whoever built it
  bool halted = false;              // somebody honest has seen two seals that contradict each other
  bool diverged = false;            // two honest ledgers do
  std::size_t culprits = 0;         // liars whom that convicts by itself
  std::vector<std::string> complaints;  // empty in a good run
};

// Everything about the run follows from `seed` and `world`.
[[nodiscard]] ConsensusOutcome run_consensus(std::uint64_t seed, const ConsensusWorld& world);

}  // namespace i2::sim
