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
                   {"time_ms", entry.at},
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

Result<std::vector<EvidenceEntry>> read_evidence(ByteView document) try {
  std::vector<EvidenceEntry> out;
  const json read = json::parse(as_text(document));
  for (const json& one : read.at("evidence")) {
    const auto node = wire::hash_from_hex(one.at("node").get<std::string>());
    auto evidence = wire::from_hex(one.at("proof").at("evidence").get<std::string>());
    if (!node || !evidence) {
      return fail("consensus.evidence_invalid", "the evidence is not in hexadecimal digits");
    }
    out.push_back({.node = NodeId{*node},
                   .epoch = one.at("epoch").get<fleet::EpochNumber>(),
                   .at = one.at("time_ms").get<UnixMillis>(),
                   .evidence = *std::move(evidence),
                   .ordered = one.at("ordered").get<bool>()});
  }
  return out;
} catch (const json::exception&) {
  return fail("consensus.evidence_invalid", "the evidence is malformed");
}

}  // namespace i2::node
