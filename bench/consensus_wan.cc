// Validators far from one another, on the virtual time of the simulator: the engine alone, without
// the cost of disks, cryptography and sockets. Prints one JSON array.
#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string_view>

#include "../sim/consensus_sim.h"
#include "run_main.h"

namespace i2::bench {
namespace {

using nlohmann::json;

struct Profile {
  std::string_view name;
  Duration hop_min;
  Duration hop_max;
};

constexpr std::array kProfiles{
    Profile{"one building", 200 * kMicrosecond, 500 * kMicrosecond},
    Profile{"one country", 5 * kMillisecond, 15 * kMillisecond},
    Profile{"50 ms each way", 50 * kMillisecond, 50 * kMillisecond},
    Profile{"one continent", 15 * kMillisecond, 40 * kMillisecond},
    Profile{"the world", 60 * kMillisecond, 150 * kMillisecond},
};
constexpr std::size_t kPayloads = 300;

json measure(const Profile& profile, std::size_t validators) {
  auto out = sim::run_consensus(1, {.validators = validators,
                                    .cuts = false,
                                    .crashes = false,
                                    .delay_min = profile.hop_min,
                                    .delay_max = profile.hop_max,
                                    .payloads_per_epoch = 10 * kPayloads,
                                    .trouble = 0,
                                    .enough = kPayloads,
                                    .calm = 3600 * kSecond});
  std::ranges::sort(out.latencies);
  const auto at = [&](std::size_t percent) {
    return static_cast<double>(out.latencies[(out.latencies.size() - 1) * percent / 100]) /
           static_cast<double>(kMillisecond);
  };
  return {
      {"network", profile.name},
      {"hop_ms",
       {static_cast<double>(profile.hop_min) / static_cast<double>(kMillisecond),
        static_cast<double>(profile.hop_max) / static_cast<double>(kMillisecond)}},
      {"validators", validators},
      {"blocks_per_second", static_cast<double>(out.sealed) * static_cast<double>(kSecond) /
                                static_cast<double>(out.ended)},
      {"p50_ms", at(50)},
      {"p99_ms", at(99)},
      {"messages_per_block", static_cast<double>(out.messages) / static_cast<double>(out.sealed)}};
}

int print_all() {
  json out = json::array();
  for (const Profile& profile : kProfiles) {
    for (const std::size_t validators : {4, 7, 16}) {
      out.push_back(measure(profile, validators));
    }
  }
  std::puts(out.dump().c_str());
  return 0;
}

}  // namespace
}  // namespace i2::bench

int main() {
  return i2::bench::run_main("bench_consensus_wan", i2::bench::print_all);
}
