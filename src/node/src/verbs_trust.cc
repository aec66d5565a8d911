// What FleetVerbs say of the fleet's certificates.
#include <i2/node/units.h>

#include <nlohmann/json.hpp>

#include "fleet_certificates.h"
#include "verbs_fleet.h"
#include "verbs_json.h"

namespace i2::node {
namespace {

constexpr std::int64_t kFleetPageMax = 500;

Result<std::string> indexed_answer(const Result<nlohmann::json>& result) {
  return result.transform([](const nlohmann::json& value) { return to_line(value); });
}

}  // namespace

Task<Result<std::string>> FleetVerbs::certificate(AdminCallPtr call) {
  I2_CO_TRY_VALUE(const std::string serial, call->request.text("serial"));
  co_return indexed_answer(
      fleet_certificate(*parts_.fleet.ledger().chain(), *parts_.trust.members(), serial));
}

Task<Result<std::string>> FleetVerbs::certificates(AdminCallPtr call) {
  FleetQuery query;
  if (call->request.args.contains("requester")) {
    I2_CO_TRY_VALUE(query.requester, call->request.text("requester"));
  }
  if (call->request.args.contains("after")) {
    I2_CO_TRY_VALUE(query.after, call->request.text("after"));
  }
  I2_CO_TRY_VALUE(const std::int64_t limit, call->request.integer("limit", 100, 1, kFleetPageMax));
  query.limit = static_cast<std::size_t>(limit);
  co_return indexed_answer(fleet_certificates(
      *parts_.fleet.ledger().chain(), *parts_.trust.members(), query, parts_.clock.unix_now()));
}

Task<Result<std::string>> FleetVerbs::authorities(AdminCallPtr) {
  const auto members = parts_.trust.members();
  nlohmann::json out = nlohmann::json::array();
  for (const auto& anchor : members->anchors()) {
    const fleet::MemberInfo* const holder = members->find(anchor->holder);
    out.push_back({{"node", anchor->holder.hex()},
                   {"name", holder == nullptr ? std::string() : holder->name},
                   {"anchor", to_hex(trustchain::id(*anchor))},
                   {"key", to_hex(anchor->certificate.public_key().spki_sha256())},
                   {"convicted",
                    members->trust().is_convicted(anchor->certificate.public_key().spki_sha256())},
                   {"begins", format_time(anchor->not_before)},
                   {"expires", format_time(anchor->not_after)}});
  }
  co_return to_line({{"authorities", std::move(out)}});
}

}  // namespace i2::node
