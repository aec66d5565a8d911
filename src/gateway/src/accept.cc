#include <i2/gateway/accept.h>

#include <algorithm>
#include <cctype>
#include <cstdint>

namespace i2::gateway {
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) {
    text.remove_prefix(1);
  }
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) {
    text.remove_suffix(1);
  }
  return text;
}

// Takes the part before `separator` off the front of `rest`.
std::string_view next_part(std::string_view& rest, char separator) {
  const std::size_t end = std::min(rest.find(separator), rest.size());
  const std::string_view part = trimmed(rest.substr(0, end));
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return part;
}

bool same_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) ==
           std::tolower(static_cast<unsigned char>(y));
  });
}

// "0.8" as 800. RFC 9110 §12.4.2: 0 to 1 with at most three decimals; anything else counts as 0.
int parse_weight(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1') ||
      (text.size() > 1 && text[1] != '.')) {
    return 0;
  }
  int out = (text[0] - '0') * 1000;
  int unit = 100;
  for (const char c : text.substr(std::min<std::size_t>(2, text.size()))) {
    if (c < '0' || c > '9') {
      return 0;
    }
    out += (c - '0') * unit;
    unit /= 10;
  }
  return std::min(out, 1000);
}

struct Rating {
  int weight = 0;
  int specificity = -1;  // of the range that says so
};

void rate(std::string_view range, std::string_view media_type, Rating& rating) {
  std::string_view rest = range;
  const std::string_view name = next_part(rest, ';');
  int weight = 1000;
  while (!rest.empty()) {
    const std::string_view parameter = next_part(rest, ';');
    if (parameter.size() > 2 && (parameter[0] | 0x20) == 'q' && parameter[1] == '=') {
      weight = parse_weight(parameter.substr(2));
    }
  }
  int specificity = -1;
  const std::size_t slash = media_type.find('/');
  if (same_ignoring_case(name, media_type)) {
    specificity = 2;
  } else if (name == "*/*") {
    specificity = 0;
  } else if (name.ends_with("/*") &&
             same_ignoring_case(name.substr(0, name.size() - 1), media_type.substr(0, slash + 1))) {
    specificity = 1;
  }
  if (specificity > rating.specificity) {
    rating = {weight, specificity};
  }
}

}  // namespace

std::optional<std::size_t> choose_media_type(std::optional<std::string_view> accept,
                                             std::span<const std::string_view> offered) {
  if (!accept || trimmed(*accept).empty()) {
    return offered.empty() ? std::nullopt : std::optional<std::size_t>(0);
  }
  std::optional<std::size_t> best;
  int best_weight = 0;
  for (std::size_t i = 0; i < offered.size(); ++i) {
    Rating rating;
    for (std::string_view rest = *accept; !rest.empty();) {
      rate(next_part(rest, ','), offered[i], rating);
    }
    if (rating.weight > best_weight) {
      best = i;
      best_weight = rating.weight;
    }
  }
  return best;
}

}  // namespace i2::gateway
