// The daemon's log: one line for each event, on standard error.
//
//   log.info("node", "ready", "the node is ready", {{"address", "[::]:9292"}, {"pid", 4711}});
//
//   text  2026-01-31T12:00:00.000Z info  node ready: the node is ready address=[::]:9292 pid=4711
//   json  {"time":"...","level":"info","layer":"node","event":"ready","message":"...",...}
//
// `layer` and `event` are stable words for programs, `message` is for people. Thread-safe; a line
// is written by one call, so lines of several threads never mix.
//
// Of one event (layer and event together) at most `rate` lines are written in a second. What is
// left out is counted, and report_suppressed() says how much it was.
#pragma once

#include <i2/base/clock.h>
#include <i2/base/error.h>

#include <atomic>
#include <concepts>
#include <initializer_list>
#include <map>
#include <mutex>
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

  // Lines below `level` are dropped. `rate` 0: no limit. `descriptor` stays the caller's.
  Logger(const Clock& clock, LogLevel level, LogFormat format, int descriptor = 2,
         std::uint64_t rate = 0)
      : clock_(clock), level_(level), format_(format), rate_(rate), descriptor_(descriptor) {}
  Logger(const Logger&) = delete;
  Logger& operator=(const Logger&) = delete;

  // From the next line on.
  void set(LogLevel level, LogFormat format, std::uint64_t rate);
  // Writes a line for each event of which lines were left out until now. Call it each second.
  void report_suppressed() const;
  // Since the start: lines written, and lines left out because of their rate.
  [[nodiscard]] std::uint64_t written() const { return written_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t suppressed() const {
    return suppressed_.load(std::memory_order_relaxed);
  }

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
  // How often an event was logged lately.
  struct Recent {
    Timestamp second_began = 0;
    std::uint64_t in_second = 0;
    std::uint64_t left_out = 0;
  };
  using EventName = std::pair<std::string, std::string>;  // layer, event

  [[nodiscard]] bool admits(std::string_view layer, std::string_view event) const;
  void put(LogLevel level, std::string_view layer, std::string_view event, std::string_view message,
           Fields fields) const;

  const Clock& clock_;
  std::atomic<LogLevel> level_;
  std::atomic<LogFormat> format_;
  std::atomic<std::uint64_t> rate_;
  const int descriptor_;
  mutable std::atomic<std::uint64_t> written_{0};
  mutable std::atomic<std::uint64_t> suppressed_{0};
  mutable std::mutex mutex_;
  mutable std::map<EventName, Recent> recent_;  // at most as many as the program has events
};

}  // namespace i2::node
