#include <i2/gateway/target.h>

#include <algorithm>
#include <cstdint>
#include <optional>

namespace i2::gateway {
namespace {

std::unexpected<Error> refused(std::string_view why) {
  return fail("gateway.target_invalid", "the request target " + std::string(why));
}

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') {
    return static_cast<unsigned>(c - '0');
  }
  const char lower = static_cast<char>(c | 0x20);
  if (lower >= 'a' && lower <= 'f') {
    return static_cast<unsigned>(lower - 'a' + 10);
  }
  return std::nullopt;
}

bool is_control(char c) {
  const auto byte = static_cast<std::uint8_t>(c);
  return byte < 0x20 || byte == 0x7f;
}

// RFC 3986 §2.1. None: broken, or a control character comes out.
std::optional<std::string> decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      const auto high = i + 1 < text.size() ? hex_digit(text[i + 1]) : std::nullopt;
      const auto low = i + 2 < text.size() ? hex_digit(text[i + 2]) : std::nullopt;
      if (!high || !low) {
        return std::nullopt;
      }
      c = static_cast<char>(*high * 16 + *low);
      i += 2;
    } else if (c == '+' && plus_is_space) {
      c = ' ';
    }
    if (is_control(c)) {
      return std::nullopt;
    }
    out.push_back(c);
  }
  return out;
}

Result<void> parse_path(std::string_view path, std::vector<std::string>& out) {
  path.remove_prefix(1);
  while (!path.empty()) {
    const std::size_t end = std::min(path.find('/'), path.size());
    auto segment = decode(path.substr(0, end), false);
    if (!segment) {
      return refused("has broken percent-encoding or a control character");
    }
    if (segment->empty() || *segment == "." || *segment == "..") {
      return refused("has an empty or relative segment");
    }
    if (segment->find_first_of("/\\") != std::string::npos) {
      return refused("hides a slash in a segment");
    }
    out.push_back(std::move(*segment));
    if (end == path.size()) {
      return {};
    }
    path.remove_prefix(end + 1);
    if (path.empty()) {
      return refused("has an empty or relative segment");  // a slash at the end
    }
  }
  return {};
}

Result<void> parse_query(std::string_view text,
                         std::vector<std::pair<std::string, std::string>>& out) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('&'), text.size());
    const std::string_view pair = text.substr(0, end);
    const std::size_t equals = std::min(pair.find('='), pair.size());
    auto name = decode(pair.substr(0, equals), true);
    auto value = decode(equals == pair.size() ? std::string_view{} : pair.substr(equals + 1), true);
    if (!name || !value) {
      return refused("has broken percent-encoding or a control character");
    }
    if (out.size() == kQueryPairsMax) {
      return refused("has too many query parameters");
    }
    if (!name->empty()) {
      out.emplace_back(std::move(*name), std::move(*value));
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return {};
}

}  // namespace

std::string Target::path() const {
  if (segments.empty()) {
    return "/";
  }
  std::string out;
  for (const std::string& segment : segments) {
    out += "/" + segment;
  }
  return out;
}

Result<Target> parse_target(std::string_view text) {
  Target out;
  if (text.size() > kTargetSizeMax) {
    return refused("is longer than " + std::to_string(kTargetSizeMax) + " bytes");
  }
  // RFC 9112 §3.2.2: a server accepts the absolute form.
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (text.starts_with(scheme)) {
      text.remove_prefix(scheme.size());
      const std::size_t end = std::min(text.find_first_of("/?"), text.size());
      out.authority = text.substr(0, end);
      if (out.authority.empty()) {
        return refused("names no host");
      }
      text.remove_prefix(end);
    }
  }
  const bool no_path = text.empty() || text.front() == '?';
  if (no_path ? out.authority.empty() : text.front() != '/') {
    return refused("does not begin with a slash");
  }
  if (std::ranges::any_of(text, [](char c) { return is_control(c) || c == ' ' || c == '#'; })) {
    return refused("has a space, a fragment or a control character");
  }
  const std::size_t question = std::min(text.find('?'), text.size());
  if (!no_path) {
    I2_TRY(parse_path(text.substr(0, question), out.segments));
  }
  if (question < text.size()) {
    I2_TRY(parse_query(text.substr(question + 1), out.query));
  }
  return out;
}

Result<Authority> parse_authority(std::string_view text) {
  const auto bad = [&] { return fail("gateway.host_invalid", "the host is not 'name[:port]'"); };
  constexpr std::size_t kSizeMax = 253 + 6;
  if (text.empty() || text.size() > kSizeMax) {
    return bad();
  }
  Authority out;
  std::size_t end = 0;  // of the host
  if (text.front() == '[') {
    const std::size_t close = text.find(']');
    if (close == text.npos || close < 3) {
      return bad();
    }
    out.host = text.substr(1, close - 1);
    end = close + 1;
  } else {
    end = std::min(text.find(':'), text.size());
    out.host = text.substr(0, end);
  }
  for (char& c : out.host) {
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
    const bool name =
        (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
    if (!name && (text.front() != '[' || c != ':')) {
      return bad();
    }
  }
  if (out.host.empty()) {
    return bad();
  }
  if (end < text.size()) {
    out.port = text.substr(end + 1);
    const bool digits = std::ranges::all_of(out.port, [](char c) { return c >= '0' && c <= '9'; });
    if (text[end] != ':' || out.port.empty() || out.port.size() > 5 || !digits) {
      return bad();
    }
  }
  return out;
}

}  // namespace i2::gateway
