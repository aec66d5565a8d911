// Bodies of file records, journals and names. The first byte chooses.
#include <i2/base/assert.h>
#include <i2/stoq/core/file_codec.h>

namespace i2::stoq::core {
namespace {

template <class Value>
void check(const Result<Value>& value, Result<Value> (*decode)(ByteView)) {
  if (value) {
    const auto again = decode(encode(*value));
    I2_ASSERT(again && *again == *value);
  }
}

void check_names(std::string_view name) {
  const std::string made = make_file_name(name);
  I2_ASSERT(is_file_name(made));
  I2_ASSERT(!is_file_name(name) || made == name);
  for (const unsigned number : {1u, 2u, 10'000u}) {
    I2_ASSERT(is_file_name(numbered_file_name(made, number)));
  }
}

}  // namespace
}  // namespace i2::stoq::core

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace i2::stoq::core;
  if (size == 0) {
    return 0;
  }
  const i2::ByteView input = i2::ByteView(data, size).subspan(1);
  switch (data[0] % 6) {
    case 0:
      check(decode_file_offer(input), decode_file_offer);
      break;
    case 1:
      check(decode_file_answer(input), decode_file_answer);
      break;
    case 2:
      check(decode_file_end(input), decode_file_end);
      break;
    case 3:
      check(decode_file_result(input), decode_file_result);
      break;
    case 4:
      check(decode_file_journal(input), decode_file_journal);
      break;
    default:
      check_names(i2::as_text(input));
      break;
  }
  return 0;
}
