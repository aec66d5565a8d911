// Twenty nodes exchange messages over stoq while the network does what networks do.
//
// Every node sends its messages, one stream each, over connections of its own making; the receiver
// checks the content and answers with its SHA-256. A message counts when the right hash came back;
// what a lost connection leaves open is sent again on the next one.
#pragma once

#include <i2/stoq/core/testing/network.h>

#include <map>
#include <set>
#include <string>
#include <vector>

namespace i2::sim {

struct Outcome {
  Hash256 trace{};  // of every datagram, and of what the applications saw
  std::size_t messages = 0;
  std::size_t confirmed = 0;
  std::size_t received = 0;  // different messages that arrived whole and right
  std::size_t connections = 0;
  std::size_t resumed = 0;
  std::size_t lost_connections = 0;
  std::size_t left_over = 0;            // connections that still exist after everybody shut down
  Duration took = 0;                    // virtual
  std::vector<std::string> complaints;  // empty in a good run
};

// Everything about the run follows from `seed`.
[[nodiscard]] Outcome run_transport(std::uint64_t seed);

}  // namespace i2::sim
