// Strong identifiers: 256-bit values that cannot be mixed up.
#pragma once

#include <i2/base/bytes.h>

#include <compare>
#include <functional>

namespace i2 {

template <class Tag>
struct Id256 {
  Hash256 bytes{};

  [[nodiscard]] ByteView view() const { return bytes; }
  [[nodiscard]] std::string hex() const { return to_hex(bytes); }
  friend auto operator<=>(const Id256&, const Id256&) = default;
  friend bool operator==(const Id256&, const Id256&) = default;
};

// SHA-256("i2/node/v1" || Falcon SPKI || Ed25519 SPKI) of the node's first identity keys.
using NodeId = Id256<struct NodeIdTag>;
// SHA-256 of the genesis encoding under its domain string.
using ChainId = Id256<struct ChainIdTag>;

}  // namespace i2

template <class Tag>
struct std::hash<i2::Id256<Tag>> {
  std::size_t operator()(const i2::Id256<Tag>& id) const noexcept {
    std::size_t value = 0;
    std::memcpy(&value, id.bytes.data(), sizeof value);
    return value;
  }
};
