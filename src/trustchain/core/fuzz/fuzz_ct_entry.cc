// What a log stores and hands out: tile leaves, SCTs, names of tiles. One value, one form.
#include <i2/base/assert.h>
#include <i2/trustchain/core/ct/log_entry.h>

namespace i2::trustchain::ct {
namespace {

void check_leaves(ByteView input) {
  wire::Reader r(input);
  Bytes again;
  while (!r.done()) {
    const ByteView before = r.rest();
    const LogEntry entry = read_tile_leaf(r);
    if (!r.ok()) {
      break;
    }
    I2_ASSERT(check(entry.submission));
    Bytes leaf;
    append_tile_leaf(leaf, entry);
    I2_ASSERT(equal(leaf, before.first(before.size() - r.rest().size())));
    I2_ASSERT(merkle_tree_leaf(entry).size() <= leaf.size());
    append(again, leaf);
  }
  I2_ASSERT(!r.done() || equal(again, input));
}

}  // namespace
}  // namespace i2::trustchain::ct

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace i2::trustchain::ct;
  const i2::ByteView input(data, size);
  check_leaves(input);
  if (const auto sct = decode_sct(input)) {
    I2_ASSERT(i2::equal(encode(*sct), input));
    static_cast<void>(read_leaf_index(sct->extensions));
  }
  if (const auto index = read_leaf_index(input)) {
    I2_ASSERT(*index < kTreeSizeMax);
  }
  if (const auto tile = parse_tile_path(i2::as_text(input))) {
    I2_ASSERT(path(*tile) == i2::as_text(input));
  }
  return 0;
}
