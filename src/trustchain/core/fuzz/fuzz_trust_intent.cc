// An intent that decodes is the encoding of what was decoded.
#include <i2/base/assert.h>
#include <i2/trustchain/core/issuance.h>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const i2::ByteView input(data, size);
  const auto intent = i2::trustchain::decode_intent(input);
  if (intent) {
    I2_ASSERT(i2::equal(encode(*intent), input));
    I2_ASSERT(id(*intent) == i2::trustchain::object_id(i2::trustchain::kIntentDomain, input));
  }
  return 0;
}
