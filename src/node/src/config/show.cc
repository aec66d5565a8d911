// The configuration as text: TOML, differences, the reference.
#include <i2/node/config.h>

#include <algorithm>
#include <format>

#include "settings.h"

namespace i2::node {
namespace {

// A TOML basic string (TOML 1.0, "String").
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += std::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string in_file(const Setting& setting, std::string_view value) {
  return is_quoted(setting.type) ? quoted(value) : std::string(value);
}

// A cell of a Markdown table.
std::string code(std::string_view text) {
  return text.empty() ? std::string() : std::format("`{}`", text);
}

std::string_view name_of(Standing standing) {
  switch (standing) {
    case Standing::kLive:
      return "live";
    case Standing::kRestart:
      return "start";
    case Standing::kAlias:
      return "another name";
    case Standing::kFixed:
      return "fixed";
    case Standing::kLater:
      return "not yet: warning";
    case Standing::kRefused:
      return "not yet: refused";
    case Standing::kVoid:
      return "nothing: warning";
  }
  return "";
}

std::string meaning_of(const SettingRow& row) {
  const Setting& setting = row.setting;
  switch (setting.standing) {
    case Standing::kAlias:
      return std::format("`[{}] {}`", target_of(row).setting.section, target_of(row).setting.key);
    case Standing::kVoid:
      return std::string(setting.note);
    case Standing::kFixed:
      return setting.meaning == setting.note ? std::string(setting.meaning)
                                             : std::format("{}; {}", setting.meaning, setting.note);
    case Standing::kLater:
    case Standing::kRefused:
      return setting.meaning.empty() ? std::format("({})", setting.note)
                                     : std::format("{} ({})", setting.meaning, setting.note);
    default:
      return std::string(setting.meaning);
  }
}

}  // namespace

ConfigChanges compare(const LoadedConfig& running, const LoadedConfig& wanted) {
  ConfigChanges out;
  for (std::size_t i = 0; i < running.values.size() && i < wanted.values.size(); ++i) {
    const Setting& setting = *running.values[i].setting;
    if (running.values[i].value != wanted.values[i].value) {
      auto& list = setting.standing == Standing::kLive ? out.live : out.restart;
      list.push_back(std::format("[{}] {}", setting.section, setting.key));
    }
  }
  return out;
}

std::string to_toml(const LoadedConfig& config, bool origins) {
  std::string out;
  std::string_view section;
  for (const SettingOrigin& entry : config.values) {
    const Setting& setting = *entry.setting;
    const bool is_set = !entry.value.empty();
    if (!is_set && !origins) {
      continue;
    }
    if (setting.section != section) {
      out += std::format("{}[{}]\n", out.empty() ? "" : "\n", setting.section);
      section = setting.section;
    }
    // What has neither value nor default can only be a comment.
    const std::string line =
        is_set ? std::format("{} = {}", setting.key, in_file(setting, entry.value))
               : std::format("# {} is not set", setting.key);
    out += origins && is_set ? std::format("{:<40} # {}\n", line, entry.origin) : line + "\n";
  }
  return out;
}

std::string settings_reference() {
  std::string out;
  std::string_view section;
  for (const SettingRow& row : setting_rows()) {
    const Setting& setting = row.setting;
    if (setting.section != section) {
      section = setting.section;
      out += std::format(
          "{}## [{}]\n\n| key | default | environment | effect | values | meaning |\n| --- | --- | "
          "--- | --- | --- | --- |\n",
          out.empty() ? "" : "\n", section);
    }
    const std::string value =
        setting.default_value.empty() ? "" : in_file(setting, setting.default_value);
    out += std::format("| `{}` | {} | {} | {} | {} | {} |\n", setting.key, code(value),
                       code(setting.environment), name_of(setting.standing),
                       setting.standing == Standing::kAlias ? "" : values_in_words(setting),
                       meaning_of(row));
  }
  return out;
}

}  // namespace i2::node
