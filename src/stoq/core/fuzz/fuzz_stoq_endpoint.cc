// Two endpoints and a hostile network, attacker and application between them. The input is a
// programme: its first byte chooses the scene, the rest are steps (duel.h).
//
// Besides memory safety this asserts that nothing follows the last event of a connection, and that
// in the end, with nothing more to be heard, every connection is gone and no timer is left.
#include <i2/base/assert.h>

#include <cstddef>
#include <cstdint>

#include "duel.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace i2::stoq::core::fuzz;
  constexpr int kStepsMax = 300;
  Input input({data, size});
  const std::uint8_t scene = input.u8();
  Duel duel((scene & 4) != 0);
  switch (scene & 3) {
    case 0:  // strangers talk to both
      break;
    case 1:  // a handshake on its way
      I2_ASSERT(duel.connect());
      break;
    default:  // two that know each other
      I2_ASSERT(duel.connect());
      duel.deliver_all();
      I2_ASSERT(duel.established(Duel::kClient) && duel.established(Duel::kServer));
      break;
  }
  for (int i = 0; i < kStepsMax && !input.empty(); ++i) {
    duel.step(input);
  }
  if ((scene & 8) != 0) {
    duel.deliver_all();
  }
  duel.settle();
  return 0;
}
