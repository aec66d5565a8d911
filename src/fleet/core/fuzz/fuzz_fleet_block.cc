// Blocks, seals, links and snapshot points: what decodes encodes to the same bytes. State values
// that the fleet's module reads back: an error or a value.
#include <i2/base/assert.h>
#include <i2/fleet/core/block.h>
#include <i2/fleet/core/fleet_state.h>
#include <i2/fleet/core/seal.h>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const i2::ByteView input(data, size);
  if (const auto block = i2::fleet::decode_block(input)) {
    I2_ASSERT(i2::equal(encode(*block), input));
  }
  if (const auto point = i2::fleet::decode_snapshot_point(input)) {
    I2_ASSERT(i2::equal(encode(*point), input));
  }
  if (const auto seal = i2::fleet::decode_seal(input)) {
    I2_ASSERT(i2::equal(i2::fleet::encode(*seal), input));
  }
  if (const auto link = i2::fleet::decode_link(input)) {
    I2_ASSERT(i2::equal(encode(*link), input));
  }
  if (const auto epoch = i2::fleet::decode_epoch_record(input)) {
    I2_ASSERT(i2::equal(encode(*epoch), input));
  }
  if (const auto offence = i2::fleet::decode_offence_record(input)) {
    I2_ASSERT(i2::equal(encode(*offence), input));
  }
  if (const auto member = i2::fleet::decode_member_record(input)) {
    I2_ASSERT(i2::equal(encode(*member), input));
  }
  if (const auto revoked = i2::fleet::decode_revoked_record(input)) {
    I2_ASSERT(i2::equal(encode(*revoked), input));
  }
  if (const auto invite = i2::fleet::decode_invite_record(input)) {
    I2_ASSERT(i2::equal(encode(*invite), input));
  }
  return 0;
}
