#include <i2/wire/text.h>

#include <algorithm>
#include <charconv>

namespace i2::wire {
namespace {

constexpr std::string_view kBase32Digits = "abcdefghijklmnopqrstuvwxyz234567";
constexpr std::string_view kBase64Digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
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

constexpr auto kBase64Values = [] {
  std::array<std::int8_t, 256> out{};
  out.fill(-1);
  for (std::size_t i = 0; i < kBase64Digits.size(); ++i) {
    out[static_cast<std::uint8_t>(kBase64Digits[i])] = static_cast<std::int8_t>(i);
  }
  return out;
}();

std::optional<Hash256> hash_of(const std::optional<Bytes>& bytes) {
  Hash256 out{};
  if (!bytes || bytes->size() != out.size()) {
    return std::nullopt;
  }
  std::ranges::copy(*bytes, out.begin());
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
  std::string out;
  out.reserve((bytes.size() * 8 + 4) / 5);
  std::uint32_t pending = 0;  // its low `bits` bits are not written yet
  unsigned bits = 0;
  for (const std::uint8_t byte : bytes) {
    pending = pending << 8 | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      out.push_back(kBase32Digits[pending >> bits & 31]);
    }
  }
  if (bits > 0) {
    // RFC 4648 §6: the final group is filled with zero bits on the right.
    out.push_back(kBase32Digits[pending << (5 - bits) & 31]);
  }
  return out;
}

std::optional<Bytes> from_base32(std::string_view text) {
  Bytes out;
  out.reserve(text.size() * 5 / 8);
  std::uint32_t pending = 0;
  unsigned bits = 0;
  for (const char c : text) {
    const int value = base32_value(c);
    if (value < 0) {
      return std::nullopt;
    }
    pending = pending << 5 | static_cast<std::uint32_t>(value);
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      out.push_back(static_cast<std::uint8_t>(pending >> bits));
    }
  }
  // RFC 4648 §3.5: pad bits must be zero. Five or more of them are a digit that carries nothing.
  if (bits >= 5 || (pending & ((1U << bits) - 1)) != 0) {
    return std::nullopt;
  }
  return out;
}

std::string to_base64(ByteView bytes) {
  std::string out((bytes.size() + 2) / 3 * 4, kBase64Pad);
  auto* digit = out.data();
  for (; !bytes.empty();
       bytes = bytes.subspan(std::min<std::size_t>(bytes.size(), 3)), digit += 4) {
    const std::size_t used = std::min<std::size_t>(bytes.size(), 3);
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      group = group << 8 | (i < used ? bytes[i] : 0U);
    }
    for (std::size_t i = 0; i <= used; ++i) {
      digit[i] = kBase64Digits[group >> (18 - 6 * i) & 63];
    }
  }
  return out;
}

std::optional<Bytes> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) {
    return std::nullopt;
  }
  std::size_t pads = 0;
  while (pads < 2 && pads < text.size() && text[text.size() - 1 - pads] == kBase64Pad) {
    ++pads;
  }
  text.remove_suffix(pads);
  Bytes out;
  out.reserve(text.size() * 3 / 4);
  std::uint32_t pending = 0;
  unsigned bits = 0;
  for (const char c : text) {
    const int value = kBase64Values[static_cast<std::uint8_t>(c)];
    if (value < 0) {
      return std::nullopt;
    }
    pending = pending << 6 | static_cast<std::uint32_t>(value);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out.push_back(static_cast<std::uint8_t>(pending >> bits));
    }
  }
  // RFC 4648 §3.5: pad bits must be zero. With its padding a text has one form.
  if ((pending & ((1U << bits) - 1)) != 0) {
    return std::nullopt;
  }
  return out;
}

std::optional<Hash256> hash_from_base64(std::string_view text) {
  return hash_of(from_base64(text));
}

std::optional<std::uint64_t> from_decimal(std::string_view text) {
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || rest != end || (text.size() > 1 && text.front() == '0')) {
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
