// Genesis, member and anchor records, peer hints: what decodes encodes to the same bytes, and
// checking its signatures against itself never does more than answer.
#include <i2/base/assert.h>
#include <i2/fleet/core/genesis.h>
#include <i2/fleet/core/peer_hint.h>
#include <i2/trustchain/core/anchor.h>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const i2::ByteView input(data, size);
  if (const auto genesis = i2::fleet::decode_genesis(input)) {
    I2_ASSERT(i2::equal(encode(*genesis), input));
    I2_ASSERT(!genesis->operators.empty());
    static_cast<void>(verify_genesis(*genesis));
  }
  if (const auto member = i2::fleet::decode_member(input)) {
    I2_ASSERT(i2::equal(encode(*member), input));
    static_cast<void>(verify_member(*member, member->chain_id, {}, 1));
  }
  if (const auto anchor = i2::trustchain::decode_anchor(input)) {
    I2_ASSERT(i2::equal(encode(*anchor), input));
    static_cast<void>(check_leaf(*anchor, anchor->certificate, anchor->not_before));
  }
  if (const auto hints = i2::fleet::decode_hints(input)) {
    I2_ASSERT(i2::equal(encode(*hints), input));
  }
  return 0;
}
