// What checks read: names, the hosts file, resolv.conf, URLs. Text in, values out.
#pragma once

#include <i2/base/error.h>
#include <i2/stoq/core/address.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace i2::trustchain::checks {

using stoq::core::SocketAddress;

[[nodiscard]] std::string lower_case(std::string_view text);

// Lower case: 1 to 63 letters, digits, '-' and '_' in a label, 253 in all, no dot at the end, and
// no address (the last label is not all digits).
[[nodiscard]] bool is_host_name(std::string_view name);

// Whether an address from DNS may be connected to: global unicast (2000::/3) without the prefixes
// that carry IPv4 (6to4, Teredo), or unique local (RFC 4193). Everything that only this machine or
// its link reaches is left out, and NAT64.
[[nodiscard]] bool is_reachable_address(const SocketAddress& address);
// Whether one from the hosts file may be: not multicast, not unspecified, not an IPv4 address in
// disguise (RFC 4291 §2.5.5).
[[nodiscard]] bool is_unicast_address(const SocketAddress& address);

// Names in lower case; ports are 0.
using Hosts = std::map<std::string, std::vector<SocketAddress>, std::less<>>;
inline constexpr std::size_t kHostsSizeMax = 1024 * 1024;
// Error: acme.options_invalid, with the number of the line.
[[nodiscard]] Result<Hosts> parse_hosts(std::string_view text);

// The name servers of a resolv.conf(5) that have IPv6 addresses, as they are written there.
[[nodiscard]] std::vector<std::string> parse_resolv_conf(std::string_view text);

struct Url {
  bool tls = false;
  std::string host{};  // is_host_name()
  std::uint16_t port = 0;
  std::string target{};  // path and query; begins with '/'
};
inline constexpr std::size_t kUrlSizeMax = 2048;
// An absolute URL whose host is a name. Error: acme.connection.
[[nodiscard]] Result<Url> parse_url(std::string_view text);
// A Location header in an answer from `base` (RFC 9110 §10.2.2): an absolute URL, or a path with or
// without an authority. Error: acme.connection.
[[nodiscard]] Result<Url> follow(const Url& base, std::string_view location);
// Without the port where it is that of the scheme.
[[nodiscard]] std::string authority_of(const Url& url);
[[nodiscard]] std::string to_text(const Url& url);

}  // namespace i2::trustchain::checks
