#include <i2/node/units.h>

#include <array>
#include <charconv>
#include <cmath>
#include <ctime>
#include <format>
#include <optional>
#include <span>
#include <utility>

namespace i2::node {
namespace {

struct Suffix {
  std::string_view name;
  double factor;
};

constexpr std::array kSizeUnits{
    Suffix{"B", 1},        Suffix{"KiB", 0x1p10}, Suffix{"MiB", 0x1p20},
    Suffix{"GiB", 0x1p30}, Suffix{"TiB", 0x1p40}, Suffix{"kB", 1e3},
    Suffix{"MB", 1e6},     Suffix{"GB", 1e9},     Suffix{"TB", 1e12},
};
constexpr std::array kDurationUnits{
    Suffix{"ns", 1},   Suffix{"us", 1e3},   Suffix{"ms", 1e6},    Suffix{"s", 1e9},
    Suffix{"m", 60e9}, Suffix{"h", 3600e9}, Suffix{"d", 86400e9},
};
// Everything up to here is exact as a double and fits the result type.
constexpr double kQuantityMax = 0x1p62;

std::optional<std::uint64_t> parse_quantity(std::string_view text, std::span<const Suffix> units) {
  double number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc{} || !std::isfinite(number) || std::signbit(number)) {
    return std::nullopt;
  }
  std::string_view name(end, text.data() + text.size());
  if (name.starts_with(' ')) {
    name.remove_prefix(1);
  }
  for (const Suffix& unit : units) {
    if (unit.name == name && number * unit.factor <= kQuantityMax) {
      return static_cast<std::uint64_t>(std::llround(number * unit.factor));
    }
  }
  return std::nullopt;
}

std::string decimals(double value, std::string_view unit) {
  std::string number = std::format("{:.1f}", value);
  if (number.ends_with(".0")) {
    number.resize(number.size() - 2);
  }
  return number + " " + std::string(unit);
}

// The two largest units of a duration of at least a minute.
std::string two_units(std::uint64_t seconds) {
  constexpr std::array<std::pair<std::uint64_t, std::string_view>, 4> kUnits{
      {{86'400, "d"}, {3'600, "h"}, {60, "min"}, {1, "s"}}};
  for (std::size_t i = 0; i + 1 < kUnits.size(); ++i) {
    const auto [size, name] = kUnits[i];
    if (seconds >= size) {
      const auto [small_size, small_name] = kUnits[i + 1];
      const std::uint64_t rest = seconds % size / small_size;
      const std::string out = std::format("{} {}", seconds / size, name);
      return rest == 0 ? out : out + std::format(" {} {}", rest, small_name);
    }
  }
  return std::format("{} s", seconds);
}

}  // namespace

Result<std::uint64_t> parse_size(std::string_view text) {
  if (const auto bytes = parse_quantity(text, kSizeUnits)) {
    return *bytes;
  }
  return fail(
      "config.size_invalid",
      std::format("'{}' is no size: write a number with a unit, for example \"64MiB\"", text));
}

Result<Duration> parse_duration(std::string_view text) {
  if (const auto nanoseconds = parse_quantity(text, kDurationUnits)) {
    return *nanoseconds;
  }
  return fail("config.duration_invalid",
              std::format("'{}' is no duration: write a number with a unit, for example \"100ms\" "
                          "or \"24h\"",
                          text));
}

std::string format_size(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 5> kNames{"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < kNames.size()) {
    value /= 1024;
    ++unit;
  }
  return decimals(value, kNames[unit]);
}

std::string format_duration(Duration duration) {
  const double value = static_cast<double>(duration);
  if (duration < kMillisecond) {
    return decimals(value / 1e3, "us");
  }
  if (duration < kSecond) {
    return decimals(value / 1e6, "ms");
  }
  if (duration < 60 * kSecond) {
    return decimals(value / 1e9, "s");
  }
  return two_units(duration / kSecond);
}

std::string format_time(UnixMillis time, bool milliseconds) {
  const auto seconds = static_cast<std::time_t>(time / 1000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::string out =
      std::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", parts.tm_year + 1900, parts.tm_mon + 1,
                  parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
  if (milliseconds) {
    out += std::format(".{:03}", time % 1000);
  }
  return out + "Z";
}

}  // namespace i2::node
