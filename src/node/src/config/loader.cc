#include <i2/node/config.h>
#include <i2/node/suggest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <format>
#include <fstream>
#include <iterator>

#include "acme_values.h"
#include "assignments.h"

extern char** environ;  // NOLINT: POSIX leaves its declaration to us

namespace i2::node {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kFileSizeMax = 1024 * 1024;
// Of the container that the transport's documents describe; an I2_* variable beats it.
constexpr std::string_view kOtherLogLevel = "STOQ_LOG_LEVEL";

Result<std::string> read_text(const fs::path& path) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  if (error || size > kFileSizeMax) {
    return fail("config.file_unreadable", error ? "cannot read the file: " + error.message()
                                                : "the file is over 1 MiB: is it a configuration?");
  }
  std::ifstream in(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  if (!in) {
    return fail("config.file_unreadable", "cannot read the file");
  }
  return text;
}

// "[transport] port".
std::string full_name_of(const Setting& setting) {
  return std::format("[{}] {}", setting.section, setting.key);
}

bool same_value(const SettingValue& a, const SettingValue& b) {
  return a.text == b.text && a.path == b.path && a.address == b.address && a.number == b.number &&
         a.flag == b.flag;
}

class Loader {
 public:
  std::expected<LoadedConfig, std::vector<ConfigProblem>> load(const ConfigSources& sources) {
    out_.config.data_dir = default_data_dir();
    out_.config.bind.port = kDefaultPort;
    if (sources.file) {
      apply_file(*sources.file);
    }
    apply_environment(sources.environment);
    for (const ConfigSources::Flag& flag : sources.flags) {
      if (const SettingRow* const row = find_row(flag.section, flag.key)) {
        apply({.row = row, .text = flag.value, .folder = {}, .where = flag.flag});
      }
    }
    check_together();
    const auto is_error = [](const ConfigProblem& p) {
      return p.severity == ConfigProblem::Severity::kError;
    };
    if (std::ranges::any_of(problems_, is_error)) {
      return std::unexpected(std::move(problems_));
    }
    out_.warnings = std::move(problems_);
    list_values();
    return std::move(out_);
  }

 private:
  struct Given {
    std::string text;
    std::string where;
    SettingValue value;
  };

  void problem(const std::string& where, Error error,
               ConfigProblem::Severity severity = ConfigProblem::Severity::kError) {
    problems_.push_back({.where = where, .error = std::move(error), .severity = severity});
  }
  void warning(const std::string& where, Error error) {
    problem(where, std::move(error), ConfigProblem::Severity::kWarning);
  }

  void apply_file(const fs::path& path) {
    auto text = read_text(path);
    if (!text) {
      problem(path.string(), std::move(text).error());
      return;
    }
    FileContent content = read_assignments(*text, path);
    for (ConfigProblem& bad : content.problems) {
      problems_.push_back(std::move(bad));
    }
    for (const Assignment& assignment : content.assignments) {
      if (!contradicts(assignment)) {
        apply(assignment);
      }
    }
  }

  // Two names of one setting in one file that do not say the same.
  bool contradicts(const Assignment& assignment) {
    const SettingRow& target = target_of(*assignment.row);
    const auto before = given_.find(&target);
    const auto value = parse_value(target.setting, assignment.text, assignment.folder);
    if (before == given_.end() || !value || same_value(before->second.value, *value)) {
      return false;
    }
    problem(assignment.where,
            Error("config.conflict",
                  std::format("[{}] {} is another name of what {} sets to {}: keep one of them",
                              assignment.row->setting.section, assignment.row->setting.key,
                              before->second.where, before->second.text)));
    return true;
  }

  void apply_environment(const std::map<std::string, std::string, std::less<>>& environment) {
    const auto take = [&](const SettingRow& row, std::string_view variable) {
      const auto found = environment.find(variable);
      if (found != environment.end() && !found->second.empty()) {
        apply({.row = &row, .text = found->second, .folder = {}, .where = found->first});
      }
    };
    if (const SettingRow* const level = find_row("logging", "level")) {
      take(*level, kOtherLogLevel);
    }
    for (const SettingRow& row : setting_rows()) {
      if (!row.setting.environment.empty()) {
        take(row, row.setting.environment);
      }
    }
  }

