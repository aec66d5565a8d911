// Reads the vector files of vectors/: lines "name = hex", '#' starts a comment.
#pragma once

#include <gtest/gtest.h>
#include <i2/base/bytes.h>

#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace i2::crypto {

inline Bytes from_hex(std::string_view text) {
  const auto digit = [](char c) -> unsigned {
    if (c >= '0' && c <= '9') {
      return static_cast<unsigned>(c - '0');
    }
    const unsigned value = static_cast<unsigned>(c | 0x20) - 'a' + 10;
    if (value < 10 || value > 15) {
      throw std::runtime_error("not hexadecimal");
    }
    return value;
  };
  if (text.size() % 2 != 0) {
    throw std::runtime_error("an odd number of hexadecimal digits");
  }
  Bytes out;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    out.push_back(static_cast<std::uint8_t>(digit(text[i]) << 4 | digit(text[i + 1])));
  }
  return out;
}

struct VectorLine {
  std::string name;
  std::string value;
};

// `path` is below vectors/. Throws when the file is missing or empty: a test without vectors must
// fail.
inline std::vector<VectorLine> read_vectors(const std::string& path) {
  std::ifstream in(std::string(I2_SOURCE_DIR) + "/vectors/" + path);
  std::vector<VectorLine> out;
  for (std::string line; std::getline(in, line);) {
    const std::size_t equals = line.find(" =");
    if (line.starts_with('#') || equals == std::string::npos) {
      continue;
    }
    std::string value = line.substr(equals + 2);
    value.erase(0, value.find_first_not_of(' '));
    out.push_back({line.substr(0, equals), std::move(value)});
  }
  if (out.empty()) {
    throw std::runtime_error("no vectors in " + path);
  }
  return out;
}

// A signature of vectors/falcon with its key and the randomness that made both.
struct FalconVector {
  Bytes key_seed, public_key, private_key, message, nonce, seed, signature;
};

inline std::vector<FalconVector> read_falcon_vectors(const std::string& file) {
  std::vector<FalconVector> out;
  FalconVector current;
  for (const auto& [name, value] : read_vectors("falcon/" + file)) {
    const std::pair<std::string_view, Bytes*> fields[] = {
        {"key_seed", &current.key_seed}, {"pk", &current.public_key}, {"sk", &current.private_key},
        {"msg", &current.message},       {"nonce", &current.nonce},   {"seed", &current.seed},
        {"sig", &current.signature}};
    for (const auto& [field, target] : fields) {
      if (field == name) {
        *target = from_hex(value);
      }
    }
    if (name == "sig") {
      out.push_back(current);
    }
  }
  return out;
}

}  // namespace i2::crypto
