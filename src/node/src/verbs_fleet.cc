#include "verbs_fleet.h"

#include <i2/fleet/core/invite_token.h>
#include <i2/node/addresses.h>
#include <i2/node/units.h>
#include <i2/wire/text.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

#include "evidence_json.h"
#include "replication.h"
#include "verbs_json.h"

namespace i2::node {
namespace {

using nlohmann::json;

json receipt_json(const ports::Receipt& receipt) {
  return {{"operation", receipt.operation.hex()},
          {"height", receipt.height},
          {"index", receipt.index},
          {"time", format_time(receipt.time)},
          {"repeated", receipt.repeated}};
}

Result<fleet::AccountId> parse_account(const std::string& text) {
  const auto bytes = wire::hash_from_hex(text);
  if (!bytes) {
    return fail("admin.argument", "'account' wants 64 hexadecimal digits");
  }
  return fleet::AccountId{*bytes};
}

json operators_json(const fleet::OperatorSet& operators) {
  json ids = json::array();
  for (const auto& key : operators.keys) {
    ids.push_back(fleet::operator_id(key).hex());
  }
  return {{"required", operators.required}, {"ids", std::move(ids)}};
}

// By name, full id or the beginning of one, among members and former members.
const fleet::MemberInfo* find_member(const fleet::MemberSet& members, const std::string& text) {
  if (const auto* named = members.find(std::string_view(text)); named != nullptr) {
    return named;
  }
  const auto matches = [&text](const NodeId& id) {
    return id.hex() == text || wire::short_id(id) == text;
  };
  if (const auto& first = members.genesis().first_member; matches(first.node_id)) {
    return members.find(first.node_id);
  }
  for (const auto& record : members.records()) {
    if (matches(record->info.node_id)) {
      return members.find(record->info.node_id);
    }
  }
  return nullptr;
}

}  // namespace

void FleetVerbs::attach(AdminServer& server) {
  const auto add = [&](std::string verb, std::vector<std::string_view> arguments,
                       Task<Result<std::string>> (FleetVerbs::*handler)(AdminCallPtr)) {
    server.add(std::move(verb), std::move(arguments),
               [this, handler](AdminCallPtr call) { return (this->*handler)(std::move(call)); });
  };
  add("ledger", {"account"}, &FleetVerbs::ledger);
  add("submit", {"operation"}, &FleetVerbs::submit);
  add("member", {"member"}, &FleetVerbs::member);
  add("invites", {}, &FleetVerbs::invites);
  add("leave", {}, &FleetVerbs::leave);
  add("consensus", {}, &FleetVerbs::consensus);
  add("evidence", {}, &FleetVerbs::evidence);
  add("certificate", {"serial"}, &FleetVerbs::certificate);
  add("authorities", {}, &FleetVerbs::authorities);
  add("certificates", {"requester", "limit", "after"}, &FleetVerbs::certificates);
  add("prepare_validator", {"member"}, &FleetVerbs::prepare_validator);
}

Task<Result<std::string>> FleetVerbs::ledger(AdminCallPtr call) {
  const auto chain = parts_.fleet.ledger().chain();
  const fleet::FleetState state(chain->state);
  I2_CO_TRY_VALUE(const fleet::OperatorSet operators, state.operators());
  I2_CO_TRY_VALUE(const auto exported, state.root_exported());
  const auto members = parts_.trust.members();
  json addresses = json::array();
  for (const auto& address : reachable_addresses(parts_.transport.local_address())) {
    addresses.push_back(address.to_string());
  }
  json out{{"chain_id", chain->head.chain_id.hex()},
           {"fleet", members->genesis().fleet_name},
           {"height", chain->head.height},
           {"block", tip(*chain).hex()},
           {"app_hash", to_hex(chain->head.state)},
           {"time_ms", chain->head.time},
           {"operators", operators_json(operators)},
           {"root",
            {{"fingerprint", to_hex(fleet::root_fingerprint(members->genesis().root))},
             {"exported", exported ? json(format_time(*exported)) : json()}}},
           {"node",
            {{"id", parts_.trust.node_id().hex()},
             {"addresses", std::move(addresses)},
             {"admits", parts_.admits && parts_.trust.can_issue(parts_.clock.unix_now())}}}};
  if (call->request.args.contains("account")) {
    I2_CO_TRY_VALUE(const std::string text, call->request.text("account"));
    I2_CO_TRY_VALUE(const fleet::AccountId account, parse_account(text));
    I2_CO_TRY_VALUE(const fleet::AccountRecord record, state.account(account));
    out["nonce"] = record.next_nonce;
  }
  co_return to_line(out);
}

Task<Result<std::string>> FleetVerbs::submit(AdminCallPtr call) {
  I2_CO_TRY_VALUE(const std::string text, call->request.text("operation"));
  auto bytes = wire::from_hex(text);
  if (!bytes) {
    co_return fail("admin.argument", "'operation' wants hexadecimal digits");
  }
  const auto begin = [this, &bytes](ports::Sequencer::Done done) {
    parts_.fleet.sequencer().submit(*std::move(bytes), std::move(done));
  };
  const auto ordered = co_await receipt(begin);
  if (!ordered) {
    co_return fail(ordered.error());
  }
  co_return to_line(receipt_json(*ordered));
}

Task<Result<std::string>> FleetVerbs::member(AdminCallPtr call) {
  I2_CO_TRY_VALUE(const std::string text, call->request.text("member"));
  const auto members = parts_.trust.members();
  const fleet::MemberInfo* found = find_member(*members, text);
  if (found == nullptr) {
    co_return fail("node.peer_unknown", "no member of the fleet has the name or id '" + text + "'");
  }
  co_return to_line({{"id", found->node_id.hex()},
                     {"short_id", wire::short_id(found->node_id)},
                     {"name", found->name},
                     {"role", found->role == fleet::Role::kValidator ? "validator" : "node"},
                     {"admitted", format_time(found->admitted_at)},
                     {"sponsor", found->sponsor.hex()}});
}

Task<Result<std::string>> FleetVerbs::invites(AdminCallPtr) {
  const auto chain = parts_.fleet.ledger().chain();
  json out = json::array();
  const Bytes prefix = fleet::invite_key(ByteView{});
  chain->state.scan(prefix, {}, [&](ByteView key, ByteView value) {
    if (const auto invite = fleet::decode_invite_record(value)) {
      out.push_back({{"id", to_hex(key.subspan(prefix.size()))},
                     {"tag", invite->tag},
                     {"uses_left", invite->uses_left},
                     {"revoked", invite->revoked},
                     {"created", format_time(invite->created)},
                     {"expires", format_time(invite->expiry)}});
    }
    return true;
  });
  co_return to_line({{"invites", std::move(out)}});
}

Task<Result<std::string>> FleetVerbs::leave(AdminCallPtr) {
  const auto begin = [this](ports::Sequencer::Done done) {
    parts_.fleet.account().submit(fleet::Leave{}, std::move(done));
  };
  const auto ordered = co_await receipt(begin);
  if (!ordered) {
    co_return fail(ordered.error());
  }
  co_return to_line(receipt_json(*ordered));
}

Task<Result<std::string>> FleetVerbs::consensus(AdminCallPtr) {
  const auto chain = parts_.fleet.ledger().chain();
  I2_CO_TRY_VALUE(const fleet::EpochRecord epoch, fleet::FleetState(chain->state).epoch());
  const auto members = parts_.trust.members();
  json validators = json::array();
  for (const fleet::EpochValidator& validator : epoch.validators) {
    const fleet::MemberInfo* const member = members->find(validator.node);
    const bool self = validator.node == parts_.trust.node_id();
    validators.push_back({{"id", validator.node.hex()},
                          {"name", member == nullptr ? std::string() : member->name},
                          {"self", self},
                          {"connected", self || parts_.peers.link_to(validator.node) != nullptr},
                          {"suite", validator.key.falcon.empty() ? "ed25519" : "hybrid"}});
  }
  const auto status = parts_.validators.sequencer().status();
  json engine;
  if (status.votes) {
    engine = {{"view", status.view},
              {"sealed_view", status.sealed},
              {"leader", status.leader ? json(status.leader->hex()) : json()},
              {"ready", status.ready},
              {"pending", status.pending}};
  }
  const bool alone = epoch.validators.size() == 1;
  co_return to_line({{"engine", alone ? "solo" : "embedded"},
                     {"epoch", epoch.number},
                     {"epoch_first_height", epoch.first_height},
                     {"epoch_begin", format_time(epoch.begin)},
                     {"height", chain->head.height},
                     {"time", format_time(chain->head.time)},
                     {"validators", std::move(validators)},
                     {"quorum", fleet::quorum(epoch)},
                     {"tolerates", fleet::tolerated(epoch)},
                     {"orders", parts_.fleet.orders()},
                     {"halted", status.halted || parts_.forks.halted()},
                     {"voting", std::move(engine)}});
}

Task<Result<std::string>> FleetVerbs::evidence(AdminCallPtr) {
  const auto chain = parts_.fleet.ledger().chain();
  I2_CO_TRY_VALUE(const auto offences, fleet::FleetState(chain->state).offences());
  std::vector<EvidenceEntry> entries;
  for (const fleet::OffenceRecord& offence : offences) {
    entries.push_back({.node = offence.node,
                       .epoch = offence.epoch,
                       .at = offence.at,
                       .evidence = offence.evidence});
  }
  std::ranges::copy(parts_.forks.proofs(), std::back_inserter(entries));
  const auto make = [&] { return evidence_json(parts_.fleet.ledger(), entries); };
  const auto out = co_await rt::run_on(parts_.runtime.pool(), make);
  if (!out) {
    co_return fail(out.error());
  }
  co_return to_line(*out);
}

Task<Result<std::string>> FleetVerbs::prepare_validator(AdminCallPtr call) {
  I2_CO_TRY_VALUE(const std::string text, call->request.text("member"));
  const auto members = parts_.trust.members();
  const fleet::MemberInfo* found = find_member(*members, text);
  if (found == nullptr) {
    co_return fail("node.peer_unknown", "no member of the fleet has the name or id '" + text + "'");
  }
  I2_CO_TRY(co_await parts_.validators.prepare(found->node_id));
  co_return to_line({{"id", found->node_id.hex()}, {"name", found->name}});
}

}  // namespace i2::node
