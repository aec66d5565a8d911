#include <i2/base/assert.h>
#include <i2/wire/canonical.h>
#include <i2/wire/text.h>

namespace i2::wire {

CanonicalWriter::CanonicalWriter(std::uint16_t type, std::uint16_t version) {
  u16(type);
  u16(version);
}

void CanonicalWriter::u8(std::uint8_t value) {
  Writer(out_).u8(value);
}
void CanonicalWriter::u16(std::uint16_t value) {
  Writer(out_).u16(value);
}
void CanonicalWriter::u32(std::uint32_t value) {
  Writer(out_).u32(value);
}
void CanonicalWriter::u64(std::uint64_t value) {
  Writer(out_).u64(value);
}
void CanonicalWriter::boolean(bool value) {
  u8(value ? 1 : 0);
}
void CanonicalWriter::fixed(ByteView value) {
  append(out_, value);
}

void CanonicalWriter::bytes(ByteView value) {
  count(value.size());
  append(out_, value);
}

void CanonicalWriter::text(std::string_view value) {
  bytes(as_bytes(value));
}

void CanonicalWriter::count(std::size_t value) {
  I2_ASSERT(value <= UINT32_MAX);
  u32(static_cast<std::uint32_t>(value));
}

Bytes CanonicalWriter::take() && {
  return std::move(out_);
}

CanonicalReader::CanonicalReader(ByteView input, std::uint16_t type, std::uint16_t version)
    : reader_(input) {
  const std::uint16_t found_type = reader_.u16();
  const std::uint16_t found_version = reader_.u16();
  if (reader_.ok() && (found_type != type || found_version != version)) {
    wrong_kind_ = true;
    reader_.fail();
  }
}

std::uint8_t CanonicalReader::u8() {
  return reader_.u8();
}
std::uint16_t CanonicalReader::u16() {
  return reader_.u16();
}
std::uint32_t CanonicalReader::u32() {
  return reader_.u32();
}
std::uint64_t CanonicalReader::u64() {
  return reader_.u64();
}

bool CanonicalReader::boolean() {
  const std::uint8_t value = reader_.u8();
  if (value > 1) {
    reader_.fail();
  }
  return value == 1;
}

ByteView CanonicalReader::bytes(std::size_t size_max) {
  const std::size_t size = reader_.u32();
  if (size > size_max) {
    reader_.fail();
  }
  return reader_.bytes(size);
}

std::string CanonicalReader::text(std::size_t size_max) {
  const std::string_view value = as_text(bytes(size_max));
  if (!is_utf8(value)) {
    reader_.fail();
    return {};
  }
  return std::string(value);
}

std::size_t CanonicalReader::count(std::size_t count_max) {
  const std::size_t value = reader_.u32();
  // No element is shorter than a byte, so a longer list cannot follow; the caller may reserve().
  if (value > count_max || value > reader_.rest().size()) {
    reader_.fail();
    return 0;
  }
  return value;
}

Result<void> CanonicalReader::finish() const {
  if (wrong_kind_) {
    return i2::fail("wire.malformed", "the value is of another type or version");
  }
  if (!reader_.ok()) {
    return i2::fail("wire.malformed", "the value is cut short or a field is not canonical");
  }
  if (!reader_.done()) {
    return i2::fail("wire.malformed",
                    "the value is followed by " + std::to_string(reader_.rest().size()) + " bytes");
  }
  return {};
}

}  // namespace i2::wire
