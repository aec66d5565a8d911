// Conversions between our values and ngtcp2's.
#pragma once

#include <i2/stoq/core/address.h>
#include <ngtcp2/ngtcp2.h>

#include <cstring>

namespace i2::stoq::core {

// An ngtcp2_path together with the storage it points to.
struct NativePath {
  NativePath() { reset(); }
  explicit NativePath(const PathAddresses& addresses) {
    reset();
    set(local, addresses.local);
    set(remote, addresses.remote);
  }
  NativePath(const NativePath&) = delete;
  NativePath& operator=(const NativePath&) = delete;

  void reset() {
    path.local = {reinterpret_cast<ngtcp2_sockaddr*>(&local), sizeof local};
    path.remote = {reinterpret_cast<ngtcp2_sockaddr*>(&remote), sizeof remote};
    path.user_data = nullptr;
  }
  static void set(sockaddr_in6& out, const SocketAddress& in) {
    out = {};
    out.sin6_family = AF_INET6;
    out.sin6_port = htons(in.port);
    out.sin6_scope_id = in.scope;
    std::memcpy(&out.sin6_addr, in.ip.data(), in.ip.size());
  }
  static SocketAddress get(const ngtcp2_addr& in) {
    SocketAddress out;
    if (in.addrlen == sizeof(sockaddr_in6)) {
      sockaddr_in6 raw{};
      std::memcpy(&raw, in.addr, sizeof raw);
      std::memcpy(out.ip.data(), &raw.sin6_addr, out.ip.size());
      out.port = ntohs(raw.sin6_port);
      out.scope = raw.sin6_scope_id;
    }
    return out;
  }

  sockaddr_in6 local{};
  sockaddr_in6 remote{};
  ngtcp2_path path{};
};

inline PathAddresses addresses_of(const ngtcp2_path& path) {
  return {NativePath::get(path.local), NativePath::get(path.remote)};
}

}  // namespace i2::stoq::core
