#include <gtest/gtest.h>

#include <set>

#include "seeds.h"
#include "transport_sim.h"

namespace i2::sim {
namespace {

#ifdef I2_SANITIZED
constexpr std::uint64_t kSeeds = 2;  // each takes five times as long
#else
constexpr std::uint64_t kSeeds = 6;
#endif

TEST(TransportSimulation, EveryMessageArrivesAndEverySeedRepeats) {
  const auto [first, count] = Seeds::from_environment(kSeeds);
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
