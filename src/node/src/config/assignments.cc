#include "assignments.h"

#include <i2/node/suggest.h>

#include <algorithm>
#include <format>
#include <toml++/toml.hpp>

namespace i2::node {
namespace {

class Reader {
 public:
  explicit Reader(const std::filesystem::path& path) : path_(path) {}

  FileContent read(std::string_view text) {
    try {
      read_table({}, toml::parse(text));
    } catch (const toml::parse_error& bad) {
      problem(bad.source(), Error("config.syntax", std::string(bad.description())));
    }
    // toml++ keeps keys sorted by name; people expect the order of the file.
    std::ranges::stable_sort(found_, {}, &Found::line);
    for (Found& found : found_) {
      out_.assignments.push_back(std::move(found.assignment));
    }
    return std::move(out_);
  }

 private:
  struct Found {
    std::uint32_t line;
    Assignment assignment;
  };

  std::string at(const toml::source_region& where) const {
    return std::format("{}:{}", path_.string(), where.begin.line);
  }
  void problem(const toml::source_region& where, Error error) {
    out_.problems.push_back({.where = at(where), .error = std::move(error)});
  }

  static bool is_section(std::string_view name) {
    return std::ranges::any_of(settings(), [&](const Setting& s) { return s.section == name; });
  }
  static bool is_parent(std::string_view name) {
    return std::ranges::any_of(settings(), [&](const Setting& s) {
      return s.section.size() > name.size() && s.section.starts_with(name) &&
             s.section[name.size()] == '.';
    });
  }

  // `section` is the table's name; empty at the top.
  void read_table(const std::string& section, const toml::table& table) {
    for (const auto& [key, node] : table) {
      const std::string name =
          section.empty() ? std::string(key.str()) : std::format("{}.{}", section, key.str());
      const toml::table* const inner = node.as_table();
      if (inner != nullptr && (is_section(name) || is_parent(name))) {
        read_table(name, *inner);
      } else if (const SettingRow* const row = find_row(section, key.str())) {
        read_value(*row, node);
      } else if (is_section(section) && inner == nullptr) {
        unknown_key(section, key);
      } else {
        unknown_section(name, key, node);
      }
    }
  }

  void unknown_section(const std::string& name, const toml::key& key, const toml::node& node) {
    std::vector<std::string_view> sections;
    for (const Setting& setting : settings()) {
      // A key in front of every section: most likely the section's line was forgotten.
      if (!node.is_table() && setting.standing != Standing::kAlias && setting.key == key.str()) {
        problem(key.source(),
                Error("config.section_unknown",
                      std::format("'{}' stands outside of its section: write it below [{}]",
                                  key.str(), setting.section)));
        return;
      }
      sections.push_back(setting.section);
    }
    problem(key.source(),
            Error("config.section_unknown", std::format("'{}' is no section of this program{}",
                                                        name, did_you_mean(name, sections))));
  }

  void unknown_key(std::string_view section, const toml::key& key) {
    std::vector<std::string_view> keys;
    std::string elsewhere;
    for (const Setting& setting : settings()) {
      if (setting.section == section) {
        keys.push_back(setting.key);
      } else if (setting.key == key.str() && setting.standing != Standing::kAlias &&
                 elsewhere.empty()) {
        elsewhere = std::format("; [{}] has one", setting.section);
      }
    }
    const std::string near = did_you_mean(key.str(), keys);
    problem(key.source(),
            Error("config.key_unknown", std::format("[{}] has no key '{}'{}", section, key.str(),
                                                    near.empty() ? elsewhere : near)));
  }

  void read_value(const SettingRow& row, const toml::node& node) {
    const SettingType type = row.setting.type;
    std::optional<std::string> text;
    if (is_quoted(type)) {
      text = node.value_exact<std::string>();
    } else if (type == SettingType::kBoolean) {
      if (const auto flag = node.value_exact<bool>()) {
        text = *flag ? "true" : "false";
      }
    } else if (const auto whole = node.value_exact<std::int64_t>()) {
      text = std::to_string(*whole);
    } else if (const auto number = node.value_exact<double>();
               number && type == SettingType::kNumber) {
      text = std::format("{}", *number);
    }
    if (!text) {
      problem(node.source(),
              Error("config.type", std::format("{} wants {}, for example {}", row.setting.key,
                                               type_in_file(type), example_line(row.setting))));
      return;
    }
    found_.push_back({.line = node.source().begin.line,
                      .assignment = {.row = &row,
                                     .text = std::move(*text),
                                     .folder = is_quoted(type) ? path_.parent_path() : "",
                                     .where = at(node.source())}});
  }

  const std::filesystem::path& path_;
  FileContent out_;
  std::vector<Found> found_;
};

}  // namespace

FileContent read_assignments(std::string_view text, const std::filesystem::path& path) {
  return Reader(path).read(text);
}

}  // namespace i2::node
