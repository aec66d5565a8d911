#include "settings.h"

#include <i2/base/assert.h>
#include <i2/node/units.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <format>
#include <ranges>

namespace i2::node {
namespace {

using stoq::core::SocketAddress;

std::vector<SettingRow> all_rows() {
  std::vector<SettingRow> out;
  for (const auto& rows : {node_rows(), transport_rows(), trust_rows(), telemetry_rows(),
                           gateway_rows(), mesh_rows()}) {
    out.insert(out.end(), rows.begin(), rows.end());
  }
  return out;
}

std::string in_words(SettingType type, std::uint64_t value) {
  switch (type) {
    case SettingType::kSize:
      return format_size(value);
    case SettingType::kDuration:
      return format_duration(value);
    default:
      return std::to_string(value);
  }
}

Result<std::uint64_t> in_range(const Setting& setting, std::string_view text,
                               Result<std::uint64_t> value) {
  if (value && (*value < setting.range.minimum || *value > setting.range.maximum)) {
    return fail("config.value",
                std::format("'{}' is out of range: {}", text, values_in_words(setting)));
  }
  return value;
}

template <class Number>
Result<Number> parse_whole(std::string_view text, ErrorCode code, std::string_view wanted) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) {
    return fail(code, std::format("'{}' is not {}", text, wanted));
  }
  return value;
}

Result<SocketAddress> parse_address(std::string_view text) {
  I2_TRY_VALUE(const SocketAddress address, SocketAddress::parse(text, 0));
  if (address.port != 0) {
    return fail(
        "config.value",
        std::format("'{}' names a port: write the address alone, and the port as `port`", text));
  }
  return address;
}

Result<std::uint64_t> parse_choice(const Setting& setting, std::string_view text) {
  std::uint64_t index = 0;
  for (const auto word : std::views::split(setting.choices, ' ')) {
    if (std::string_view(word) == text) {
      return index;
    }
    ++index;
  }
  return fail("config.value", std::format("'{}' is not one of {}", text, values_in_words(setting)));
}

}  // namespace

std::span<const SettingRow> setting_rows() {
  static const std::vector<SettingRow> rows = all_rows();
  return rows;
}

std::span<const Setting> settings() {
  static const std::vector<Setting> out = [] {
    std::vector<Setting> all;
    std::ranges::copy(setting_rows() | std::views::transform(&SettingRow::setting),
                      std::back_inserter(all));
    return all;
  }();
  return out;
}

const SettingRow* find_row(std::string_view section, std::string_view key) {
  const auto found = std::ranges::find_if(setting_rows(), [&](const SettingRow& row) {
    return row.setting.section == section && row.setting.key == key;
  });
  return found == setting_rows().end() ? nullptr : &*found;
}

const SettingRow& target_of(const SettingRow& row) {
  if (row.setting.standing != Standing::kAlias) {
    return row;  // NOLINT(bugprone-return-const-ref-from-parameter): rows are constants
  }
  // "[section] key"
  const std::size_t end = row.setting.note.find("] ");
  const SettingRow* const target =
      find_row(row.setting.note.substr(1, end - 1), row.setting.note.substr(end + 2));
  I2_ASSERT(target != nullptr && target->setting.standing != Standing::kAlias);
  return *target;
}

Result<SettingValue> parse_value(const Setting& setting, std::string_view text,
                                 const std::filesystem::path& folder) {
  SettingValue out;
  if (!setting.choices.empty()) {
    I2_TRY_VALUE(out.number, parse_choice(setting, text));
    return out;
  }
  switch (setting.type) {
    case SettingType::kText:
      out.text = text;
      break;
    case SettingType::kPath:
      if (text.empty()) {
        return fail("config.value", "the path is empty");
      }
      out.path = folder / std::string(text);
      break;
    case SettingType::kAddress: {
      I2_TRY_VALUE(out.address, parse_address(text));
      break;
    }
    case SettingType::kInteger: {
      I2_TRY_VALUE(out.number,
                   in_range(setting, text,
                            parse_whole<std::uint64_t>(
                                text, "config.value",
                                std::format("a whole number: {}", values_in_words(setting)))));
      break;
    }
    case SettingType::kNumber: {
      I2_TRY(parse_whole<double>(text, "config.value", "a number"));
      break;
    }
    case SettingType::kBoolean:
      if (text != "true" && text != "false") {
        return fail("config.value", std::format("'{}' is neither true nor false", text));
      }
      out.flag = text == "true";
      break;
    case SettingType::kSize: {
      I2_TRY_VALUE(out.number, in_range(setting, text, parse_size(text)));
      break;
    }
    case SettingType::kDuration: {
      I2_TRY_VALUE(out.number, in_range(setting, text, parse_duration(text)));
      break;
    }
  }
  return out;
}

void copy_live(Config& to, const LoadedConfig& from) {
  for (const SettingOrigin& entry : from.values) {
    const SettingRow* const row = find_row(entry.setting->section, entry.setting->key);
    if (row->setting.standing == Standing::kLive) {
      // A path that nobody has set is empty, which nobody may set it to.
      const bool is_unset = row->setting.type == SettingType::kPath && entry.value.empty();
      const auto value = is_unset ? Result<SettingValue>(SettingValue{})
                                  : parse_value(row->setting, entry.value, {});
      I2_ASSERT(value.has_value());  // it was read from the sources just now
      row->apply(to, *value);
    }
  }
}

bool is_quoted(SettingType type) {
  return type != SettingType::kInteger && type != SettingType::kNumber &&
         type != SettingType::kBoolean;
}

std::string_view type_in_file(SettingType type) {
  switch (type) {
    case SettingType::kInteger:
      return "an integer";
    case SettingType::kNumber:
      return "a number";
    case SettingType::kBoolean:
      return "true or false";
    default:
      return "a string";
  }
}

std::string example_line(const Setting& setting) {
  std::string value(setting.default_value);
  if (value.empty()) {
    switch (setting.type) {
      case SettingType::kPath:
        value = "/path";
        break;
      case SettingType::kAddress:
        value = "::";
        break;
      case SettingType::kInteger:
        value = "10";
        break;
      case SettingType::kNumber:
        value = "1.0";
        break;
      case SettingType::kBoolean:
        value = "true";
        break;
      case SettingType::kSize:
        value = "64MiB";
        break;
      case SettingType::kDuration:
        value = "10s";
        break;
      case SettingType::kText:
        value = setting.choices.substr(0, setting.choices.find(' '));
        break;
    }
  }
  return is_quoted(setting.type) ? std::format("{} = \"{}\"", setting.key, value)
                                 : std::format("{} = {}", setting.key, value);
}

std::string values_in_words(const Setting& setting) {
  if (!setting.choices.empty()) {
    std::string out;
    for (const auto word : std::views::split(setting.choices, ' ')) {
      out += std::format("{}\"{}\"", out.empty() ? "" : ", ", std::string_view(word));
    }
    return out;
  }
  const auto [minimum, maximum] = setting.range;
  if (maximum == UINT64_MAX) {
    return minimum == 0 ? "" : "at least " + in_words(setting.type, minimum);
  }
  return std::format("{} to {}", in_words(setting.type, minimum), in_words(setting.type, maximum));
}

}  // namespace i2::node
