#include "names.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

namespace i2::trustchain::checks {
namespace {

constexpr std::string_view kBlanks = " \t\r";

bool is_decimal(char c) {
  return c >= '0' && c <= '9';
}

bool is_name_label(std::string_view label) {
  const auto inner = [](char c) {
    return (c >= 'a' && c <= 'z') || is_decimal(c) || c == '-' || c == '_';
  };
  return !label.empty() && label.size() <= 63 && std::ranges::all_of(label, inner);
}

// Cuts the next word off; empty: there is none.
std::string_view next_word(std::string_view& rest) {
  rest.remove_prefix(std::min(rest.find_first_not_of(kBlanks), rest.size()));
  const std::string_view word = rest.substr(0, rest.find_first_of(kBlanks));
  rest.remove_prefix(word.size());
  return word;
}

std::string_view next_line(std::string_view& rest) {
  const std::string_view line = rest.substr(0, rest.find('\n'));
  rest.remove_prefix(std::min(line.size() + 1, rest.size()));
  return line;
}

std::unexpected<Error> bad_line(std::size_t number, std::string_view why) {
  return fail("acme.options_invalid",
              "hosts file, line " + std::to_string(number) + ": " + std::string(why));
}

// Errors quote what a client sent.
std::string quoted(std::string_view text) {
  std::string out(text.substr(0, 200));
  std::ranges::replace_if(out, [](char c) { return c < 0x20 || c > 0x7e; }, '?');
  return "'" + out + "'";
}

std::unexpected<Error> bad_url(std::string_view url, std::string_view why) {
  return fail("acme.connection", "redirect to " + quoted(url) + ": " + std::string(why));
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0) {
    return std::nullopt;
  }
  return port;
}

std::uint16_t default_port(bool tls) {
  return tls ? 443 : 80;
}

}  // namespace

std::string lower_case(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  });
  return out;
}

bool is_host_name(std::string_view name) {
  if (name.size() > 253) {
    return false;
  }
  std::string_view rest = name;
  for (std::size_t dot = rest.find('.'); dot != std::string_view::npos; dot = rest.find('.')) {
    if (!is_name_label(rest.substr(0, dot))) {
      return false;
    }
    rest.remove_prefix(dot + 1);
  }
  return is_name_label(rest) && !std::ranges::all_of(rest, is_decimal);
}

bool is_reachable_address(const SocketAddress& address) {
  const auto& ip = address.ip;
  const bool global = (ip[0] & 0xe0U) == 0x20;                                     // 2000::/3
  const bool teredo = ip[0] == 0x20 && ip[1] == 0x01 && ip[2] == 0 && ip[3] == 0;  // 2001::/32
  const bool six_to_four = ip[0] == 0x20 && ip[1] == 0x02;                         // 2002::/16
  const bool unique_local = (ip[0] & 0xfeU) == 0xfc;                               // fc00::/7
  return unique_local || (global && !teredo && !six_to_four);
}

bool is_unicast_address(const SocketAddress& address) {
  // ::/96 holds the unspecified address, loopback and IPv4-compatible ones.
  const bool low = std::all_of(address.ip.begin(), address.ip.begin() + 12,
                               [](std::uint8_t byte) { return byte == 0; });
  return address.ip[0] != 0xff && !address.is_ipv4_mapped() && (!low || address.is_loopback());
}

Result<Hosts> parse_hosts(std::string_view text) {
  if (text.size() > kHostsSizeMax) {
    return fail("acme.options_invalid", "the hosts file has more than 1 MiB");
  }
  Hosts out;
  for (std::size_t number = 1; !text.empty(); ++number) {
    std::string_view line = next_line(text);
    line = line.substr(0, line.find('#'));
    const std::string_view written = next_word(line);
    if (written.empty()) {
      continue;
    }
    const auto address = SocketAddress::parse(written);
    if (!address) {
      return bad_line(number, address.error().message());
    }
    if (written.starts_with('[') || !is_unicast_address(*address)) {
      return bad_line(number, quoted(written) + " is no address of a host");
    }
    std::string_view word = next_word(line);
    if (word.empty()) {
      return bad_line(number, "no name follows the address");
    }
    for (; !word.empty(); word = next_word(line)) {
      std::string name = lower_case(word);
      if (!is_host_name(name)) {
        return bad_line(number, quoted(word) + " is no name of a host");
      }
      out[std::move(name)].push_back(*address);
    }
  }
  return out;
}

std::vector<std::string> parse_resolv_conf(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    std::string_view line = next_line(text);
    if (next_word(line) != "nameserver") {
      continue;
    }
    // An interface may follow ("fe80::1%eth0"), which libunbound reads.
    const std::string_view address = next_word(line);
    if (SocketAddress::parse(address.substr(0, address.find('%')))) {
      out.emplace_back(address);
    }
  }
  return out;
}

Result<Url> parse_url(std::string_view text) {
  const auto is_plain = [](char c) { return c > 0x20 && c < 0x7f && c != '\\'; };
  if (text.size() > kUrlSizeMax || !std::ranges::all_of(text, is_plain)) {
    return bad_url(text, "too long, or not in visible ASCII characters");
  }
  const std::size_t colon = text.find("://");
  const std::string scheme =
      lower_case(text.substr(0, colon == std::string_view::npos ? 0 : colon));
  Url out;
  out.tls = scheme == "https";
  if (!out.tls && scheme != "http") {
    return bad_url(text, "only http and https are followed");
  }
  std::string_view rest = text.substr(colon + 3);
  rest = rest.substr(0, rest.find('#'));
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?"));
  rest.remove_prefix(authority.size());
  const std::string_view host = authority.substr(0, authority.find(':'));
  out.host = lower_case(host);
  if (!is_host_name(out.host)) {
    return bad_url(text, "the host is no name");
  }
  out.port = default_port(out.tls);
  if (host.size() + 1 < authority.size()) {
    const auto port = parse_port(authority.substr(host.size() + 1));
    if (!port) {
      return bad_url(text, "the port is none");
    }
    out.port = *port;
  }
  out.target = (rest.starts_with('/') ? "" : "/") + std::string(rest);
  return out;
}

Result<Url> follow(const Url& base, std::string_view location) {
  const std::string_view scheme = base.tls ? "https:" : "http:";
  if (location.starts_with("//")) {
    return parse_url(std::string(scheme) + std::string(location));
  }
  if (location.starts_with('/')) {
    return parse_url(std::string(scheme) + "//" + base.host + ":" + std::to_string(base.port) +
                     std::string(location));
  }
  return parse_url(location);
}

std::string authority_of(const Url& url) {
  return url.port == default_port(url.tls) ? url.host : url.host + ":" + std::to_string(url.port);
}

std::string to_text(const Url& url) {
  return (url.tls ? "https://" : "http://") + authority_of(url) + url.target;
}

}  // namespace i2::trustchain::checks
