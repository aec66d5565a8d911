// Records of an authority that decode are the encoding of what was decoded.
#include <i2/base/assert.h>
#include <i2/trustchain/acme_service.h>
#include <i2/trustchain/certificate_store.h>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const i2::ByteView input(data, size);
  if (const auto record = i2::trustchain::decode_certificate_record(input)) {
    I2_ASSERT(i2::equal(encode(*record), input));
  }
  if (const auto entry = i2::trustchain::decode_audit_entry(input)) {
    I2_ASSERT(i2::equal(encode(*entry), input));
  }
  if (const auto key = i2::trustchain::decode_external_key(input)) {
    I2_ASSERT(i2::equal(encode(*key), input));
  }
  return 0;
}
