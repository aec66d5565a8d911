// Chunks of the state. The first byte chooses: a chunk alone, or pairs to build a tree from, whose
// own chunks must be accepted and no altered one.
#include <i2/base/assert.h>
#include <i2/fleet/core/state_snapshot.h>

namespace {

void check_chunk(i2::ByteView input) {
  if (const auto chunk = i2::fleet::decode_chunk(input)) {
    I2_ASSERT(i2::equal(encode(*chunk), input));
  }
  i2::fleet::SnapshotReader reader({});
  I2_ASSERT(!reader.add(input));
}

// Pairs of (key length, key), each value the key's length; at the end the altered byte.
void check_tree(i2::ByteView input) {
  i2::fleet::StateTree tree;
  std::size_t changed = 0;
  while (!input.empty() && tree.size() < 64) {
    const std::size_t size = std::min<std::size_t>(input[0] % 8, input.size() - 1);
    const i2::ByteView key = input.subspan(1, size);
    if (!key.empty()) {
      tree.put(key, input.first(1));
    }
    changed = input[0];
    input = input.subspan(1 + size);
  }
  i2::fleet::SnapshotReader reader(tree.root());
  while (!reader.complete()) {
    const i2::Bytes chunk = encode_chunk(tree, reader.offset(), changed);
    i2::Bytes altered = chunk;
    altered[changed % altered.size()] ^= 1;
    I2_ASSERT(!reader.add(altered));
    I2_ASSERT(reader.add(chunk));
  }
  I2_ASSERT(reader.tree().root() == tree.root());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const i2::ByteView rest(data + 1, size - 1);
  if (data[0] % 2 == 0) {
    check_chunk(rest);
  } else {
    check_tree(rest);
  }
  return 0;
}
