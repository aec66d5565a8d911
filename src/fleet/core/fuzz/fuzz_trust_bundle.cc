// The bundle as a whole, and its contents as if the checksum had been right.
#include <i2/base/assert.h>
#include <i2/fleet/core/bundle.h>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace fleet = i2::fleet;
  constexpr std::size_t kHeaderSize = 46;
  const i2::ByteView input(data, size);
  static_cast<void>(fleet::decode_bundle(input));
  // A seed is a whole file; a mutation of its middle must reach the parser behind the checksum.
  if (size > kHeaderSize + 32) {
    const i2::ByteView payload = input.subspan(kHeaderSize, size - kHeaderSize - 32);
    if (const auto decoded = fleet::decode_payload(payload)) {
      I2_ASSERT(i2::equal(encode_payload(*decoded), payload));
    }
  }
  return 0;
}
