#include <i2/base/assert.h>
#include <i2/wire/reader.h>

#include <bit>

namespace i2::wire {
namespace {

template <class T>
T big_endian(ByteView bytes) {
  std::uint64_t value = 0;
  for (const std::uint8_t byte : bytes) {
    value = value << 8 | byte;
  }
  return static_cast<T>(value);
}

void put_big_endian(Bytes& out, std::uint64_t value, std::size_t size) {
  for (std::size_t shift = size * 8; shift > 0; shift -= 8) {
    out.push_back(static_cast<std::uint8_t>(value >> (shift - 8)));
  }
}

}  // namespace

// An empty view after a failure makes every integer 0: no path returns a partial value.
ByteView Reader::bytes(std::size_t size) {
  if (failed_ || size > rest_.size()) {
    failed_ = true;
    return {};
  }
  const ByteView out = rest_.first(size);
  rest_ = rest_.subspan(size);
  return out;
}

std::uint8_t Reader::u8() {
  return big_endian<std::uint8_t>(bytes(1));
}
std::uint16_t Reader::u16() {
  return big_endian<std::uint16_t>(bytes(2));
}
std::uint32_t Reader::u32() {
  return big_endian<std::uint32_t>(bytes(4));
}
std::uint64_t Reader::u64() {
  return big_endian<std::uint64_t>(bytes(8));
}

std::uint64_t Reader::varint() {
  if (failed_ || rest_.empty()) {
    failed_ = true;
    return 0;
  }
  // RFC 9000 §16: the two most significant bits of the first byte are the base-2 logarithm of the
  // length in bytes; the value is in the remaining bits, in network byte order.
  const std::size_t size = std::size_t{1} << (rest_.front() >> 6);
  const ByteView raw = bytes(size);
  return big_endian<std::uint64_t>(raw) & (UINT64_MAX >> (66 - size * 8));
}

std::uint64_t Reader::minimal_varint() {
  const std::size_t before = rest_.size();
  const std::uint64_t value = varint();
  if (failed_ || before - rest_.size() != varint_size(value)) {
    failed_ = true;
    return 0;
  }
  return value;
}

void Writer::u8(std::uint8_t value) {
  out_.push_back(value);
}
void Writer::u16(std::uint16_t value) {
  put_big_endian(out_, value, 2);
}
void Writer::u32(std::uint32_t value) {
  put_big_endian(out_, value, 4);
}
void Writer::u64(std::uint64_t value) {
  put_big_endian(out_, value, 8);
}

void Writer::varint(std::uint64_t value) {
  const std::size_t size = varint_size(value);
  const auto log2_size = static_cast<std::uint64_t>(std::countr_zero(size));
  put_big_endian(out_, log2_size << (size * 8 - 2) | value, size);
}

void Writer::bytes(ByteView value) {
  append(out_, value);
}

std::size_t varint_size(std::uint64_t value) {
  I2_ASSERT(value <= kVarintMax);
  if (value < 1ULL << 6) {
    return 1;
  }
  if (value < 1ULL << 14) {
    return 2;
  }
  return value < 1ULL << 30 ? 4 : 8;
}

}  // namespace i2::wire
