// Values as text: hexadecimal, base32 (RFC 4648, lower case, no padding), base64 (§4, with padding)
// and base64url (§5, without), decimal numbers; UTF-8 validity.
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
[[nodiscard]] std::string to_base64url(ByteView bytes);
// Refuses padding, other characters and non-zero trailing bits.
[[nodiscard]] std::optional<Bytes> from_base64url(std::string_view text);

[[nodiscard]] std::string to_base64(ByteView bytes);
// Refuses missing padding, other characters and non-zero trailing bits.
[[nodiscard]] std::optional<Bytes> from_base64(std::string_view text);
// The same for exactly 32 bytes.
[[nodiscard]] std::optional<Hash256> hash_from_base64(std::string_view text);

// Digits alone, in the one form that std::to_string() has: no sign, no leading zero.
[[nodiscard]] std::optional<std::uint64_t> from_decimal(std::string_view text);

// RFC 3629: shortest forms, no surrogates, nothing beyond U+10FFFF. The empty string is valid.
[[nodiscard]] bool is_utf8(std::string_view text);

// Short form of a node id: base32 of its first 10 bytes, 16 characters.
[[nodiscard]] std::string short_id(const NodeId& id);

}  // namespace i2::wire
