// Files that people hand to verbs.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

namespace i2::app {

// None when it cannot be read or is larger.
inline std::optional<std::string> read_text(const std::filesystem::path& path,
                                            std::size_t size_max) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    return std::nullopt;  // reading one throws
  }
  std::ifstream in(path, std::ios::binary);
  std::string out(std::istreambuf_iterator<char>(in), {});
  return in.is_open() && out.size() <= size_max ? std::optional(std::move(out)) : std::nullopt;
}

}  // namespace i2::app
