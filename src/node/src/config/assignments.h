// A configuration file as a list of assignments to known settings.
#pragma once

#include "settings.h"

namespace i2::node {

struct Assignment {
  const SettingRow* row;
  std::string text;              // the value, without quotes
  std::filesystem::path folder;  // what relative paths are relative to
  std::string where;             // "node.toml:3"
};

struct FileContent {
  std::vector<Assignment> assignments;  // in the order of the file
  std::vector<ConfigProblem> problems;
};

// `path` names the file in messages and gives the folder. Problems: config.syntax,
// config.section_unknown, config.key_unknown, config.type.
[[nodiscard]] FileContent read_assignments(std::string_view text,
                                           const std::filesystem::path& path);

}  // namespace i2::node
