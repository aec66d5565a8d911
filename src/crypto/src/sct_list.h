// The value of the extension that carries SCTs (RFC 6962 §3.3): an OCTET STRING around
// opaque SerializedSCT<1..2^16-1>; SerializedSCT list<1..2^16-1>.
#pragma once

#include <i2/base/bytes.h>

#include <optional>
#include <span>
#include <vector>

namespace i2::crypto {

// None when an SCT is empty or the list has more than 65535 bytes.
[[nodiscard]] std::optional<Bytes> write_sct_list(std::span<const Bytes> scts);
// None when `value` is anything else than such a list.
[[nodiscard]] std::optional<std::vector<Bytes>> read_sct_list(ByteView value);

}  // namespace i2::crypto
