#include <i2/wire/text.h>

#include <algorithm>
#include <charconv>

namespace i2::wire {
namespace {

constexpr std::string_view kBase32Digits = "abcdefghijklmnopqrstuvwxyz234567";
constexpr std::string_view kBase64Digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kBase64UrlDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr char kBase64Pad = '=';

// The value of a digit, or -1.
int hex_value(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

int base32_value(char c) {
  if (c >= '2' && c <= '7') {
    return c - '2' + 26;
  }
  const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return letter ? (c | 0x20) - 'a' : -1;
}

// Of each character its value among `digits`, or -1.
constexpr std::array<std::int8_t, 256> values_of(std::string_view digits) {
  std::array<std::int8_t, 256> out{};
  out.fill(-1);
  for (std::size_t i = 0; i < digits.size(); ++i) {
    out[static_cast<std::uint8_t>(digits[i])] = static_cast<std::int8_t>(i);
  }
  return out;
}
constexpr auto kBase64Values = values_of(kBase64Digits);
constexpr auto kBase64UrlValues = values_of(kBase64UrlDigits);

int base64_value(char c) {
  return kBase64Values[static_cast<std::uint8_t>(c)];
}
int base64url_value(char c) {
  return kBase64UrlValues[static_cast<std::uint8_t>(c)];
}

std::optional<Hash256> hash_of(const std::optional<Bytes>& bytes) {
  Hash256 out{};
  if (!bytes || bytes->size() != out.size()) {
    return std::nullopt;
  }
  std::ranges::copy(*bytes, out.begin());
  return out;
}

// RFC 4648: digits of kBits bits each, without padding.
template <unsigned kBits>
std::string to_digits(ByteView bytes, std::string_view digits) {
  constexpr std::uint32_t kMask = (1U << kBits) - 1;
  std::string out;
  out.reserve((bytes.size() * 8 + kBits - 1) / kBits);
  std::uint32_t pending = 0;  // its low `bits` bits are not written yet
  unsigned bits = 0;
  for (const std::uint8_t byte : bytes) {
    pending = pending << 8 | byte;
    bits += 8;
    while (bits >= kBits) {
      bits -= kBits;
      out.push_back(digits[pending >> bits & kMask]);
    }
  }
  if (bits > 0) {
    // RFC 4648 §4, §6: the final group is filled with zero bits on the right.
    out.push_back(digits[pending << (kBits - bits) & kMask]);
  }
  return out;
}

template <unsigned kBits>
std::optional<Bytes> from_digits(std::string_view text, int (*value_of)(char)) {
  Bytes out;
  out.reserve(text.size() * kBits / 8);
  std::uint32_t pending = 0;
  unsigned bits = 0;
  for (const char c : text) {
    const int value = value_of(c);
    if (value < 0) {
      return std::nullopt;
    }
    pending = pending << kBits | static_cast<std::uint32_t>(value);
    bits += kBits;
    if (bits >= 8) {
      bits -= 8;
      out.push_back(static_cast<std::uint8_t>(pending >> bits));
    }
  }
  // RFC 4648 §3.5: pad bits must be zero. As many of them as a digit has are one that carries
  // nothing.
  if (bits >= kBits || (pending & ((1U << bits) - 1)) != 0) {
    return std::nullopt;
  }
  return out;
}

}  // namespace

std::optional<Bytes> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) {
    return std::nullopt;
  }
  Bytes out;
  out.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = hex_value(text[i]);
    const int low = hex_value(text[i + 1]);
    if (high < 0 || low < 0) {
      return std::nullopt;
    }
    out.push_back(static_cast<std::uint8_t>(high << 4 | low));
  }
  return out;
}

std::optional<Hash256> hash_from_hex(std::string_view text) {
  return hash_of(from_hex(text));
}

std::string to_base32(ByteView bytes) {
  return to_digits<5>(bytes, kBase32Digits);
}

std::optional<Bytes> from_base32(std::string_view text) {
  return from_digits<5>(text, base32_value);
}

std::string to_base64url(ByteView bytes) {
  return to_digits<6>(bytes, kBase64UrlDigits);
}

std::optional<Bytes> from_base64url(std::string_view text) {
  return from_digits<6>(text, base64url_value);
}

std::string to_base64(ByteView bytes) {
  std::string out = to_digits<6>(bytes, kBase64Digits);
  out.resize((bytes.size() + 2) / 3 * 4, kBase64Pad);
  return out;
}

std::optional<Bytes> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) {
    return std::nullopt;
  }
  for (int pads = 0; pads < 2 && text.ends_with(kBase64Pad); ++pads) {
    text.remove_suffix(1);
  }
  return from_digits<6>(text, base64_value);
}

std::optional<Hash256> hash_from_base64(std::string_view text) {
  return hash_of(from_base64(text));
}

std::optional<std::uint64_t> from_decimal(std::string_view text) {
  std::uint64_t value = 0;
  const auto [rest, error] = std::from_chars(text.begin(), text.end(), value);
  if (error != std::errc() || rest != text.end() || (text.size() > 1 && text.front() == '0')) {
    return std::nullopt;
  }
  return value;
}

bool is_utf8(std::string_view text) {
  const ByteView bytes = as_bytes(text);
  for (std::size_t i = 0; i < bytes.size();) {
    const std::uint8_t lead = bytes[i++];
    if (lead < 0x80) {
      continue;
    }
    // RFC 3629 §4. The second byte is narrower than 80..BF after four leads, which excludes
    // overlong forms (E0, F0), surrogates (ED) and code points beyond U+10FFFF (F4).
    if (lead < 0xc2 || lead > 0xf4) {
      return false;
    }
    std::size_t tails = lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
    std::uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    std::uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    for (; tails > 0; --tails, ++i) {
      if (i >= bytes.size() || bytes[i] < low || bytes[i] > high) {
        return false;
      }
      low = 0x80;
      high = 0xbf;
    }
  }
  return true;
}

std::string short_id(const NodeId& id) {
  return to_base32(id.view().first(10));
}

}  // namespace i2::wire
