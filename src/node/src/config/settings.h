// The table behind settings(): each row also knows where its value goes.
//
// A file of rows for each part of the configuration; settings.cc puts them together.
#pragma once

#include <i2/node/config.h>

namespace i2::node {

// A value that its row's type, range and choices have accepted.
struct SettingValue {
  std::string text;  // kText
  std::filesystem::path path;
  stoq::core::SocketAddress address;
  std::uint64_t number = 0;  // kInteger, kSize (bytes), kDuration (ns), index of a choice
  bool flag = false;
};

struct SettingRow {
  Setting setting;
  void (*apply)(Config& config, const SettingValue& value) = nullptr;  // of kLive and kRestart
  // What else the value has to be; null: nothing. Its error names neither section nor key.
  Result<void> (*check)(const SettingValue& value) = nullptr;
};

// What settings of several parts wait for.
inline constexpr std::string_view kNameService = "the name service";

[[nodiscard]] std::span<const SettingRow> node_rows();
[[nodiscard]] std::span<const SettingRow> transport_rows();
[[nodiscard]] std::span<const SettingRow> trust_rows();
[[nodiscard]] std::span<const SettingRow> telemetry_rows();
[[nodiscard]] std::span<const SettingRow> gateway_rows();
[[nodiscard]] std::span<const SettingRow> mesh_rows();

[[nodiscard]] std::span<const SettingRow> setting_rows();
// Null when there is none.
[[nodiscard]] const SettingRow* find_row(std::string_view section, std::string_view key);
// The one that turns the ACME server on.
[[nodiscard]] const SettingRow& acme_switch();
// The row that an alias stands for, or the row itself.
[[nodiscard]] const SettingRow& target_of(const SettingRow& row);

// `text` as a value of the row. Relative paths are relative to `folder` (empty: the working
// directory). Errors: config.type, config.value, config.size_invalid, config.duration_invalid,
// stoq.ipv4_refused, stoq.address_malformed.
[[nodiscard]] Result<SettingValue> parse_value(const Setting& setting, std::string_view text,
                                               const std::filesystem::path& folder);
// The settings that are kLive, from one configuration to another.
void copy_live(Config& to, const LoadedConfig& from);
// "an integer", "a string".
[[nodiscard]] std::string_view type_in_file(SettingType type);
// "port = 9292".
[[nodiscard]] std::string example_line(const Setting& setting);
// "1 s to 1 h", "cubic, bbr"; empty: anything.
[[nodiscard]] std::string values_in_words(const Setting& setting);
[[nodiscard]] bool is_quoted(SettingType type);

}  // namespace i2::node
