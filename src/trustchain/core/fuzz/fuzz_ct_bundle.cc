// Bundles of rounds: what is replayed is exactly what the bundle says.
#include <i2/base/assert.h>
#include <i2/trustchain/core/ct/sequencing.h>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace i2::trustchain::ct;
  const i2::ByteView input(data, size);
  auto bundle = decode_bundle(input);
  if (!bundle) {
    return 0;
  }
  I2_ASSERT(i2::equal(encode(*bundle), input));
  const LogHead after = bundle->after;
  Log log;
  log.origin = bundle->origin;
  if (const auto round = replay(log, std::move(*bundle))) {
    I2_ASSERT(i2::equal(round->bundle, input));
    I2_ASSERT(round->after.head() == after && round->checkpoint.head == after.tree);
    I2_ASSERT(round->entries.size() == after.tree.size);
  }
  return 0;
}
