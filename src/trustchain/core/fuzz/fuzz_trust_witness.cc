// A statement of witness keys that decodes is the encoding of what was decoded.
#include <i2/base/assert.h>
#include <i2/trustchain/core/witness_keys.h>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const i2::ByteView input(data, size);
  const auto statement = i2::trustchain::decode_witness_keys(input);
  if (statement) {
    I2_ASSERT(i2::equal(encode(*statement), input));
    I2_ASSERT(signed_part(*statement).size() < size);
  }
  return 0;
}
