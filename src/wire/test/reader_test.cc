#include <gtest/gtest.h>
#include <i2/wire/reader.h>
#include <i2/wire/text.h>

namespace i2::wire {
namespace {

Bytes hex(std::string_view text) {
  return from_hex(text).value();
}

TEST(Reader, ReadsBigEndianIntegers) {
  const Bytes bytes =
      hex("01"
          "0203"
          "04050607"
          "08090a0b0c0d0e0f");
  Reader r(bytes);
  EXPECT_EQ(r.u8(), 0x01);
  EXPECT_EQ(r.u16(), 0x0203);
  EXPECT_EQ(r.u32(), 0x04050607U);
  EXPECT_FALSE(r.done());
  EXPECT_EQ(r.u64(), 0x08090a0b0c0d0e0fU);
  EXPECT_TRUE(r.done());
}

TEST(Reader, WriterIsItsInverse) {
  Bytes out;
  Writer w(out);
  w.u8(0xff);
  w.u16(0xfffe);
  w.u32(0xfffefdfc);
  w.u64(0xfffefdfcfbfaf9f8);
  w.bytes(hex("0a0b"));
  EXPECT_EQ(to_hex(out), "fffffefffefdfcfffefdfcfbfaf9f80a0b");
}

TEST(Reader, ViewsPointIntoTheInput) {
  const Bytes bytes = hex("0a0b0c0d0e");
  Reader r(bytes);
  const ByteView first = r.bytes(2);
  EXPECT_EQ(first.data(), bytes.data());
  EXPECT_EQ(to_hex(first), "0a0b");
  EXPECT_EQ(r.array<2>(), (std::array<std::uint8_t, 2>{0x0c, 0x0d}));
  EXPECT_EQ(to_hex(r.rest()), "0e");
}

TEST(Reader, AFailureIsFinal) {
  const Bytes bytes = hex("010203");
  Reader r(bytes);
  EXPECT_EQ(r.u32(), 0U);
  EXPECT_FALSE(r.ok());
  EXPECT_FALSE(r.done());
  EXPECT_EQ(r.u8(), 0);
  EXPECT_EQ(r.varint(), 0U);
  EXPECT_TRUE(r.bytes(1).empty());
  EXPECT_EQ(r.array<1>()[0], 0);
  EXPECT_EQ(r.rest().size(), 3U);
}

TEST(Reader, AnHugeLengthIsAFailure) {
  const Bytes bytes = hex("00");
  Reader r(bytes);
  EXPECT_TRUE(r.bytes(SIZE_MAX).empty());
  EXPECT_FALSE(r.ok());
}

TEST(Reader, FailByTheCallerIsRemembered) {
  const Bytes bytes = hex("0102");
  Reader r(bytes);
  EXPECT_EQ(r.u8(), 1);
  r.fail();
  EXPECT_EQ(r.u8(), 0);
  EXPECT_FALSE(r.ok());
}

struct VarintVector {
  std::string_view bytes;
  std::uint64_t value;
};

// RFC 9000 §A.1, Sample Variable-Length Integer Decoding.
constexpr std::array<VarintVector, 4> kRfc9000{{
    {"c2197c5eff14e88c", 151288809941952652},
    {"9d7f3e7d", 494878333},
    {"7bbd", 15293},
    {"25", 37},
}};

TEST(Varint, Rfc9000Vectors) {
  for (const auto& [text, value] : kRfc9000) {
    const Bytes bytes = hex(text);
    Reader r(bytes);
    EXPECT_EQ(r.varint(), value);
    EXPECT_TRUE(r.done());
    Bytes out;
    Writer(out).varint(value);
    EXPECT_EQ(to_hex(out), text);
    EXPECT_EQ(varint_size(value), bytes.size());
  }
}

// RFC 9000 §A.1: "the two-byte sequence 0x4025 decodes to 37" as well.
TEST(Varint, OnlyTheMinimalReaderRefusesALongForm) {
  const Bytes bytes = hex("4025");
  Reader any(bytes);
  EXPECT_EQ(any.varint(), 37U);
  EXPECT_TRUE(any.done());
  Reader minimal(bytes);
  EXPECT_EQ(minimal.minimal_varint(), 0U);
  EXPECT_FALSE(minimal.ok());
}

// RFC 9000 §16, Table 4: the ranges of the four lengths.
TEST(Varint, EdgesOfEveryLength) {
  const std::array<VarintVector, 8> edges{{
      {"00", 0},
      {"3f", 63},
      {"4040", 64},
      {"7fff", 16383},
      {"80004000", 16384},
      {"bfffffff", 1073741823},
      {"c000000040000000", 1073741824},
      {"ffffffffffffffff", 4611686018427387903},
  }};
  for (const auto& [text, value] : edges) {
    Bytes out;
    Writer(out).varint(value);
    EXPECT_EQ(to_hex(out), text);
    Reader r(out);
    EXPECT_EQ(r.minimal_varint(), value);
    EXPECT_TRUE(r.done());
  }
}

TEST(Varint, EveryProperPrefixFails) {
  const Bytes bytes = hex("c2197c5eff14e88c");
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    Reader r(ByteView(bytes).first(size));
    EXPECT_EQ(r.varint(), 0U);
    EXPECT_FALSE(r.ok()) << size;
  }
}

TEST(VarintDeathTest, AValueAboveTheMaximumIsAProgrammersError) {
  Bytes out;
  EXPECT_DEATH(Writer(out).varint(kVarintMax + 1), "assertion failed");
}

}  // namespace
}  // namespace i2::wire
