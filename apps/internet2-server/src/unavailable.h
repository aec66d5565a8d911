// Verbs of the interface whose layer is not part of this version. They answer with the
// reason instead of being unknown, so that a script can tell a missing layer from a typing error.
#pragma once

#include <span>
#include <string_view>

namespace i2::app {

struct Unavailable {
  std::string_view name;
  std::string_view reason;
};

[[nodiscard]] std::span<const Unavailable> unavailable_verbs();

}  // namespace i2::app
