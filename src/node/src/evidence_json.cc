#include "evidence_json.h"

#include <i2/consensus/evidence.h>
#include <i2/fleet/core/fleet_state.h>
#include <i2/node/units.h>
#include <i2/wire/text.h>

#include <nlohmann/json.hpp>

namespace i2::node {
namespace {

using nlohmann::json;

Result<std::string> name_of(const fleet::FleetState& state, const NodeId& node) {
  I2_TRY_VALUE(const auto member, state.member(node));
  I2_TRY_VALUE(const auto former, state.revoked(node));
  return member ? member->info.name : former ? former->name : std::string();
}

}  // namespace

Result<json> evidence_json(const fleet::Ledger& ledger, std::span<const EvidenceEntry> entries) {
  const auto chain = ledger.chain();
  const fleet::FleetState state(chain->state);
  I2_TRY_VALUE(const fleet::Genesis genesis, state.genesis());
  I2_TRY_VALUE(const auto stored, ledger.links());
  json links = json::array();
  for (const fleet::EpochLink& link : stored) {
    links.push_back(to_hex(encode(link)));
  }
  json out = json::array();
  for (const EvidenceEntry& entry : entries) {
    I2_TRY_VALUE(const std::string name, name_of(state, entry.node));
    I2_TRY_VALUE(const auto epoch, state.epoch(entry.epoch));
    const auto decoded = consensus::decode_evidence(entry.evidence);
    out.push_back({{"node", entry.node.hex()},
                   {"name", name},
                   {"offence", decoded ? std::string(consensus::name(*decoded)) : std::string()},
                   {"epoch", entry.epoch},
                   {"time", format_time(entry.at)},
                   {"ordered", entry.ordered},
                   {"proof",
                    {{"epoch", epoch ? json(to_hex(encode(*epoch))) : json()},
                     {"evidence", to_hex(entry.evidence)}}}});
  }
  return json{{"chain_id", chain->head.chain_id.hex()},
              {"genesis", to_hex(encode(genesis))},
              {"links", std::move(links)},
              {"evidence", std::move(out)}};
}

}  // namespace i2::node
