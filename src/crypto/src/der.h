// Reading and writing DER (X.690) where OpenSSL's objects would cost more than the bytes.
#pragma once

#include <i2/base/bytes.h>

#include <initializer_list>
#include <optional>

namespace i2::crypto {

inline constexpr std::uint8_t kDerInteger = 0x02;
inline constexpr std::uint8_t kDerBitString = 0x03;
inline constexpr std::uint8_t kDerSequence = 0x30;
inline constexpr std::uint8_t kDerExplicit0 = 0xa0;
inline constexpr std::uint8_t kDerExplicit3 = 0xa3;

struct DerValue {
  std::uint8_t identifier = 0;
  ByteView contents;
  ByteView whole;
};
// The first value of `in`, which goes on behind it. Nothing when it is not a whole one, when its
// length is not in the shortest form, or when its tag takes more than one octet.
[[nodiscard]] std::optional<DerValue> take_der(ByteView& in);

// The length octets of so many (§10.1, the shortest form).
inline std::size_t der_length_octets(std::size_t size) {
  std::size_t octets = 1;
  if (size >= 0x80) {
    for (std::size_t rest = size; rest != 0; rest >>= 8) {
      ++octets;
    }
  }
  return octets;
}

// Identifier and length octets.
inline void put_der_header(Bytes& out, std::uint8_t tag, std::size_t size) {
  out.push_back(tag);
  if (size < 0x80) {
    out.push_back(static_cast<std::uint8_t>(size));
    return;
  }
  std::size_t octets = der_length_octets(size) - 1;
  out.push_back(static_cast<std::uint8_t>(0x80 | octets));
  for (; octets > 0; --octets) {
    out.push_back(static_cast<std::uint8_t>(size >> 8 * (octets - 1)));
  }
}

// A value whose contents are `parts`, one after the other.
inline Bytes der_value(std::uint8_t tag, std::initializer_list<ByteView> parts) {
  constexpr std::size_t kMaxHeader = 10;
  std::size_t size = 0;
  for (const ByteView part : parts) {
    size += part.size();
  }
  Bytes out;
  out.reserve(kMaxHeader + size);
  put_der_header(out, tag, size);
  for (const ByteView part : parts) {
    append(out, part);
  }
  return out;
}

// What is signed, the AlgorithmIdentifier and the signature (RFC 5280 §4.1, §5.1).
inline Bytes signed_der(ByteView contents, ByteView algorithm, ByteView signature) {
  constexpr std::uint8_t kNoUnusedBits = 0;
  return der_value(kDerSequence, {contents, algorithm,
                                  der_value(kDerBitString, {{&kNoUnusedBits, 1}, signature})});
}

}  // namespace i2::crypto
