// Variable-length integers, base32, base64 and base64url, hexadecimal, decimal and UTF-8 under
// arbitrary bytes.
#include <i2/base/assert.h>
#include <i2/wire/reader.h>
#include <i2/wire/text.h>

#include <algorithm>

namespace i2::wire {
namespace {

void check_varints(ByteView input) {
  Reader any(input);
  while (any.ok() && !any.done()) {
    Reader minimal(any.rest());
    const std::uint64_t value = any.varint();
    if (!any.ok()) {
      I2_ASSERT(value == 0);
      return;
    }
    Bytes shortest;
    Writer(shortest).varint(value);
    const bool is_shortest = minimal.rest().size() - any.rest().size() == shortest.size();
    I2_ASSERT((minimal.minimal_varint() == value && minimal.ok()) == is_shortest);
  }
}

void check_text(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  if (const auto bytes = from_base32(text)) {
    I2_ASSERT(to_base32(*bytes) == lower);
  }
  if (const auto bytes = from_base64url(text)) {
    I2_ASSERT(to_base64url(*bytes) == text);
  }
  if (const auto bytes = from_hex(text)) {
    I2_ASSERT(to_hex(*bytes) == lower);
  }
  if (const auto bytes = from_base64(text)) {
    I2_ASSERT(to_base64(*bytes) == text);
  }
  if (const auto number = from_decimal(text)) {
    I2_ASSERT(std::to_string(*number) == text);
  }
  I2_ASSERT(from_base64(to_base64(as_bytes(text))) == to_bytes(as_bytes(text)));
  I2_ASSERT(from_base32(to_base32(as_bytes(text))) == to_bytes(as_bytes(text)));
  I2_ASSERT(from_base64url(to_base64url(as_bytes(text))) == to_bytes(as_bytes(text)));
  I2_ASSERT(from_hex(to_hex(as_bytes(text))) == to_bytes(as_bytes(text)));
  // Two valid texts joined are valid; a text whose tail is invalid is invalid.
  I2_ASSERT(is_utf8(lower + "\xe2\x82\xac") == is_utf8(text));
}

}  // namespace
}  // namespace i2::wire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const i2::ByteView input{data, size};
  i2::wire::check_varints(input);
  i2::wire::check_text(i2::as_text(input));
  return 0;
}
