// Names that certificates are ordered for.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace i2::trustchain::acme {

// ASCII letters only: names are A-labels (RFC 5890).
[[nodiscard]] std::string lower(std::string_view text);

// A host name in lower case (RFC 1123 §2.1), possibly behind "*.": 1 to 63 letters, digits and
// inner hyphens in a label, 253 in all, no dot at the end, and no address (the last label is not
// all digits).
[[nodiscard]] bool is_orderable(std::string_view name);

[[nodiscard]] inline bool is_wildcard(std::string_view name) {
  return name.starts_with("*.");
}
[[nodiscard]] inline std::string_view without_wildcard(std::string_view name) {
  return is_wildcard(name) ? name.substr(2) : name;
}

void sort_unique(std::vector<std::string>& names);

}  // namespace i2::trustchain::acme
