// Backups: what decodes encodes to the same bytes. The digest at the end is made right first, or
// nothing would come past it.
#include <i2/base/assert.h>
#include <i2/crypto/hash.h>
#include <i2/fleet/core/backup.h>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  i2::Bytes input(data, data + size);
  i2::append(input, i2::crypto::sha256(input));
  if (const auto backup = i2::fleet::decode_backup(input)) {
    I2_ASSERT(i2::equal(encode(*backup).view(), input));
  }
  return 0;
}
