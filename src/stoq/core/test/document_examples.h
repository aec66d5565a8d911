// What the documents of docs/wire/ show: examples in hexadecimal, and tables.
#pragma once

#include <gtest/gtest.h>
#include <i2/base/bytes.h>
#include <i2/wire/text.h>

#include <fstream>
#include <map>
#include <string>
#include <vector>

namespace i2::stoq::core {

inline std::vector<std::string> lines_of(const std::string& document) {
  std::ifstream in(I2_SOURCE_DIR "/docs/wire/" + document);
  EXPECT_TRUE(in.is_open()) << document;
  std::vector<std::string> out;
  for (std::string line; std::getline(in, line);) {
    out.push_back(line);
  }
  return out;
}

// By name, in hexadecimal. "```hex NAME" starts an example, "```" ends it; two spaces start a
// remark.
inline std::map<std::string, std::string> examples_of(const std::string& document) {
  const std::string opening = "```hex ";
  std::map<std::string, std::string> out;
  std::string* current = nullptr;
  for (const std::string& line : lines_of(document)) {
    if (line.starts_with(opening)) {
      const auto [example, fresh] = out.try_emplace(line.substr(opening.size()));
      EXPECT_TRUE(fresh) << "two examples are called " << example->first;
      current = &example->second;
    } else if (line.starts_with("```")) {
      current = nullptr;
    } else if (current != nullptr) {
      std::string digits = line.substr(0, line.find("  "));
      std::erase(digits, ' ');
      EXPECT_TRUE(wire::from_hex(digits)) << line;
      *current += digits;
    }
  }
  return out;
}

// The cells of every table row, without the marks for code.
inline std::vector<std::vector<std::string>> rows_of(const std::string& document) {
  std::vector<std::vector<std::string>> out;
  for (const std::string& line : lines_of(document)) {
    if (!line.starts_with("| ")) {
      continue;
    }
    std::vector<std::string> row;
    for (std::size_t at = 2; at < line.size();) {
      const std::size_t end = std::min(line.find(" |", at), line.size());
      std::string cell = line.substr(at, end - at);
      std::erase(cell, '`');
      row.push_back(std::move(cell));
      at = end + 3;
    }
    out.push_back(std::move(row));
  }
  return out;
}

}  // namespace i2::stoq::core
