// Shared by the handlers of the admin verbs. Only for .cc files.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "on_link.h"
#include "peers.h"

namespace i2::node {

// On one line; text that is not UTF-8 is replaced, never an error.
[[nodiscard]] std::string to_line(const nlohmann::json& value);
[[nodiscard]] nlohmann::json peer_json(const Link& link);

struct LinkFacts {
  stoq::PathInfo path;
  stoq::SecurityInfo security;
};
// On the connection's executor.
[[nodiscard]] Task<LinkFacts> facts_of(stoq::Connection connection);

}  // namespace i2::node
