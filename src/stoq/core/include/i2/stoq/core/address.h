// IPv6 socket addresses as values. The network speaks IPv6 only: an IPv4 or IPv4-mapped address is
// an error of its own (stoq.ipv4_refused), wherever it comes from.
#pragma once

#include <i2/base/error.h>

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace i2::stoq::core {

struct SocketAddress {
  std::array<std::uint8_t, 16> ip{};  // network order
  std::uint16_t port = 0;             // host order
  std::uint32_t scope = 0;            // interface index of a link-local address, else 0

  // "[2001:db8::1]:443", "[fe80::2%3]:443" (numeric scope). `default_port` is used where ":port" is
  // missing. Error: stoq.address_malformed, stoq.ipv4_refused.
  [[nodiscard]] static Result<SocketAddress> parse(std::string_view text,
                                                   std::uint16_t default_port = 0);
  [[nodiscard]] std::string to_string() const;
  [[nodiscard]] bool is_loopback() const;
  [[nodiscard]] bool is_unspecified() const;
  [[nodiscard]] bool is_ipv4_mapped() const;  // ::ffff:0:0/96, RFC 4291 §2.5.5.2

  friend auto operator<=>(const SocketAddress&, const SocketAddress&) = default;
};

// The two ends of a path, as QUIC uses the word (RFC 9000 §1.2).
struct PathAddresses {
  SocketAddress local;
  SocketAddress remote;
  friend bool operator==(const PathAddresses&, const PathAddresses&) = default;
};

}  // namespace i2::stoq::core
