// What the documents and the corpus say, for the tests that check them.
#pragma once

#include <gtest/gtest.h>
#include <i2/base/bytes.h>

#include <fstream>
#include <iterator>
#include <map>
#include <string>

namespace i2::fleet::testing {

inline Bytes read_file(const std::string& path) {
  std::ifstream in(I2_SOURCE_DIR "/" + path, std::ios::binary);
  EXPECT_TRUE(in.is_open()) << path;
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  return to_bytes(as_bytes(text));
}

// "```hex NAME" starts an example, "```" ends it. A line is hexadecimal groups behind single
// spaces; two spaces start a remark.
inline std::map<std::string, std::string> examples(const std::string& document) {
  std::ifstream in(I2_SOURCE_DIR "/docs/wire/" + document);
  EXPECT_TRUE(in.is_open()) << document;
  constexpr std::string_view kOpening = "```hex ";
  std::map<std::string, std::string> out;
  std::string* current = nullptr;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(kOpening)) {
      current = &out[line.substr(kOpening.size())];
    } else if (line.starts_with("```")) {
      current = nullptr;
    } else if (current != nullptr) {
      std::string digits = line.substr(0, line.find("  "));
      std::erase(digits, ' ');
      *current += digits;
    }
  }
  return out;
}

}  // namespace i2::fleet::testing
