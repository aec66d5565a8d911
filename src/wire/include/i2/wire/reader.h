// Bounded reading and writing of bytes: big-endian integers, QUIC variable-length integers, views.
//
// A Reader never reads past its input and never allocates from a length it has not checked. After
// the first failure every later read fails too, so a parser may read a whole record and test ok()
// once.
#pragma once

#include <i2/base/bytes.h>

#include <cstdint>

namespace i2::wire {

inline constexpr std::uint64_t kVarintMax = (1ULL << 62) - 1;

class Reader {
 public:
  explicit Reader(ByteView input) : rest_(input) {}

  // Each returns 0 / an empty view after a failure.
  std::uint8_t u8();
  std::uint16_t u16();
  std::uint32_t u32();
  std::uint64_t u64();
  std::uint64_t varint();  // RFC 9000 §16
  // Like varint(), but an encoding longer than necessary is a failure.
  std::uint64_t minimal_varint();
  ByteView bytes(std::size_t size);
  template <std::size_t N>
  std::array<std::uint8_t, N> array() {
    std::array<std::uint8_t, N> out{};
    if (const ByteView view = bytes(N); view.size() == N) {
      std::memcpy(out.data(), view.data(), N);
    }
    return out;
  }

  void fail() { failed_ = true; }
  [[nodiscard]] bool ok() const { return !failed_; }
  [[nodiscard]] bool done() const { return !failed_ && rest_.empty(); }
  [[nodiscard]] ByteView rest() const { return rest_; }

 private:
  ByteView rest_;
  bool failed_ = false;
};

class Writer {
 public:
  explicit Writer(Bytes& out) : out_(out) {}
  void u8(std::uint8_t value);
  void u16(std::uint16_t value);
  void u32(std::uint32_t value);
  void u64(std::uint64_t value);
  void varint(std::uint64_t value);  // shortest form; value <= kVarintMax
  void bytes(ByteView value);

 private:
  Bytes& out_;
};

[[nodiscard]] std::size_t varint_size(std::uint64_t value);

}  // namespace i2::wire