  void apply(const Assignment& assignment) {
    const SettingRow& row = target_of(*assignment.row);
    auto value = parse_value(row.setting, assignment.text, assignment.folder);
    if (!value) {
      problem(assignment.where, std::move(value).error());
      return;
    }
    if (!is_effective(row, *value, assignment)) {
      return;
    }
    if (row.check != nullptr) {
      if (auto checked = row.check(*value); !checked) {
        problem(assignment.where, checked.error().in(full_name_of(row.setting)));
        return;
      }
    }
    if (row.apply != nullptr) {
      row.apply(out_.config, *value);
    }
    given_.insert_or_assign(
        &row,
        Given{.text = assignment.text, .where = assignment.where, .value = std::move(*value)});
  }

  // Whether this version does what the value asks for; if not, that is said.
  bool is_effective(const SettingRow& row, const SettingValue& value,
                    const Assignment& assignment) {
    const Setting& setting = row.setting;
    if (setting.standing == Standing::kLive || setting.standing == Standing::kRestart) {
      return true;
    }
    const std::string name = std::string(assignment.row->setting.key);
    if (setting.standing == Standing::kVoid) {
      warning(assignment.where, Error("config.no_effect",
                                      std::format("{} sets nothing here: {}", name, setting.note)));
      return false;
    }
    const auto usual = parse_value(setting, setting.default_value, {});
    if (!setting.default_value.empty() && usual && same_value(*usual, value)) {
      return true;
    }
    if (setting.standing == Standing::kFixed) {
      problem(assignment.where,
              Error("config.fixed", std::format("{} can only be {}: {}", name,
                                                setting.default_value, setting.note)));
      return false;
    }
    const Error error("config.not_available", std::format("{} = {}: not available yet: {}", name,
                                                          assignment.text, setting.note));
    if (setting.standing == Standing::kRefused) {
      problem(assignment.where, error);
    } else {
      warning(assignment.where, error);
    }
    return false;
  }

  // What settings have to be because of one another.
  void check_together() {
    const Config& config = out_.config;
    if (!config.acme.enabled || !config.http.enabled || !config.acme.base_url.empty()) {
      return;
    }
    if (auto port = acme_port(config); !port) {
      problem(given_.at(&acme_switch()).where, std::move(port).error());
    }
  }

  void list_values() {
    for (const SettingRow& row : setting_rows()) {
      const Setting& setting = row.setting;
      if (setting.standing != Standing::kLive && setting.standing != Standing::kRestart) {
        continue;
      }
      const auto found = given_.find(&row);
      out_.values.push_back(found == given_.end()
                                ? SettingOrigin{.setting = &row.setting,
                                                .value = setting.key == "data_dir"
                                                             ? out_.config.data_dir.string()
                                                             : std::string(setting.default_value),
                                                .origin = "default"}
                                : SettingOrigin{.setting = &row.setting,
                                                .value = setting.type == SettingType::kPath
                                                             ? found->second.value.path.string()
                                                             : found->second.text,
                                                .origin = found->second.where});
    }
  }

  LoadedConfig out_;
  std::vector<ConfigProblem> problems_;
  std::map<const SettingRow*, Given> given_;  // by the row that an alias stands for
};

}  // namespace

std::expected<LoadedConfig, std::vector<ConfigProblem>> load_config(const ConfigSources& sources) {
  return Loader().load(sources);
}

fs::path default_data_dir() {
  if (::geteuid() == 0) {
    return "/var/lib/internet2";
  }
  // NOLINTBEGIN(concurrency-mt-unsafe): nothing here changes the environment
  if (const char* const base = std::getenv("XDG_DATA_HOME"); base != nullptr && *base == '/') {
    return fs::path(base) / "internet2";
  }
  const char* const home = std::getenv("HOME");
  // NOLINTEND(concurrency-mt-unsafe)
  return fs::path(home != nullptr ? home : "/") / ".local/share/internet2";
}

std::map<std::string, std::string, std::less<>> environment_settings() {
  std::map<std::string, std::string, std::less<>> out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::size_t equals = text.find('=');
    if ((text.starts_with("I2_") || text.starts_with("STOQ_")) && equals != text.npos) {
      out.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
  }
  return out;
}

}  // namespace i2::node
