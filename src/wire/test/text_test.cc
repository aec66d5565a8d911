#include <gtest/gtest.h>
#include <i2/wire/text.h>

namespace i2::wire {
namespace {

TEST(Hex, BothCasesAndNothingElse) {
  EXPECT_EQ(from_hex("00fFAb"), Bytes({0x00, 0xff, 0xab}));
  EXPECT_EQ(from_hex(""), Bytes{});
  EXPECT_EQ(hash_from_hex(std::string(62, '0') + "fF").value().back(), 0xff);
  EXPECT_FALSE(hash_from_hex(std::string(62, '0')));
  EXPECT_FALSE(hash_from_hex(std::string(66, '0')));
  EXPECT_FALSE(hash_from_hex(std::string(64, 'g')));
  EXPECT_FALSE(from_hex("0"));
  for (const std::string_view bad :
       {"0g", "g0", "0x", " 0", "0\xe6", "0/", "0:", "0@", "0`", "0G"}) {
    EXPECT_FALSE(from_hex(bad)) << bad;
  }
}

// RFC 4648 §10, Test Vectors: the prefixes of "foobar", here without padding and in lower case.
TEST(Base32, Rfc4648Vectors) {
  const std::array<std::string_view, 7> texts{"",        "my",       "mzxq",      "mzxw6",
                                              "mzxw6yq", "mzxw6ytb", "mzxw6ytboi"};
  for (std::size_t size = 0; size < texts.size(); ++size) {
    const Bytes plain = to_bytes(as_bytes("foobar").first(size));
    EXPECT_EQ(to_base32(plain), texts[size]);
    EXPECT_EQ(from_base32(texts[size]), plain);
  }
}

TEST(Base32, EveryByteValueSurvives) {
  Bytes bytes;
  for (int i = 0; i < 256; ++i) {
    bytes.push_back(static_cast<std::uint8_t>(i));
    ASSERT_EQ(from_base32(to_base32(bytes)), bytes);
  }
}

TEST(Base32, ReadsUpperCase) {
  EXPECT_EQ(from_base32("MZXW6YTBOI"), to_bytes(as_bytes("foobar")));
}

TEST(Base32, RefusesWhatIsNotInTheAlphabet) {
  for (const std::string_view bad :
       {"my======", "m0", "m1", "m8", "m9", "m ", "m-", "m[", "m{", "m@", "m`", "m\xe1"}) {
    EXPECT_FALSE(from_base32(bad)) << bad;
  }
}

TEST(Base32, RefusesTrailingBitsAndImpossibleLengths) {
  EXPECT_TRUE(from_base32("my"));
  EXPECT_FALSE(from_base32("mz"));       // "f" with a trailing bit set
  EXPECT_FALSE(from_base32("mzxr"));     // two bytes, the last bit set
  EXPECT_FALSE(from_base32("mzxw7"));    // "foo"
  EXPECT_FALSE(from_base32("mzxw6yr"));  // "foob"
  EXPECT_FALSE(from_base32("a"));
  EXPECT_FALSE(from_base32("aaa"));
  EXPECT_FALSE(from_base32("aaaaaa"));
}

// RFC 4648 §10, Test Vectors.
TEST(Base64, Rfc4648Vectors) {
  const std::array<std::string_view, 7> texts{"",         "Zg==",     "Zm8=",    "Zm9v",
                                              "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
  for (std::size_t size = 0; size < texts.size(); ++size) {
    const Bytes plain = to_bytes(as_bytes("foobar").first(size));
    EXPECT_EQ(to_base64(plain), texts[size]);
    EXPECT_EQ(from_base64(texts[size]), plain);
  }
}

TEST(Base64, EveryByteValueSurvives) {
  Bytes bytes;
  for (int i = 0; i < 256; ++i) {
    bytes.push_back(static_cast<std::uint8_t>(i));
    ASSERT_EQ(from_base64(to_base64(bytes)), bytes);
  }
  EXPECT_EQ(from_base64("+/+/"), Bytes({0xfb, 0xff, 0xbf}));
}

TEST(Base64, RefusesOtherForms) {
  for (const std::string_view bad :
       {"Zg", "Zg=", "Zg===", "=", "==", "====", "Z===", "Zh==", "Zm9=", "Zg==Zg==", "Zm9v\n",
        "Zm-_", " Zm9", "Zm9v=", "Z=g=", "Zm\xe6z"}) {
    EXPECT_FALSE(from_base64(bad)) << bad;
  }
}

TEST(Base64, Hashes) {
  EXPECT_EQ(hash_from_base64(std::string(42, 'A') + "8=").value().back(), 0x0f);
  EXPECT_FALSE(hash_from_base64(std::string(40, 'A')));
  EXPECT_FALSE(hash_from_base64(std::string(44, 'A')));
}

TEST(Decimal, HasOneForm) {
  EXPECT_EQ(from_decimal("0"), 0U);
  EXPECT_EQ(from_decimal("20852163"), 20'852'163U);
  EXPECT_EQ(from_decimal("18446744073709551615"), UINT64_MAX);
  for (const std::string_view bad :
       {"", "00", "01", "-1", "+1", " 1", "1 ", "1a", "0x1", "18446744073709551616"}) {
    EXPECT_FALSE(from_decimal(bad)) << bad;
  }
}

// RFC 4648 §10 without padding; RFC 7515 appendix C.
TEST(Base64Url, Rfc4648AndRfc7515Vectors) {
  const std::array<std::string_view, 7> texts{"",       "Zg",      "Zm8",     "Zm9v",
                                              "Zm9vYg", "Zm9vYmE", "Zm9vYmFy"};
  for (std::size_t size = 0; size < texts.size(); ++size) {
    const Bytes plain = to_bytes(as_bytes("foobar").first(size));
    EXPECT_EQ(to_base64url(plain), texts[size]);
    EXPECT_EQ(from_base64url(texts[size]), plain);
  }
  EXPECT_EQ(to_base64url(Bytes{3, 236, 255, 224, 193}), "A-z_4ME");
  EXPECT_EQ(from_base64url("A-z_4ME"), (Bytes{3, 236, 255, 224, 193}));
}

TEST(Base64Url, EveryByteValueSurvives) {
  Bytes bytes;
  for (int i = 0; i < 256; ++i) {
    bytes.push_back(static_cast<std::uint8_t>(i));
    ASSERT_EQ(from_base64url(to_base64url(bytes)), bytes);
  }
}

TEST(Base64Url, RefusesPaddingOtherAlphabetsTrailingBitsAndImpossibleLengths) {
  for (const std::string_view bad : {"Zg==", "Zm8=", "=", "A+z/", "A+", "A/", "Zm9v ", "Zm9v\n",
                                     "Z", "Zm9vY", "Zh", "Zm9", "Z.g", "Z\xe1", "Z[", "Z`", "Z@"}) {
    EXPECT_FALSE(from_base64url(bad)) << bad;
  }
}

TEST(ShortId, IsTheFirstTenBytes) {
  NodeId id;
  for (std::size_t i = 0; i < id.bytes.size(); ++i) {
    id.bytes[i] = static_cast<std::uint8_t>(i < 10 ? "foobarfoob"[i] : 0xff);
  }
  EXPECT_EQ(short_id(id), "mzxw6ytbojtg633c");
}

std::string utf8(std::uint32_t point) {
  const auto tail = [&](unsigned shift) {
    return static_cast<char>(0x80 | (point >> shift & 0x3f));
  };
  if (point < 0x80) {
    return {static_cast<char>(point)};
  }
  if (point < 0x800) {
    return {static_cast<char>(0xc0 | point >> 6), tail(0)};
  }
  if (point < 0x10000) {
    return {static_cast<char>(0xe0 | point >> 12), tail(6), tail(0)};
  }
  return {static_cast<char>(0xf0 | point >> 18), tail(12), tail(6), tail(0)};
}

// RFC 3629 §7, Examples.
TEST(Utf8, Rfc3629Examples) {
  for (const std::string_view text :
       {"41e289a2ce912e", "ed959ceab5adec96b4", "e697a5e69cace8aa9e", "efbbbff0a38eb4"}) {
    EXPECT_TRUE(is_utf8(as_text(*from_hex(text)))) << text;
  }
  // RFC 3629 §10: the overlong forms that hide NUL and "/../".
  EXPECT_FALSE(is_utf8(as_text(*from_hex("c080"))));
  EXPECT_FALSE(is_utf8(as_text(*from_hex("2fc0ae2e2f"))));
}

TEST(Utf8, EveryCodePoint) {
  for (std::uint32_t point = 0; point < 0x120000; ++point) {
    const bool valid = point < 0x110000 && (point < 0xd800 || point > 0xdfff);
    ASSERT_EQ(is_utf8(utf8(point)), valid) << point;
  }
}

// There are 128, 1920 and 61440 code points of one, two and three bytes; any other sequence of up
// to three bytes is a combination of those or is wrong.
TEST(Utf8, CountOfAllShortSequences) {
  constexpr std::uint32_t kOne = 128;
  constexpr std::uint32_t kTwo = 1'920;
  constexpr std::uint32_t kThree = 61'440;
  std::array<std::uint32_t, 4> valid{};
  for (std::size_t size = 1; size <= 3; ++size) {
    for (std::uint32_t value = 0; value < 1U << (size * 8); ++value) {
      const std::array<char, 3> raw{static_cast<char>(value), static_cast<char>(value >> 8),
                                    static_cast<char>(value >> 16)};
      valid[size] += is_utf8({raw.data(), size}) ? 1 : 0;
    }
  }
  EXPECT_EQ(valid[1], kOne);
  EXPECT_EQ(valid[2], kOne * kOne + kTwo);
  EXPECT_EQ(valid[3], kOne * kOne * kOne + 2 * kOne * kTwo + kThree);
}

TEST(Utf8, CutSequencesAreInvalid) {
  for (const std::string_view text :
       {"c3", "e282", "e2", "f09f8c", "f09f", "f0", "80", "f5808080"}) {
    EXPECT_FALSE(is_utf8(as_text(*from_hex(text)))) << text;
  }
}

}  // namespace
}  // namespace i2::wire
