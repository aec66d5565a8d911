// Which of several representations a client prefers (RFC 9110 §12.5.1).
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace i2::gateway {

// The index of the media type ("text/plain", without parameters) in `offered` that `accept` rates
// highest; of equals the first one offered. No header means everything. None: nothing is
// acceptable.
[[nodiscard]] std::optional<std::size_t> choose_media_type(
    std::optional<std::string_view> accept, std::span<const std::string_view> offered);

}  // namespace i2::gateway
