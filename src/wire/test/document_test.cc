// Reads docs/wire/canonical.md and checks every example in it against the implementation.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <i2/wire/text.h>

#include <fstream>
#include <map>

#include "reading.h"

namespace i2::wire {
namespace {

using Examples = std::map<std::string, Bytes>;

// "```hex accepted NAME" starts an example, "```" ends it. A line is hexadecimal groups behind
// single spaces; two spaces start a remark.
Examples examples_of_document(const std::string& verdict) {
  std::ifstream in(I2_SOURCE_DIR "/docs/wire/canonical.md");
  EXPECT_TRUE(in.is_open());
  const std::string opening = "```hex " + verdict + " ";
  Examples out;
  Bytes* current = nullptr;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(opening)) {
      current = &out[line.substr(opening.size())];
    } else if (line.starts_with("```")) {
      current = nullptr;
    } else if (current != nullptr) {
      std::string digits = line.substr(0, line.find("  "));
      std::erase(digits, ' ');
      const auto bytes = from_hex(digits);
      EXPECT_TRUE(bytes) << line;
      append(*current, bytes.value_or(Bytes{}));
    }
  }
  return out;
}

TEST(Document, AcceptedExamplesAreTheEncodingsOfTheirValues) {
  const Reading full{
      .channel = 7,
      .port = 9260,
      .sequence = 66051,
      .time = 1732102664064,
      .final = true,
      .digest = {0xde, 0xad, 0xbe, 0xef},
      .payload = {0xaa, 0xbb, 0xcc},
      .name = "Göäß",
      .samples = {1, 65535},
      .limits = {{"a", 5}, {"ab", 4}},
  };
  const std::map<std::string, Reading> values{{"zero", Reading{}}, {"full", full}};
  const Examples examples = examples_of_document("accepted");
  ASSERT_EQ(examples.size(), values.size());
  for (const auto& [name, bytes] : examples) {
    ASSERT_TRUE(values.contains(name)) << name;
    EXPECT_EQ(to_hex(encode(values.at(name))), to_hex(bytes)) << name;
    const auto decoded = decode_reading(bytes);
    ASSERT_TRUE(decoded) << name << ": " << decoded.error().to_string();
    EXPECT_EQ(*decoded, values.at(name)) << name;
  }
}

TEST(Document, RefusedExamplesAreRefused) {
  using testing::HasSubstr;
  const std::map<std::string, std::string> reasons{
      {"other type", "another type"},
      {"other version", "another type or version"},
      {"cut short", "cut short"},
      {"trailing byte", "followed by 1 bytes"},
      {"boolean of 2", "not canonical"},
      {"payload longer than its maximum", "not canonical"},
      {"payload longer than the input", "cut short"},
      {"name in overlong UTF-8", "not canonical"},
      {"more samples than the maximum", "not canonical"},
      {"descending keys", "not canonical"},
      {"duplicate key", "not canonical"},
  };
  const Examples examples = examples_of_document("refused");
  ASSERT_EQ(examples.size(), reasons.size());
  for (const auto& [name, bytes] : examples) {
    ASSERT_TRUE(reasons.contains(name)) << name;
    const auto decoded = decode_reading(bytes);
    ASSERT_FALSE(decoded) << name;
    EXPECT_TRUE(decoded.error().is("wire.malformed")) << name;
    EXPECT_THAT(decoded.error().message(), HasSubstr(reasons.at(name))) << name;
  }
}

}  // namespace
}  // namespace i2::wire
