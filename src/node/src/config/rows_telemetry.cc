// [logging] [telemetry].
#include <array>

#include "settings.h"

namespace i2::node {
namespace {

using enum SettingType;
using enum Standing;

constexpr std::array kTelemetryRows{
    SettingRow{
        {.section = "logging",
         .key = "level",
         .environment = "I2_LOG_LEVEL",
         .default_value = "info",
         .standing = kLive,
         .choices = "debug info warning error",
         .meaning = "the least important lines that are written"},
        [](Config& c, const SettingValue& v) { c.log_level = static_cast<LogLevel>(v.number); }},
    SettingRow{
        {.section = "logging",
         .key = "format",
         .environment = "I2_LOG_FORMAT",
         .default_value = "text",
         .standing = kLive,
         .choices = "text json",
         .meaning = "`text` for people, `json` for programs: one object on each line with "
                    "`time`, `level`, `layer`, `event`, `message` and the event's own "
                    "fields"},
        [](Config& c, const SettingValue& v) { c.log_format = static_cast<LogFormat>(v.number); }},
    SettingRow{{.section = "logging",
                .key = "rate_limit",
                .environment = "I2_LOG_RATE_LIMIT",
                .type = kInteger,
                .default_value = "20",
                .standing = kLive,
                .range = {0, 1'000'000},
                .meaning = "lines of one event in a second; what is left out is counted. 0: no "
                           "limit"},
               [](Config& c, const SettingValue& v) { c.log_rate = v.number; }},
    SettingRow{{.section = "logging",
                .key = "enable_detailed_metrics",
                .type = kBoolean,
                .default_value = "false",
                .standing = kLive,
                .meaning = "the transport's metrics for each worker too"},
               [](Config& c, const SettingValue& v) { c.detailed_metrics = v.flag; }},
    SettingRow{{.section = "logging",
                .key = "qlog_dir",
                .environment = "I2_QLOG_DIR",
                .type = kPath,
                .standing = kLive,
                .meaning = "a qlog trace of every connection that begins goes to this directory; "
                           "default: none"},
               [](Config& c, const SettingValue& v) { c.qlog_dir = v.path; }},
    SettingRow{{.section = "logging",
                .key = "qlog_files_max",
                .environment = "I2_QLOG_FILES_MAX",
                .type = kInteger,
                .default_value = "64",
                .standing = kLive,
                .range = {1, 100'000},
                .meaning = "traces that are kept; the oldest go"},
               [](Config& c, const SettingValue& v) { c.qlog_files_max = v.number; }},
    SettingRow{{.section = "logging",
                .key = "qlog_size_max",
                .environment = "I2_QLOG_SIZE_MAX",
                .type = kSize,
                .default_value = "64MiB",
                .standing = kLive,
                .range = {64 * 1024, 1024ULL * 1024 * 1024 * 1024},
                .meaning = "size of one trace, which ends there"},
               [](Config& c, const SettingValue& v) { c.qlog_size_max = v.number; }},

    SettingRow{{.section = "telemetry",
                .key = "interval",
                .environment = "I2_METRICS_INTERVAL",
                .type = kDuration,
                .default_value = "1s",
                .standing = kLive,
                .range = {100 * kMillisecond, 60 * kSecond},
                .meaning = "how often the metrics of all workers are put together"},
               [](Config& c, const SettingValue& v) { c.metrics_interval = v.number; }},
};

}  // namespace

std::span<const SettingRow> telemetry_rows() {
  return kTelemetryRows;
}

}  // namespace i2::node
