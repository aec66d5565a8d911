#include "names.h"

#include <algorithm>

namespace i2::trustchain::acme {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_label(std::string_view label) {
  const auto inner = [](char c) { return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-'; };
  return !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
         std::ranges::all_of(label, inner);
}

}  // namespace

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  });
  return out;
}

bool is_orderable(std::string_view name) {
  std::string_view rest = without_wildcard(name);
  if (name.size() > 253) {
    return false;
  }
  for (std::size_t dot = rest.find('.'); dot != std::string_view::npos; dot = rest.find('.')) {
    if (!is_label(rest.substr(0, dot))) {
      return false;
    }
    rest.remove_prefix(dot + 1);
  }
  return is_label(rest) && !std::ranges::all_of(rest, is_digit);
}

void sort_unique(std::vector<std::string>& names) {
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
}

}  // namespace i2::trustchain::acme
