// The table of settings: what each is called and how its text becomes a value.
#include "settings.h"

#include <i2/node/units.h>

#include <array>
#include <charconv>
#include <format>

namespace i2::node {
namespace {

using stoq::core::CongestionControl;
using stoq::core::SocketAddress;

Result<std::uint64_t> parse_integer(std::string_view text, std::uint64_t minimum,
                                    std::uint64_t maximum) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < minimum ||
      value > maximum) {
    return fail("config.value",
                std::format("'{}' is out of range: {} to {}", text, minimum, maximum));
  }
  return value;
}

Result<Duration> parse_duration_in(std::string_view text, Duration minimum, Duration maximum) {
  I2_TRY_VALUE(const Duration value, parse_duration(text));
  if (value < minimum || value > maximum) {
    return fail("config.value", std::format("'{}' is out of range: {} to {}", text,
                                            format_duration(minimum), format_duration(maximum)));
  }
  return value;
}

Result<std::uint64_t> parse_window(std::string_view text) {
  constexpr std::uint64_t kMinimum = 64 * 1024;
  constexpr std::uint64_t kMaximum = 1024 * 1024 * 1024;
  I2_TRY_VALUE(const std::uint64_t value, parse_size(text));
  if (value < kMinimum || value > kMaximum) {
    return fail("config.value", std::format("'{}' is out of range: {} to {}", text,
                                            format_size(kMinimum), format_size(kMaximum)));
  }
  return value;
}

Result<void> set_path(std::filesystem::path& out, const SettingText& text) {
  if (text.value.empty()) {
    return fail("config.value", "the path is empty");
  }
  out = text.folder / std::string(text.value);
  return {};
}

template <class Value, std::size_t kCount>
Result<void> set_choice(Value& out, std::string_view text,
                        const std::array<std::pair<std::string_view, Value>, kCount>& choices) {
  std::string known;
  for (const auto& [name, value] : choices) {
    if (name == text) {
      out = value;
      return {};
    }
    known += std::format("{}\"{}\"", known.empty() ? "" : ", ", name);
  }
  return fail("config.value", std::format("'{}' is not one of {}", text, known));
}

template <class Value>
Result<void> set(Value& out, const Result<std::uint64_t>& value) {
  if (!value) {
    return fail(value.error());
  }
  out = static_cast<Value>(*value);
  return {};
}

Result<void> set_bind(Config& config, const SettingText& text) {
  I2_TRY_VALUE(SocketAddress address, SocketAddress::parse(text.value, 0));
  if (address.port != 0) {
    return fail("config.value",
                std::format("'{}' names a port: write the address alone, and the port as `port`",
                            text.value));
  }
  address.port = config.bind.port;
  config.bind = address;
  return {};
}

constexpr std::array kRows{
    SettingRow{{"node", "data_dir", "I2_DATA_DIR", "", false,
                "identity, ledger and inbox of the node; relative to the file's folder"},
               [](Config& c, const SettingText& t) { return set_path(c.data_dir, t); }},
    SettingRow{{"node", "inbox", "I2_INBOX", "", false,
                "where received files go; empty is <data_dir>/inbox"},
               [](Config& c, const SettingText& t) { return set_path(c.inbox, t); }},
    SettingRow{{"node", "socket", "I2_SOCKET", "", false,
                "the socket on which `i2` finds the daemon; empty is <data_dir>/admin.sock"},
               [](Config& c, const SettingText& t) { return set_path(c.socket, t); }},
    SettingRow{{"node", "drain_timeout", "I2_DRAIN_TIMEOUT", "5s", false,
                "how long a stopping node waits for commands under way"},
               [](Config& c, const SettingText& t) {
                 return set(c.drain_timeout, parse_duration_in(t.value, 0, 600 * kSecond));
               }},
    SettingRow{{"transport", "bind_address", "I2_BIND", "::", false,
                "the IPv6 address to listen on; `::` is every address of the machine"},
               set_bind},
    SettingRow{
        {"transport", "port", "I2_PORT", "9292", true, "the UDP port; 0 lets the kernel choose"},
        [](Config& c, const SettingText& t) {
          return set(c.bind.port, parse_integer(t.value, 0, 65'535));
        }},
    SettingRow{{"transport", "workers", "I2_WORKERS", "0", true,
                "threads that move packets; 0 is one for each core but one"},
               [](Config& c, const SettingText& t) {
                 return set(c.workers, parse_integer(t.value, 0, 128));
               }},
    SettingRow{{"transport", "idle_timeout", "I2_IDLE_TIMEOUT", "30s", false,
                "a connection that is silent for so long has ended"},
               [](Config& c, const SettingText& t) {
                 return set(c.idle_timeout, parse_duration_in(t.value, kSecond, 3'600 * kSecond));
               }},
    SettingRow{{"transport", "congestion", "I2_CONGESTION", "cubic", false,
                "congestion control: \"cubic\" or \"bbr\""},
               [](Config& c, const SettingText& t) {
                 constexpr std::array<std::pair<std::string_view, CongestionControl>, 2> kChoices{
                     {{"cubic", CongestionControl::kCubic}, {"bbr", CongestionControl::kBbr}}};
                 return set_choice(c.congestion, t.value, kChoices);
               }},
    SettingRow{{"transport", "connection_window", "I2_CONNECTION_WINDOW", "8MiB", false,
                "unread data that a peer may have under way on one connection"},
               [](Config& c, const SettingText& t) {
                 return set(c.connection_window, parse_window(t.value));
               }},
    SettingRow{{"transport", "stream_window", "I2_STREAM_WINDOW", "4MiB", false,
                "unread data that a peer may have under way on one stream"},
               [](Config& c, const SettingText& t) {
                 return set(c.stream_window, parse_window(t.value));
               }},
    SettingRow{{"logging", "level", "I2_LOG_LEVEL", "info", false,
                "the least important lines that are written: \"debug\", \"info\", \"warning\", "
                "\"error\""},
               [](Config& c, const SettingText& t) {
                 constexpr std::array<std::pair<std::string_view, LogLevel>, 4> kChoices{
                     {{"debug", LogLevel::kDebug},
                      {"info", LogLevel::kInfo},
                      {"warning", LogLevel::kWarning},
                      {"error", LogLevel::kError}}};
                 return set_choice(c.log_level, t.value, kChoices);
               }},
    SettingRow{{"logging", "format", "I2_LOG_FORMAT", "text", false,
                "\"text\" for people, \"json\" for programs"},
               [](Config& c, const SettingText& t) {
                 constexpr std::array<std::pair<std::string_view, LogFormat>, 2> kChoices{
                     {{"text", LogFormat::kText}, {"json", LogFormat::kJson}}};
                 return set_choice(c.log_format, t.value, kChoices);
               }},
};

constexpr auto kSettings = [] {
  std::array<Setting, kRows.size()> out{};
  for (std::size_t i = 0; i < kRows.size(); ++i) {
    out[i] = kRows[i].setting;
  }
  return out;
}();

}  // namespace

std::span<const SettingRow> setting_rows() {
  return kRows;
}
std::span<const Setting> settings() {
  return kSettings;
}

}  // namespace i2::node
