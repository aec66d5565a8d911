// Conversions between the transport's addresses and peer hints, and the addresses of this machine.
#pragma once

#include <i2/fleet/core/peer_hint.h>
#include <i2/stoq/core/address.h>

#include <optional>
#include <vector>

namespace i2::node {

// Nothing for an address that means something else on another host (link-local) or cannot be
// dialled.
[[nodiscard]] std::optional<fleet::PeerHint> to_hint(const NodeId& peer,
                                                     const stoq::core::SocketAddress& address);
[[nodiscard]] stoq::core::SocketAddress to_address(const fleet::PeerHint& hint);

// Where others can reach a socket bound to `bound`: itself, or for the unspecified address every
// global address of the machine's interfaces; [::1] when there is none.
[[nodiscard]] std::vector<stoq::core::SocketAddress> reachable_addresses(
    const stoq::core::SocketAddress& bound);

}  // namespace i2::node
