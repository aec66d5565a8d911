// The canonical encoding of every signed, hashed or replicated value (docs/wire/canonical.md).
//
// One value, one byte string: u16 type, u16 version, then the fields in their fixed order; integers
// big-endian and fixed-width; variable data behind a u32 length; lists behind a u32 count; maps as
// lists sorted by key without duplicates; booleans 0 or 1. Decoding accepts nothing else, so
// encode(decode(x)) == x for every x that decodes.
//
//   Bytes encode(const Point& p) {
//     CanonicalWriter w(kPointType, 1);
//     w.u64(p.x); w.bytes(p.label);
//     return std::move(w).take();
//   }
//   Result<Point> decode(ByteView in) {
//     CanonicalReader r(in, kPointType, 1);
//     Point p; p.x = r.u64(); p.label = to_bytes(r.bytes(64));
//     I2_TRY(r.finish());
//     return p;
//   }
#pragma once

#include <i2/base/error.h>
#include <i2/wire/reader.h>

#include <string>

namespace i2::wire {

class CanonicalWriter {
 public:
  CanonicalWriter(std::uint16_t type, std::uint16_t version);
  // Room for a value that must not be copied while it grows.
  void reserve(std::size_t size) { out_.reserve(size); }
  void u8(std::uint8_t value);
  void u16(std::uint16_t value);
  void u32(std::uint32_t value);
  void u64(std::uint64_t value);
  void boolean(bool value);
  void fixed(ByteView value);         // no length; the reader knows the size
  void bytes(ByteView value);         // u32 length
  void text(std::string_view value);  // u32 length, UTF-8
  void count(std::size_t value);      // u32, in front of a list
  [[nodiscard]] Bytes take() &&;

 private:
  Bytes out_;
};

class CanonicalReader {
 public:
  // A wrong type or version is remembered and reported by finish().
  CanonicalReader(ByteView input, std::uint16_t type, std::uint16_t version);
  std::uint8_t u8();
  std::uint16_t u16();
  std::uint32_t u32();
  std::uint64_t u64();
  bool boolean();
  template <std::size_t N>
  std::array<std::uint8_t, N> fixed() {
    return reader_.array<N>();
  }
  ByteView bytes(std::size_t size_max);
  std::string text(std::size_t size_max);  // refuses what is not UTF-8
  // At most `count_max`, and no more than the remaining bytes can hold.
  std::size_t count(std::size_t count_max);
  void fail() { reader_.fail(); }
  [[nodiscard]] bool ok() const { return reader_.ok(); }
  // Error: wire.malformed when anything was wrong or bytes are left over.
  [[nodiscard]] Result<void> finish() const;

 private:
  Reader reader_;
  bool wrong_kind_ = false;
};

}  // namespace i2::wire
