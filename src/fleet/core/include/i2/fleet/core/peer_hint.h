// Addresses at which members were last known: hints for the first contact, trusted for nothing.
// docs/wire/trust.md, "Peer hints".
#pragma once

#include <i2/base/error.h>
#include <i2/base/ids.h>
#include <i2/wire/canonical.h>

#include <vector>

namespace i2::fleet {

inline constexpr std::size_t kPeerHintsMax = 64;

struct PeerHint {
  NodeId node_id;
  std::array<std::uint8_t, 16> address{};  // IPv6, network byte order
  std::uint16_t port = 0;                  // UDP
  friend bool operator==(const PeerHint&, const PeerHint&) = default;
};

// A hint names a unicast IPv6 address that means the same on every host, or loopback, and a port.
// IPv4-mapped, unspecified, multicast and link-local addresses are refused. Error:
// fleet.hint_refused.
[[nodiscard]] Result<void> check_hint(const PeerHint& hint);

[[nodiscard]] Bytes encode(const std::vector<PeerHint>& hints);
// Error: fleet.hints_invalid.
[[nodiscard]] Result<std::vector<PeerHint>> decode_hints(ByteView encoding);

// The list inside another encoding. The reader marks `r` as failed.
void write(wire::CanonicalWriter& w, const std::vector<PeerHint>& hints);
[[nodiscard]] std::vector<PeerHint> read_hints(wire::CanonicalReader& r);

}  // namespace i2::fleet
