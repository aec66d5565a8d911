// Binary values as text: hexadecimal and base32 (RFC 4648, lower case, no padding); UTF-8 validity.
#pragma once

#include <i2/base/bytes.h>
#include <i2/base/ids.h>

#include <optional>
#include <string>
#include <string_view>

namespace i2::wire {

// Accepts both cases; refuses an odd number of digits. The inverse is to_hex() of base.
[[nodiscard]] std::optional<Bytes> from_hex(std::string_view text);
// The same for exactly 64 digits: what ids and hashes are written as.
[[nodiscard]] std::optional<Hash256> hash_from_hex(std::string_view text);
[[nodiscard]] std::string to_base32(ByteView bytes);
// Accepts both cases; refuses padding, other characters and non-zero trailing bits.
[[nodiscard]] std::optional<Bytes> from_base32(std::string_view text);

// RFC 3629: shortest forms, no surrogates, nothing beyond U+10FFFF. The empty string is valid.
[[nodiscard]] bool is_utf8(std::string_view text);

// Short form of a node id: base32 of its first 10 bytes, 16 characters.
[[nodiscard]] std::string short_id(const NodeId& id);

}  // namespace i2::wire
