// The daemon's configuration: defaults, a TOML file, environment variables, flags; the later wins.
//
// Every setting is one row of settings(): the row drives reading, the reference, `i2 config show`
// and completion. Reading is strict (docs/reference/config.md): an unknown section or key, a wrong
// type, a value out of range or one that asks for what is not there is a problem, and all problems
// are reported at once, each with where it stands.
#pragma once

#include <i2/base/clock.h>
#include <i2/base/error.h>
#include <i2/node/acme_config.h>
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
  // [node]
  std::filesystem::path data_dir;
  std::filesystem::path inbox;   // empty: <data_dir>/inbox
  std::filesystem::path socket;  // empty: <data_dir>/admin.sock
  Duration drain_timeout = 5 * kSecond;
  std::string name;              // that the identity must have; empty: any
  std::string user;              // to become when started as root; empty: stay
  std::uint64_t open_files = 0;  // limit of descriptors; 0: what the system allows
  // [transport], [performance]
  stoq::core::SocketAddress bind;  // [::]:9292
  std::size_t workers = 0;         // 0: one for each core but one
  bool cpu_affinity = false;
  Duration idle_timeout = 30 * kSecond;
  Duration handshake_timeout = 10 * kSecond;
  stoq::core::CongestionControl congestion = stoq::core::CongestionControl::kCubic;
  std::uint64_t connection_window = 8 * 1024 * 1024;
  std::uint64_t stream_window = 4 * 1024 * 1024;
  std::uint64_t streams_max = 1'024;
  std::size_t datagram_size_max = 65'000;
  std::size_t socket_buffer = 8 * 1024 * 1024;
  std::size_t connections_max = 10'000;  // of all workers together
  // [certificates], [trustchain.ct], [hypermesh.consensus], [deployment]
  bool renew_certificates = true;
  Duration log_takeover_after = 600 * kSecond;  // 0: never by itself
  bool proofs_optional = false;                 // somebody wrote so
  bool hybrid_votes = false;                    // a vote key made from now on signs with Falcon too
  std::uint64_t blocks_kept = 100'000;
  std::string intended_mode;  // the mode that the file is for; empty: any
  bool production_checks = false;
  // [logging], [telemetry]
  LogLevel log_level = LogLevel::kInfo;
  LogFormat log_format = LogFormat::kText;
  HttpConfig http;
  AcmeConfig acme;
  std::uint64_t log_rate = 20;     // lines of one event in a second
  std::filesystem::path qlog_dir;  // empty: no qlog
  std::uint64_t qlog_files_max = 64;
  std::uint64_t qlog_size_max = 64 * 1024 * 1024;
  bool detailed_metrics = false;
  Duration metrics_interval = kSecond;

  [[nodiscard]] std::filesystem::path inbox_path() const {
    return inbox.empty() ? data_dir / "inbox" : inbox;
  }
  [[nodiscard]] std::filesystem::path socket_path() const {
    return socket.empty() ? data_dir / "admin.sock" : socket;
  }
};

enum class SettingType : std::uint8_t {
  kText,
  kPath,
  kAddress,   // an IPv6 address
  kInteger,   // without quotes in the file
  kNumber,    // without quotes, may have a fraction
  kBoolean,   // true or false, without quotes
  kSize,      // "64MiB"
  kDuration,  // "100ms"
};

// What a setting does in this version.
enum class Standing : std::uint8_t {
  kLive,     // takes effect at the start and at a reload
  kRestart,  // takes effect at the start
  kAlias,    // another name of the setting that `note` names
  kFixed,    // says how this program is; any other value is refused, `note` says why
  kLater,    // any value but the default asks for what is not there yet: a warning
  kRefused,  // the same where somebody would rely on it: an error
  kVoid,     // nothing to be set here, `note` says why: a warning
};

struct SettingRange {
  std::uint64_t minimum = 0;  // integers; bytes; nanoseconds
  std::uint64_t maximum = UINT64_MAX;
};

// One row of the table of settings.
struct Setting {
  std::string_view section = {};  // as in the file: "transport"
  std::string_view key = {};
  std::string_view environment = {};  // the variable that overrides the file, if there is one
  SettingType type = SettingType::kText;
  std::string_view default_value = {};  // as in the file, without quotes; empty: none
  Standing standing = Standing::kRestart;
  SettingRange range = {};
  std::string_view choices = {};  // "cubic bbr": the only values; empty: any of the type
  std::string_view meaning = {};
  std::string_view note = {};  // see Standing
};
[[nodiscard]] std::span<const Setting> settings();

struct ConfigProblem {
  enum class Severity : std::uint8_t { kError, kWarning };

  std::string where;  // "config/development.toml:3", "I2_PORT", "--port"
  Error error;
  Severity severity = Severity::kError;

  // "node.toml:3: [transport] has no key 'prot' [config.key_unknown]".
  [[nodiscard]] std::string to_string() const {
    return where + (severity == Severity::kWarning ? ": warning: " : ": ") + error.to_string();
  }
};

struct ConfigSources {
  std::optional<std::filesystem::path> file;
  std::map<std::string, std::string, std::less<>> environment;  // I2_* and STOQ_* variables
  struct Flag {
    std::string_view section;  // of the setting
    std::string_view key;
    std::string flag;  // "--port"
    std::string value;
  };
  std::vector<Flag> flags;
};

// What a setting is, and who said so.
struct SettingOrigin {
  const Setting* setting;
  std::string value;   // as in the file, without quotes
  std::string origin;  // "default" or as ConfigProblem::where
};

struct LoadedConfig {
  Config config;
  std::vector<ConfigProblem> warnings;  // config.not_available, config.no_effect
  std::vector<SettingOrigin> values;    // of every setting that is kLive or kRestart
};

// The configuration, or every problem of all sources (then some are warnings). Error codes of
// problems: config.file_unreadable, config.syntax, config.section_unknown, config.key_unknown,
// config.type, config.value, config.conflict, config.fixed, config.not_available, config.no_effect,
// config.size_invalid, config.duration_invalid, stoq.ipv4_refused, stoq.address_malformed,
// acme.options_invalid.
[[nodiscard]] std::expected<LoadedConfig, std::vector<ConfigProblem>> load_config(
    const ConfigSources& sources);

// What another configuration would change: names as "[section] key".
struct ConfigChanges {
  std::vector<std::string> live;     // a reload applies them
  std::vector<std::string> restart;  // the daemon has to be started again
};
[[nodiscard]] ConfigChanges compare(const LoadedConfig& running, const LoadedConfig& wanted);

// TOML of `config`, a section after the other; with `origins` each line says who set it.
[[nodiscard]] std::string to_toml(const LoadedConfig& config, bool origins);

// The tables of docs/reference/config.md.
[[nodiscard]] std::string settings_reference();

// Where a node keeps its data unless told otherwise: /var/lib/internet2 for root, else
// $XDG_DATA_HOME/internet2 or ~/.local/share/internet2.
[[nodiscard]] std::filesystem::path default_data_dir();

// The I2_* and STOQ_* variables of this process.
[[nodiscard]] std::map<std::string, std::string, std::less<>> environment_settings();

}  // namespace i2::node
