// Quantities as people write them: sizes ("64MiB") and durations ("100ms", "24h").
#pragma once

#include <i2/base/clock.h>
#include <i2/base/error.h>

#include <string>
#include <string_view>

namespace i2::node {

// A decimal number and one of B, KiB, MiB, GiB, TiB, kB, MB, GB, TB. Error: config.size_invalid.
[[nodiscard]] Result<std::uint64_t> parse_size(std::string_view text);
// A decimal number and one of ns, us, ms, s, m, h, d. Error: config.duration_invalid.
[[nodiscard]] Result<Duration> parse_duration(std::string_view text);

// "512 B", "1.5 MiB", "64 MiB".
[[nodiscard]] std::string format_size(std::uint64_t bytes);
// "0.4 ms", "12 s", "3 min 20 s", "23 h 59 min", "6 d 4 h".
[[nodiscard]] std::string format_duration(Duration duration);
// "2026-01-31T12:00:00Z"; with `milliseconds` "2026-01-31T12:00:00.000Z" (RFC 3339).
[[nodiscard]] std::string format_time(UnixMillis time, bool milliseconds = false);

}  // namespace i2::node
