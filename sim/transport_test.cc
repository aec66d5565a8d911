#include <gtest/gtest.h>

#include <charconv>
#include <cstdlib>
#include <set>
#include <string_view>

#include "transport_sim.h"

namespace i2::sim {
namespace {

struct Seeds {
  std::uint64_t first = 1;
  std::uint64_t count = 6;
};

// I2_SIM_SEEDS=FIRST:COUNT
Seeds seeds() {
  Seeds out;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody changes the environment of a test
  if (const char* const text = std::getenv("I2_SIM_SEEDS"); text != nullptr) {
    const std::string_view all(text);
    const char* const end = text + all.size();
    const auto [colon, error] = std::from_chars(text, end, out.first);
    if (error != std::errc{} || colon == end || *colon != ':' ||
        std::from_chars(colon + 1, end, out.count).ptr != end) {
      ADD_FAILURE() << "I2_SIM_SEEDS is FIRST:COUNT, not " << all;
    }
  }
  return out;
}

TEST(TransportSimulation, EveryMessageArrivesAndEverySeedRepeats) {
  const auto [first, count] = seeds();
  std::set<Hash256> traces;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Outcome once = run_transport(seed);
    for (const std::string& complaint : once.complaints) {
      ADD_FAILURE() << complaint;
    }
    ASSERT_EQ(once.confirmed, once.messages);
    EXPECT_EQ(once.received, once.messages);
    EXPECT_EQ(once.left_over, 0u);
    // The hermit and the crash cost connections in every run; some come back by resumption.
    EXPECT_GT(once.lost_connections, 0u);
    EXPECT_GT(once.resumed, 0u);
    const Outcome again = run_transport(seed);
    EXPECT_EQ(to_hex(once.trace), to_hex(again.trace));
    EXPECT_TRUE(traces.insert(once.trace).second) << "two seeds gave one trace";
    std::printf("seed %llu: %zu messages in %.1f s, %zu connections, %zu resumed, %s\n",
                static_cast<unsigned long long>(seed), once.received,
                static_cast<double>(once.took) / kSecond, once.connections, once.resumed,
                to_hex(ByteView(once.trace).first(8)).c_str());
  }
}

}  // namespace
}  // namespace i2::sim
