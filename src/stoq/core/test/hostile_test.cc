// What strangers, liars and vandals may send.
#include "fixture.h"

namespace i2::stoq::core {
namespace {

class HostileTest : public CoreTest {
 protected:
  void pair(const EndpointConfig& config = {}) {
    add("alpha", config);
    add("beta", config);
    connect();
  }
};

TEST_F(HostileTest, AnEmptyDatagramIsDropped) {
  pair();
  const std::uint64_t dropped = endpoint(1).stats().datagrams_dropped;
  network_.inject(network_.host(0).address, 1, {});
  network_.run_for(kSecond);
  EXPECT_EQ(endpoint(1).stats().datagrams_dropped, dropped + 1);
  EXPECT_TRUE(server().established());
}

}  // namespace
}  // namespace i2::stoq::core
