// Reading JSON that strangers wrote.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace i2::trustchain::acme {

// An object in valid UTF-8, nested at most 8 deep, no member of which occurs twice (RFC 7515 §4:
// two readers could take different ones).
[[nodiscard]] std::optional<nlohmann::json> parse_object(std::string_view text);

// The member, or null when it is absent or no text.
[[nodiscard]] const std::string* text_member(const nlohmann::json& object, const char* name);

// Without white space. What cannot be written as UTF-8 is replaced.
[[nodiscard]] std::string to_text(const nlohmann::json& value);

}  // namespace i2::trustchain::acme
