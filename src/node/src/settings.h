// The table behind settings(): each row also knows how its text becomes a value.
#pragma once

#include <i2/node/config.h>

namespace i2::node {

struct SettingText {
  std::string_view value;
  std::filesystem::path
      folder;  // what a relative path is relative to; empty: the working directory
};

struct SettingRow {
  Setting setting;
  Result<void> (*apply)(Config& config, const SettingText& text);
};

[[nodiscard]] std::span<const SettingRow> setting_rows();

}  // namespace i2::node
