#include <i2/node/config.h>
#include <i2/node/suggest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <format>
#include <fstream>
#include <iterator>
#include <toml++/toml.hpp>

#include "settings.h"

extern char** environ;  // NOLINT: POSIX leaves its declaration to us

namespace i2::node {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kFileSizeMax = 1024 * 1024;

class Loader {
 public:
  std::expected<Config, std::vector<ConfigProblem>> load(const ConfigSources& sources) {
    config_.data_dir = default_data_dir();
    config_.bind.port = kDefaultPort;
    if (sources.file) {
      read_file(*sources.file);
    }
    for (const SettingRow& row : setting_rows()) {
      const auto found = sources.environment.find(row.setting.environment);
      if (found != sources.environment.end() && !found->second.empty()) {
        apply(row, {.value = found->second, .folder = {}}, found->first);
      }
    }
    for (const ConfigSources::Flag& flag : sources.flags) {
      const auto row = std::ranges::find_if(setting_rows(), [&](const SettingRow& r) {
        return r.setting.section == flag.section && r.setting.key == flag.key;
      });
      if (row != setting_rows().end()) {
        apply(*row, {.value = flag.value, .folder = {}}, flag.flag);
      }
    }
    if (!problems_.empty()) {
      return std::unexpected(std::move(problems_));
    }
    return std::move(config_);
  }

 private:
  void problem(std::string where, Error error) {
    problems_.push_back({.where = std::move(where), .error = std::move(error)});
  }

  void apply(const SettingRow& row, const SettingText& text, const std::string& where) {
    if (auto applied = row.apply(config_, text); !applied) {
      problem(where, std::move(applied).error());
    }
  }

  void read_file(const fs::path& path) {
    std::error_code error;
    const auto size = fs::file_size(path, error);
    if (error || size > kFileSizeMax) {
      problem(path.string(), Error("config.file_unreadable",
                                   error ? "cannot read the file: " + error.message()
                                         : "the file is over 1 MiB: is it a configuration?"));
      return;
    }
    std::ifstream in(path, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    if (!in) {
      problem(path.string(), Error("config.file_unreadable", "cannot read the file"));
      return;
    }
    try {
      read_table(toml::parse(text), path);
    } catch (const toml::parse_error& bad) {
      problem(at(path, bad.source()), Error("config.syntax", std::string(bad.description())));
    }
  }

  static std::string at(const fs::path& path, const toml::source_region& where) {
    return std::format("{}:{}", path.string(), where.begin.line);
  }

  void read_table(const toml::table& table, const fs::path& path) {
    for (const auto& [name, node] : table) {
      const toml::table* const section = node.as_table();
      const bool known = std::ranges::any_of(
          settings(), [&](const Setting& s) { return s.section == name.str(); });
      if (section != nullptr && known) {
        read_section(name.str(), *section, path);
      } else {
        unknown_section(name, node, path);
      }
    }
  }

  void unknown_section(const toml::key& name, const toml::node& node, const fs::path& path) {
    std::vector<std::string_view> sections;
    for (const Setting& setting : settings()) {
      // A key in front of every section: most likely the section's line was forgotten.
      if (!node.is_table() && setting.key == name.str()) {
        problem(at(path, name.source()),
                Error("config.section_unknown",
                      std::format("'{}' stands outside of its section: write it below [{}]",
                                  name.str(), setting.section)));
        return;
      }
      sections.push_back(setting.section);
    }
    problem(at(path, name.source()),
            Error("config.section_unknown",
                  std::format("'{}' is no section of this program{}", name.str(),
                              did_you_mean(name.str(), sections))));
  }

  void read_section(std::string_view section, const toml::table& table, const fs::path& path) {
    for (const auto& [key, node] : table) {
      const auto row = std::ranges::find_if(setting_rows(), [&](const SettingRow& r) {
        return r.setting.section == section && r.setting.key == key.str();
      });
      if (row == setting_rows().end()) {
        unknown_key(section, key, path);
        continue;
      }
      read_value(*row, node, path);
    }
  }

  void unknown_key(std::string_view section, const toml::key& key, const fs::path& path) {
    std::vector<std::string_view> keys;
    for (const Setting& setting : settings()) {
      if (setting.section == section) {
        keys.push_back(setting.key);
      }
    }
    problem(at(path, key.source()),
            Error("config.key_unknown", std::format("[{}] has no key '{}'{}", section, key.str(),
                                                    did_you_mean(key.str(), keys))));
  }

  void read_value(const SettingRow& row, const toml::node& node, const fs::path& path) {
    const std::string where = at(path, node.source());
    const Setting& setting = row.setting;
    if (setting.is_integer) {
      if (const auto number = node.value_exact<std::int64_t>()) {
        apply(row, {.value = std::to_string(*number), .folder = {}}, where);
        return;
      }
    } else if (const auto text = node.value_exact<std::string>()) {
      apply(row, {.value = *text, .folder = path.parent_path()}, where);
      return;
    }
    problem(where, Error("config.type", std::format("{} wants {}, for example {} = {}", setting.key,
                                                    setting.is_integer ? "an integer" : "a string",
                                                    setting.key, example(setting))));
  }

  static std::string example(const Setting& setting) {
    if (setting.is_integer) {
      return std::string(setting.default_value);
    }
    return std::format("\"{}\"", setting.default_value.empty() ? "/path" : setting.default_value);
  }

  Config config_;
  std::vector<ConfigProblem> problems_;
};

}  // namespace

std::expected<Config, std::vector<ConfigProblem>> load_config(const ConfigSources& sources) {
  return Loader().load(sources);
}

fs::path default_data_dir() {
  if (::geteuid() == 0) {
    return "/var/lib/internet2";
  }
  if (const char* const base = std::getenv("XDG_DATA_HOME"); base != nullptr && *base == '/') {
    return fs::path(base) / "internet2";
  }
  const char* const home = std::getenv("HOME");
  return fs::path(home != nullptr ? home : "/") / ".local/share/internet2";
}

std::map<std::string, std::string, std::less<>> environment_settings() {
  std::map<std::string, std::string, std::less<>> out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::size_t equals = text.find('=');
    if (text.starts_with("I2_") && equals != text.npos) {
      out.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
  }
  return out;
}

}  // namespace i2::node
