// What `init` puts into a data directory, made in memory before the first file is written.
#pragma once

#include <i2/base/clock.h>

#include "setup.h"

namespace i2::fleet {

struct Founding {
  SetupContents contents;
  NodeId node_id;
};

// New keys of root, operator, anchor and node, and everything they sign. Errors: crypto.*.
[[nodiscard]] Result<Founding> found_fleet(const std::string& fleet_name,
                                           const std::string& node_name, UnixMillis now);

}  // namespace i2::fleet
