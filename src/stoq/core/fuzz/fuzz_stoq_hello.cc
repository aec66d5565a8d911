// HELLO from a hostile peer, who may be anybody with a TLS stack. A HELLO has one encoding.
#include <i2/base/assert.h>
#include <i2/stoq/core/frames.h>

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace i2;
  using namespace i2::stoq::core;
  const ByteView input(data, size);
  if (const auto hello = decode_hello(input)) {
    I2_ASSERT(hello->binding.size() <= kBindingMax && hello->signature.size() == 64);
    I2_ASSERT(equal(encode(*hello), input));
    I2_ASSERT(input.size() <= kFrameBodyMax);
  }
  return 0;
}
