// The fleet's index of certificates as JSON: what every node can say of them, without the
// certificates themselves. Thread-safe.
#pragma once

#include <i2/fleet/core/member_set.h>
#include <i2/fleet/core/state_machine.h>

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace i2::node {

// Looks through the whole index. Errors: trust.certificate_unknown, fleet.state_invalid.
[[nodiscard]] Result<nlohmann::json> fleet_certificate(const fleet::Chain& chain,
                                                       const fleet::MemberSet& members,
                                                       std::string_view serial);

struct FleetQuery {
  std::string requester;  // a member's name, or an account in hexadecimal digits; empty: any
  std::size_t limit = 100;
  std::string after;  // `next` of the page before
};
// Those that are not over at `now`, by their end. Errors: admin.argument, fleet.state_invalid.
[[nodiscard]] Result<nlohmann::json> fleet_certificates(const fleet::Chain& chain,
                                                        const fleet::MemberSet& members,
                                                        const FleetQuery& query, UnixMillis now);

}  // namespace i2::node
