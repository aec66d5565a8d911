#include <gtest/gtest.h>

#include <random>

#include "reading.h"

namespace i2::wire {
namespace {

using Random = std::mt19937_64;

std::size_t up_to(Random& random, std::size_t max) {
  return random() % (max + 1);
}

std::string random_text(Random& random, std::size_t size_max) {
  constexpr std::array<std::string_view, 6> kPieces{
      "a", "Z", "~", "\xc3\x9f", "\xe2\x82\xac", "\xf0\x9f\x8c\x90"};
  std::string out;
  for (std::size_t left = up_to(random, size_max); left > 0; --left) {
    const std::string_view piece = kPieces[random() % kPieces.size()];
    if (out.size() + piece.size() <= size_max) {
      out += piece;
    }
  }
  return out;
}

Reading random_reading(Random& random) {
  Reading value;
  value.channel = static_cast<std::uint8_t>(random());
  value.port = static_cast<std::uint16_t>(random());
  value.sequence = static_cast<std::uint32_t>(random());
  value.time = random();
  value.final = random() % 2 == 1;
  for (std::uint8_t& byte : value.digest) {
    byte = static_cast<std::uint8_t>(random());
  }
  value.payload.resize(up_to(random, 16), static_cast<std::uint8_t>(random()));
  value.name = random_text(random, 16);
  value.samples.resize(up_to(random, 4), static_cast<std::uint16_t>(random()));
  for (std::size_t left = up_to(random, 4); left > 0; --left) {
    value.limits.emplace(random_text(random, 8), static_cast<std::uint32_t>(random()));
  }
  return value;
}

TEST(Canonical, EveryValueSurvivesTheRoundTrip) {
  Random random(1);
  for (int i = 0; i < 5'000; ++i) {
    const Reading value = random_reading(random);
    const auto decoded = decode_reading(encode(value));
    ASSERT_TRUE(decoded) << decoded.error().to_string();
    ASSERT_EQ(*decoded, value);
  }
}

// The property that makes signatures over values safe: what decodes has no second spelling.
TEST(Canonical, WhateverDecodesEncodesToTheSameBytes) {
  Random random(2);
  int accepted = 0;
  int refused = 0;
  for (int i = 0; i < 50'000; ++i) {
    Bytes bytes = encode(random_reading(random));
    for (std::size_t left = up_to(random, 2); left > 0; --left) {
      bytes[random() % bytes.size()] ^= static_cast<std::uint8_t>(1U << random() % 8);
    }
    const auto decoded = decode_reading(bytes);
    if (decoded) {
      ASSERT_EQ(encode(*decoded), bytes) << to_hex(bytes);
      ++accepted;
    } else {
      ASSERT_TRUE(decoded.error().is("wire.malformed"));
      ++refused;
    }
  }
  EXPECT_GT(accepted, 10'000);
  EXPECT_GT(refused, 5'000);
}

TEST(Canonical, EveryProperPrefixIsRefused) {
  Random random(3);
  const Bytes bytes = encode(random_reading(random));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_reading(ByteView(bytes).first(size))) << size;
  }
}

TEST(Canonical, FinishSaysWhatIsWrong) {
  const Bytes bytes = std::move(CanonicalWriter(7, 2)).take();
  EXPECT_TRUE(CanonicalReader(bytes, 7, 2).finish());
  EXPECT_EQ(CanonicalReader(bytes, 7, 3).finish().error().to_string(),
            "the value is of another type or version [wire.malformed]");
  EXPECT_EQ(CanonicalReader(bytes, 8, 2).finish().error().message(),
            "the value is of another type or version");
  EXPECT_EQ(CanonicalReader(ByteView(bytes).first(3), 7, 2).finish().error().message(),
            "the value is cut short or a field is not canonical");
  const Bytes longer{0, 7, 0, 2, 1, 2, 3};
  EXPECT_EQ(CanonicalReader(longer, 7, 2).finish().error().message(),
            "the value is followed by 3 bytes");
}

TEST(Canonical, AReaderOfAnotherKindReadsNothing) {
  CanonicalWriter w(7, 1);
  w.u32(0xffffffff);
  const Bytes bytes = std::move(w).take();
  CanonicalReader r(bytes, 8, 1);
  EXPECT_FALSE(r.ok());
  EXPECT_EQ(r.u32(), 0U);
}

// A count of four thousand million must not make the caller reserve memory for them.
TEST(Canonical, ACountIsBoundedByTheBytesThatFollow) {
  CanonicalWriter w(7, 1);
  w.u32(3);
  w.u16(0);
  const Bytes bytes = std::move(w).take();
  CanonicalReader beyond_input(bytes, 7, 1);
  EXPECT_EQ(beyond_input.count(1'000), 0U);
  EXPECT_FALSE(beyond_input.ok());
  CanonicalReader beyond_max(bytes, 7, 1);
  EXPECT_EQ(beyond_max.count(2), 0U);
  EXPECT_FALSE(beyond_max.ok());
}

TEST(Canonical, ACallersOwnCheckFailsTheValue) {
  const Bytes bytes = std::move(CanonicalWriter(7, 1)).take();
  CanonicalReader r(bytes, 7, 1);
  EXPECT_TRUE(r.ok());
  r.fail();
  EXPECT_FALSE(r.finish());
}

}  // namespace
}  // namespace i2::wire
