// The daemon's log: one line for each event, on standard error.
//
//   log.info("node", "ready", "the node is ready", {{"address", "[::]:9292"}, {"pid", 4711}});
//
//   text  2026-01-31T12:00:00.000Z info  node ready: the node is ready address=[::]:9292 pid=4711
//   json  {"time":"...","level":"info","layer":"node","event":"ready","message":"...",...}
//
// `layer` and `event` are stable words for programs, `message` is for people. Thread-safe; a line
// is written by one call, so lines of several threads never mix.
#pragma once

#include <i2/base/clock.h>
#include <i2/base/error.h>

#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>

namespace i2::node {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning, kError };
enum class LogFormat : std::uint8_t { kText, kJson };

struct LogField {
  template <std::integral Number>
  LogField(std::string_view field_name, Number number)
      : name(field_name), value(std::to_string(number)), is_number(true) {}
  LogField(std::string_view field_name, std::string_view text)
      : name(field_name), value(text), is_number(false) {}

  std::string_view name;
  std::string value;
  bool is_number;
};

class Logger {
 public:
  using Fields = std::initializer_list<LogField>;

  // Lines below `level` are dropped. `descriptor` stays the caller's.
  Logger(const Clock& clock, LogLevel level, LogFormat format, int descriptor = 2)
      : clock_(clock), level_(level), format_(format), descriptor_(descriptor) {}

  void debug(std::string_view layer, std::string_view event, std::string_view message,
             Fields fields = {}) const {
    write(LogLevel::kDebug, layer, event, message, fields);
  }
  void info(std::string_view layer, std::string_view event, std::string_view message,
            Fields fields = {}) const {
    write(LogLevel::kInfo, layer, event, message, fields);
  }
  void warning(std::string_view layer, std::string_view event, std::string_view message,
               Fields fields = {}) const {
    write(LogLevel::kWarning, layer, event, message, fields);
  }
  void error(std::string_view layer, std::string_view event, std::string_view message,
             Fields fields = {}) const {
    write(LogLevel::kError, layer, event, message, fields);
  }
  void write(LogLevel level, std::string_view layer, std::string_view event,
             std::string_view message, Fields fields) const;

 private:
  const Clock& clock_;
  const LogLevel level_;
  const LogFormat format_;
  const int descriptor_;
};

}  // namespace i2::node
