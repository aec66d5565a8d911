// Requests for an authority and grants: what decodes encodes to the same bytes.
#include <i2/base/assert.h>
#include <i2/fleet/core/authority_grant.h>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const i2::ByteView input(data, size);
  if (const auto request = i2::fleet::decode_authority_request(input)) {
    I2_ASSERT(i2::equal(encode(*request), input));
  }
  if (const auto grant = i2::fleet::decode_authority_grant(input)) {
    I2_ASSERT(i2::equal(encode(*grant), input));
  }
  return 0;
}
