#include "sct_list.h"

#include "der.h"
#include "native.h"

namespace i2::crypto {
namespace {

constexpr std::size_t kListSizeMax = 65535;
constexpr std::size_t kLengthSize = 2;

void put_length(Bytes& out, std::size_t size) {
  out.push_back(static_cast<std::uint8_t>(size >> 8));
  out.push_back(static_cast<std::uint8_t>(size));
}

// Takes an opaque<1..2^16-1> off the front of `rest`.
std::optional<ByteView> take_opaque(ByteView& rest) {
  if (rest.size() < kLengthSize) {
    return std::nullopt;
  }
  const std::size_t size = std::size_t{rest[0]} << 8 | rest[1];
  if (size == 0 || size > rest.size() - kLengthSize) {
    return std::nullopt;
  }
  const ByteView out = rest.subspan(kLengthSize, size);
  rest = rest.subspan(kLengthSize + size);
  return out;
}

}  // namespace

std::optional<Bytes> write_sct_list(std::span<const Bytes> scts) {
  std::size_t size = 0;
  for (const Bytes& sct : scts) {
    if (sct.empty() || sct.size() > kListSizeMax) {
      return std::nullopt;
    }
    size += kLengthSize + sct.size();
    if (size > kListSizeMax) {
      return std::nullopt;
    }
  }
  constexpr std::uint8_t kDerOctetString = 0x04;
  Bytes list;
  list.reserve(kLengthSize + size);
  put_length(list, size);
  for (const Bytes& sct : scts) {
    put_length(list, sct.size());
    append(list, sct);
  }
  return der_value(kDerOctetString, {list});
}

std::optional<std::vector<Bytes>> read_sct_list(ByteView value) {
  const unsigned char* cursor = value.data();
  const NativePointer<ASN1_OCTET_STRING, ASN1_OCTET_STRING_free> text(
      d2i_ASN1_OCTET_STRING(nullptr, &cursor, static_cast<long>(value.size())));
  if (text == nullptr || cursor != value.data() + value.size()) {
    return std::nullopt;
  }
  ByteView rest(ASN1_STRING_get0_data(text.get()),
                static_cast<std::size_t>(ASN1_STRING_length(text.get())));
  auto list = take_opaque(rest);
  if (!list || !rest.empty()) {
    return std::nullopt;
  }
  std::vector<Bytes> out;
  while (!list->empty()) {
    const auto sct = take_opaque(*list);
    if (!sct) {
      return std::nullopt;
    }
    out.push_back(to_bytes(*sct));
  }
  return out;
}

}  // namespace i2::crypto
