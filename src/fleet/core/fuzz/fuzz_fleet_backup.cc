// Backups of both versions: what is read and written again is the same when it is read once more.
// The digest at the end is made right first, or nothing would come past it.
#include <i2/base/assert.h>
#include <i2/crypto/hash.h>
#include <i2/fleet/core/backup.h>

#include <algorithm>
#include <optional>

namespace {

using i2::Bytes;
using i2::ByteView;
using i2::Result;

// The file as this program writes it; none when it cannot be read.
std::optional<Bytes> written_again(ByteView left) {
  Bytes out;
  i2::fleet::BackupWriter writer([&out](ByteView bytes) {
    i2::append(out, bytes);
    return Result<void>();
  });
  const auto source = [&left](std::size_t size) -> Result<Bytes> {
    const ByteView next = left.first(std::min(size, left.size()));
    left = left.subspan(next.size());
    return i2::to_bytes(next);
  };
  const auto read = i2::fleet::read_backup(
      source, {.head = [&](const i2::fleet::Backup& backup) { return writer.begin(backup); },
               .pairs = [&](const i2::fleet::BackupPairs& some) -> Result<void> {
                 for (const auto& pair : some.pairs) {
                   I2_TRY(writer.put(some.database, pair.key, pair.value));
                 }
                 return {};
               }});
  if (!read || !writer.finish()) {
    return std::nullopt;
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Bytes input(data, data + size);
  i2::append(input, i2::crypto::sha256(input));
  (void)i2::fleet::decode_backup(input);
  if (const auto once = written_again(input)) {
    I2_ASSERT(written_again(*once) == once);
  }
  return 0;
}
