#include "der.h"

#include <openssl/asn1.h>

namespace i2::crypto {

std::optional<DerValue> take_der(ByteView& in) {
  constexpr std::uint8_t kLongTag = 0x1f;
  constexpr int kMalformedOrIndefinite = 0x81;
  const unsigned char* cursor = in.data();
  long size = 0;
  int tag = 0;
  int kind = 0;
  if (in.empty() || (in[0] & kLongTag) == kLongTag ||
      (ASN1_get_object(&cursor, &size, &tag, &kind, static_cast<long>(in.size())) &
       kMalformedOrIndefinite) != 0) {
    return std::nullopt;
  }
  const ByteView contents(cursor, static_cast<std::size_t>(size));
  const auto header = static_cast<std::size_t>(cursor - in.data());
  if (header != 1 + der_length_octets(contents.size())) {
    return std::nullopt;
  }
  const DerValue out{
      .identifier = in[0], .contents = contents, .whole = in.first(header + contents.size())};
  in = in.subspan(out.whole.size());
  return out;
}

}  // namespace i2::crypto
