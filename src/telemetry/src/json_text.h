// JSON strings (RFC 8259 §7). Text that is not UTF-8 is the caller's mistake; it is passed through.
#pragma once

#include <string>
#include <string_view>

namespace i2::telemetry {

[[nodiscard]] std::string json_text(std::string_view text);
// "null" for what JSON has no number for.
[[nodiscard]] std::string json_number(double value);

}  // namespace i2::telemetry
