#include <arpa/inet.h>
#include <i2/base/bytes.h>
#include <i2/stoq/core/address.h>

#include <charconv>

namespace i2::stoq::core {
namespace {

template <class Number>
bool parse_number(std::string_view text, Number& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size();
}

bool looks_like_ipv4(std::string_view text) {
  const std::string host(text.substr(0, text.find(':')));
  in_addr unused{};
  return inet_pton(AF_INET, host.c_str(), &unused) == 1;
}

std::unexpected<Error> malformed_address(std::string_view text) {
  return fail("stoq.address_malformed", "'" + std::string(text) +
                                            "' is not an IPv6 address: write [address]:port, for "
                                            "example [::1]:9292");
}

std::unexpected<Error> ipv4_refused(std::string_view text) {
  return fail("stoq.ipv4_refused", "'" + std::string(text) +
                                       "' is an IPv4 address: this network speaks IPv6 only, use "
                                       "the peer's IPv6 address");
}

}  // namespace

Result<SocketAddress> SocketAddress::parse(std::string_view text, std::uint16_t default_port) {
  if (looks_like_ipv4(text)) {
    return ipv4_refused(text);
  }
  SocketAddress out;
  out.port = default_port;
  std::string_view host = text;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) {
      return malformed_address(text);
    }
    host = text.substr(1, close - 1);
    const std::string_view rest = text.substr(close + 1);
    if (!rest.empty() && (!rest.starts_with(':') || !parse_number(rest.substr(1), out.port))) {
      return malformed_address(text);
    }
  }
  if (const std::size_t percent = host.find('%'); percent != std::string_view::npos) {
    if (!parse_number(host.substr(percent + 1), out.scope)) {
      return malformed_address(text);
    }
    host = host.substr(0, percent);
  }
  if (inet_pton(AF_INET6, std::string(host).c_str(), out.ip.data()) != 1) {
    return looks_like_ipv4(host) ? ipv4_refused(text) : malformed_address(text);
  }
  if (out.is_ipv4_mapped()) {
    return ipv4_refused(text);
  }
  return out;
}

std::string SocketAddress::to_string() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(AF_INET6, ip.data(), text.data(), text.size());
  std::string out = "[" + std::string(text.data());
  if (scope != 0) {
    out += "%" + std::to_string(scope);
  }
  return out + "]:" + std::to_string(port);
}

bool SocketAddress::is_loopback() const {
  std::array<std::uint8_t, 16> loopback{};
  loopback[15] = 1;
  return ip == loopback;
}

bool SocketAddress::is_unspecified() const {
  return ip == std::array<std::uint8_t, 16>{};
}

bool SocketAddress::is_ipv4_mapped() const {
  constexpr std::array<std::uint8_t, 12> kPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return equal(ByteView(ip).first(12), kPrefix);
}

}  // namespace i2::stoq::core
