// A binding that decodes is the encoding of what was decoded.
#include <i2/base/assert.h>
#include <i2/trustchain/core/binding.h>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const i2::ByteView input(data, size);
  const auto binding = i2::trustchain::decode_binding(input);
  if (binding) {
    I2_ASSERT(i2::equal(encode(*binding), input));
    I2_ASSERT(signed_part(*binding).size() < size);
  }
  return 0;
}
