#include <i2/node/addresses.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

namespace i2::node {

using stoq::core::SocketAddress;

std::optional<fleet::PeerHint> to_hint(const NodeId& peer, const SocketAddress& address) {
  const fleet::PeerHint hint{.node_id = peer, .address = address.ip, .port = address.port};
  if (address.scope != 0 || !fleet::check_hint(hint)) {
    return std::nullopt;
  }
  return hint;
}

SocketAddress to_address(const fleet::PeerHint& hint) {
  return {.ip = hint.address, .port = hint.port, .scope = 0};
}

std::vector<SocketAddress> reachable_addresses(const SocketAddress& bound) {
  if (!bound.is_unspecified()) {
    return {bound};
  }
  std::vector<SocketAddress> out;
  ifaddrs* interfaces = nullptr;
  if (getifaddrs(&interfaces) == 0) {
    for (const ifaddrs* entry = interfaces; entry != nullptr; entry = entry->ifa_next) {
      if (entry->ifa_addr == nullptr || entry->ifa_addr->sa_family != AF_INET6 ||
          (entry->ifa_flags & IFF_UP) == 0 || (entry->ifa_flags & IFF_LOOPBACK) != 0) {
        continue;
      }
      sockaddr_in6 native{};
      std::memcpy(&native, entry->ifa_addr, sizeof native);
      SocketAddress address{.ip = {}, .port = bound.port, .scope = 0};
      std::memcpy(address.ip.data(), &native.sin6_addr, address.ip.size());
      if (to_hint({}, address) && std::ranges::find(out, address) == out.end()) {
        out.push_back(address);
      }
    }
    freeifaddrs(interfaces);
  }
  if (out.empty()) {
    SocketAddress loopback{.ip = {}, .port = bound.port, .scope = 0};
    loopback.ip[15] = 1;
    out.push_back(loopback);
  }
  return out;
}

}  // namespace i2::node
