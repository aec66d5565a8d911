// The daemon's configuration: defaults, a TOML file, I2_* environment, flags; the later wins.
//
// Every setting is one row of settings(): section, key, environment variable, default, meaning.
// Reading is strict (docs/reference/config.md): an unknown section or key, a wrong type or a value
// out of range is a problem, and all problems are reported at once, each with where it stands.
#pragma once

#include <i2/base/clock.h>
#include <i2/base/error.h>
#include <i2/node/http_config.h>
#include <i2/node/log.h>
#include <i2/stoq/core/address.h>
#include <i2/stoq/core/config.h>

#include <expected>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace i2::node {

inline constexpr std::uint16_t kDefaultPort = 9292;

struct Config {
  std::filesystem::path data_dir;
  std::filesystem::path inbox;   // empty: <data_dir>/inbox
  std::filesystem::path socket;  // empty: <data_dir>/admin.sock
  Duration drain_timeout = 5 * kSecond;
  stoq::core::SocketAddress bind;  // [::]:9292
  std::size_t workers = 0;         // 0: one for each core but one
  Duration idle_timeout = 30 * kSecond;
  stoq::core::CongestionControl congestion = stoq::core::CongestionControl::kCubic;
  std::uint64_t connection_window = 8 * 1024 * 1024;
  std::uint64_t stream_window = 4 * 1024 * 1024;
  LogLevel log_level = LogLevel::kInfo;
  LogFormat log_format = LogFormat::kText;
  HttpConfig http;

  [[nodiscard]] std::filesystem::path inbox_path() const {
    return inbox.empty() ? data_dir / "inbox" : inbox;
  }
  [[nodiscard]] std::filesystem::path socket_path() const {
    return socket.empty() ? data_dir / "admin.sock" : socket;
  }
};

// One row of the table of settings.
struct Setting {
  std::string_view section;
  std::string_view key;
  std::string_view environment;    // the variable that overrides the file
  std::string_view default_value;  // as it would be written in the file
  bool is_integer;                 // the file has it without quotes
  std::string_view meaning;
};
[[nodiscard]] std::span<const Setting> settings();

struct ConfigProblem {
  std::string where;  // "config/development.toml:3", "I2_PORT", "--port"
  Error error;        // config.*, stoq.ipv4_refused, stoq.address_malformed

  [[nodiscard]] std::string to_string() const { return where + ": " + error.to_string(); }
};

struct ConfigSources {
  std::optional<std::filesystem::path> file;
  std::map<std::string, std::string, std::less<>> environment;  // I2_* variables
  struct Flag {
    std::string_view section;  // of the setting
    std::string_view key;
    std::string flag;  // "--port"
    std::string value;
  };
  std::vector<Flag> flags;
};

// The configuration, or every problem of all sources. Error codes of problems:
// config.file_unreadable, config.syntax, config.section_unknown, config.key_unknown, config.type,
// config.value, config.size_invalid, config.duration_invalid, stoq.ipv4_refused,
// stoq.address_malformed.
[[nodiscard]] std::expected<Config, std::vector<ConfigProblem>> load_config(
    const ConfigSources& sources);

// Where a node keeps its data unless told otherwise: /var/lib/internet2 for root, else
// $XDG_DATA_HOME/internet2 or ~/.local/share/internet2.
[[nodiscard]] std::filesystem::path default_data_dir();

// The I2_* variables of this process.
[[nodiscard]] std::map<std::string, std::string, std::less<>> environment_settings();

}  // namespace i2::node
