#include "verbs_log.h"

#include <i2/node/log.pb.h>
#include <i2/node/units.h>
#include <i2/trustchain/log_audit.h>
#include <i2/wire/text.h>

#include <boost/asio/post.hpp>
#include <limits>
#include <nlohmann/json.hpp>

#include "log_founding.h"
#include "log_json.h"
#include "on_link.h"
#include "protobuf.h"
#include "verbs_json.h"

namespace i2::node {
namespace {

namespace ct = trustchain::ct;
using nlohmann::json;
using trustchain::CtLog;

constexpr std::uint64_t kProgressEvery = 64 * ct::kTileWidth;

json vkeys_json(std::span<const ct::NoteKey> keys) {
  json out = json::array();
  for (const ct::NoteKey& key : keys) {
    out.push_back(key.vkey());
  }
  return out;
}

json log_json(const CtLog& log) {
  const CtLog::Stats stats = log.stats();
  const auto view = log.view();
  return {{"origin", log.parts().origin},
          {"log_id", wire::to_base64(log.keys().front().key().spki_sha256())},
          {"public_key", wire::to_base64(log.keys().front().key().spki())},
          {"keys", vkeys_json(log.keys())},
          {"entries", view->size()},
          {"root", to_hex(view->head().tree.root)},
          {"checkpoint_time", format_time(view->head().timestamp)},
          {"checkpoint", view->note()},
          {"roots", log.parts().roots().size()},
          {"rounds", stats.rounds},
          {"promises", stats.promises},
          {"refused", stats.refused},
          {"waiting", stats.waiting},
          {"stopped", stats.stopped},
          {"closed", log.is_closed()}};
}

// The member's name, if it is one still.
json name_json(const fleet::MemberSet& members, const NodeId& node) {
  const fleet::MemberInfo* const member = members.find(node);
  return member != nullptr ? json(member->name) : json();
}

json standbys_json(const fleet::MemberSet& members,
                   const std::vector<trustchain::StandbyLog>& standbys) {
  json out = json::array();
  for (const trustchain::StandbyLog& one : standbys) {
    out.push_back({{"rank", out.size()},
                   {"node", one.node.hex()},
                   {"name", name_json(members, one.node)},
                   {"origin", one.origin},
                   {"public_key", wire::to_base64(one.spki)}});
  }
  return out;
}

json record_json(const trustchain::StandbyLog& log) {
  return {{"node", log.node.hex()},
          {"origin", log.origin},
          {"spki", wire::to_base64(log.spki)},
          {"cosigners", log.cosigners}};
}

// Of the log that another member writes: what the state says.
Result<json> named_log_json(const fleet::TrustStore& trust) {
  I2_TRY_VALUE(const auto log, fleet_log(trust));
  if (!log) {
    return fail("trust.no_log",
                "this node has no transparency log, and the fleet's state names none yet: ask the "
                "node that founded the fleet");
  }
  const ct::NoteKey& own = log->keys.back();  // of the log itself, behind its cosigners
  std::vector<ct::NoteKey> keys{own};
  keys.insert(keys.end(), log->keys.begin(), log->keys.end() - 1);
  return json{{"origin", log->origin},
              {"log_id", wire::to_base64(own.key().spki_sha256())},
              {"public_key", wire::to_base64(own.key().spki())},
              {"keys", vkeys_json(keys)}};
}

// Who has the fleet's log, and whether it is there.
void add_holder(json& out, const fleet::MemberSet& members, const trustchain::LogRecord& record,
                const LogTakeover::View& seen) {
  out["holder"] = record.holder.hex();
  out["holder_name"] = name_json(members, record.holder);
  out["epoch"] = record.epoch;
  out["reachable"] = seen.reachable ? json(*seen.reachable) : json();
  out["unreachable_since"] =
      seen.unreachable_since != 0 ? json(format_time(seen.unreachable_since)) : json();
}

json head_json(const ct::SignedCheckpoint& head) {
  return {{"size", head.checkpoint.head.size}, {"root", to_hex(head.checkpoint.head.root)}};
}

json witnesses_json(const Cosigners& cosigners, std::string_view note, UnixMillis now) {
  json out = json::array();
  for (const Cosigners::Standing& one : cosigners.witnesses()) {
    out.push_back({{"node", one.node.hex()},
                   {"name", one.name},
                   {"keys", vkeys_json(one.keys)},
                   {"size", one.size},
                   {"current", note.starts_with(one.text + '\n')},
                   {"cosigned_at", format_time(one.at)},
                   {"age_seconds", now > one.at ? (now - one.at) / 1000 : 0}});
  }
  return out;
}

// This node as a witness.
json witness_json(WitnessService& service) {
  const LogWitness& witness = service.witness();
  const HeadWatch& watch = service.watch();
  const auto log = fleet_log(service.trust()).value_or(std::nullopt);
  const auto last = log ? witness.last(*log) : std::nullopt;
  const auto newest = log ? watch.newest(*log) : std::nullopt;
  return {{"keys", vkeys_json(witness.keys())},
          {"cosigned", last ? head_json(*last) : json()},
          {"newest", newest ? head_json(*newest) : json()},
          {"evidence", witness.evidence().size()},
          {"unproven", watch.unproven().empty() ? json() : json(watch.unproven())}};
}

// With what it takes to verify it elsewhere: the certificate and its anchor.
Result<json> authorities_json(const AuthorityWatch& watch, const fleet::TrustStore& trust) {
  I2_TRY_VALUE(const auto cases, watch.cases());
  const auto members = trust.members();
  json out = json::array();
  for (const AuthorityWatch::Case& one : cases) {
    I2_TRY_VALUE(const auto certificate, crypto::Certificate::from_der(one.certificate));
    const trustchain::AnchorRecord* const anchor = anchor_with(*members, one.issuer);
    const bool present = anchor != nullptr;
    out.push_back({{"node", one.holder.hex()},
                   {"name", name_json(*members, one.holder)},
                   {"key", to_hex(one.issuer)},
                   {"present", present},
                   {"certificate_name", certificate.subject_common_name()},
                   {"state_height", certificate.state_height().value_or(0)},
                   {"ordered", one.ordered_at == 0 ? json() : json(format_time(one.ordered_at))},
                   {"evidence", certificate.pem() + (present ? anchor->certificate.pem() : "")}});
  }
  return out;
}

struct WitnessedAudit {
  std::uint64_t size = 0;
  std::size_t count = 0;  // of witnesses
};
// That what was cosigned is of the log's tree: by others, at least so many, and by this node.
Result<WitnessedAudit> audit_witnesses(const LogVerbs::Parts& parts, std::int64_t wanted) {
  const CtLog& log = *parts.own.shown();
  const auto standing = parts.cosigners != nullptr ? parts.cosigners->witnesses()
                                                   : std::vector<Cosigners::Standing>();
  const auto cosigned = parts.cosigners != nullptr ? parts.cosigners->cosigned() : std::nullopt;
  const auto fleets = fleet_log(parts.trust).value_or(std::nullopt);
  const bool is_fleets = fleets && fleets->keys.back().vkey() == log.keys().front().vkey();
  const auto own =
      parts.witness != nullptr && is_fleets ? parts.witness->witness().last(*fleets) : std::nullopt;
  // Later than what was cosigned, which may be larger than what was audited.
  const auto view = log.view();
  for (const auto* head : {&cosigned, &own}) {
    if (!*head) {
      continue;
    }
    const ct::TreeHead& tree = (*head)->checkpoint.head;
    const auto root = view->root(tree.size);
    if (!root || *root != tree.root) {
      return fail("trust.log_unproven", "a head of " + std::to_string(tree.size) +
                                            " entries was cosigned that this log does not have");
    }
  }
  WitnessedAudit out;
  out.size = cosigned ? cosigned->checkpoint.head.size : 0;
  for (const Cosigners::Standing& one : standing) {
    if (cosigned && one.text == cosigned->note.text) {
      I2_TRY(ct::verify_note(cosigned->note, one.keys));
      ++out.count;
    }
  }
  if (out.count < static_cast<std::size_t>(wanted)) {
    return fail("trust.note_unsigned", std::to_string(out.count) +
                                           " witnesses have cosigned the log, not " +
                                           std::to_string(wanted));
  }
  return out;
}

}  // namespace

void LogVerbs::attach(AdminServer& server) {
  const auto add = [&](std::string verb, std::vector<std::string_view> arguments,
                       Task<Result<std::string>> (LogVerbs::*handler)(AdminCallPtr)) {
    server.add(std::move(verb), std::move(arguments),
               [this, handler](AdminCallPtr call) -> Task<Result<std::string>> {
                 if (parts_.own.shown() == nullptr) {
                   return []() -> Task<Result<std::string>> {
                     co_return fail("trust.no_log",
                                    "this node has no transparency log: ask the node that "
                                    "founded the fleet");
                   }();
                 }
                 return (this->*handler)(std::move(call));
               });
  };
  server.add("ct_status", {}, [this](AdminCallPtr call) { return status(std::move(call)); });
  add("ct_record", {}, &LogVerbs::record);
  server.add("ct_standbys", {}, [this](AdminCallPtr call) { return standbys(std::move(call)); });
  server.add("ct_standby_record", {"node"},
             [this](AdminCallPtr call) { return standby_record(std::move(call)); });
  server.add("ct_takeover", {}, [this](AdminCallPtr call) { return takeover(std::move(call)); });
  server.add("ct_evidence", {}, [this](AdminCallPtr call) { return evidence(std::move(call)); });
  add("ct_consistency", {"old", "new"}, &LogVerbs::consistency);
  add("ct_audit", {"witnesses"}, &LogVerbs::audit);
  add("ct_proof", {"fingerprint"}, &LogVerbs::proof);
}

Task<Result<std::string>> LogVerbs::status(AdminCallPtr) {
  json out;
  const auto members = parts_.trust.members();
  I2_CO_TRY_VALUE(const auto record, members->trust().log());
  I2_CO_TRY_VALUE(const auto standbys, members->trust().log_standbys());
  if (parts_.own.shown() != nullptr) {
    out = log_json(log());
    I2_CO_TRY_VALUE(const bool current, is_fleets(log(), parts_.trust));
    out["demanded_since"] = record ? json(format_time(record->logged_since)) : json();
    out["current"] = current;
    out["witnesses"] =
        parts_.cosigners != nullptr && current
            ? witnesses_json(*parts_.cosigners, log().view()->note(), parts_.clock.unix_now())
            : json::array();
  } else {
    I2_CO_TRY_VALUE(out, named_log_json(parts_.trust));
  }
  if (record) {
    add_holder(out, *members, *record, parts_.takeover.view());
  }
  out["standbys"] = standbys_json(*members, standbys);
  if (parts_.witness != nullptr) {
    out["witness"] = witness_json(*parts_.witness);
  }
  co_return to_line(out);
}

Task<Result<std::string>> LogVerbs::standbys(AdminCallPtr) {
  const auto members = parts_.trust.members();
  I2_CO_TRY_VALUE(const auto standbys, members->trust().log_standbys());
  co_return to_line({{"standbys", standbys_json(*members, standbys)}});
}

Task<Result<trustchain::StandbyLog>> LogVerbs::ask_standby(std::string node) {
  const auto reached = co_await parts_.peers.reach(std::move(node));
  if (!reached && reached.error().is("node.peer_self")) {
    co_return co_await parts_.serving.standby();
  }
  if (!reached) {
    co_return fail(reached.error());
  }
  const auto answer = co_await call_over((*reached)->connection, kLogStandby, {});
  if (!answer) {
    co_return fail(answer.error());
  }
  I2_CO_TRY_VALUE(const auto parsed, parse<LogStandbyResponse>(*answer));
  trustchain::StandbyLog out{.node = (*reached)->peer,
                             .origin = parsed.origin(),
                             .spki = to_bytes(as_bytes(parsed.spki())),
                             .cosigners = {}};
  for (const std::string& vkey : parsed.cosigners()) {
    out.cosigners.push_back(vkey);
  }
  co_return out;
}

// What operators sign to name it a standby.
Task<Result<std::string>> LogVerbs::standby_record(AdminCallPtr call) {
  I2_CO_TRY_VALUE(std::string node, call->request.text("node"));
  const auto log = co_await ask_standby(std::move(node));
  if (!log) {
    co_return fail(log.error());
  }
  json out = record_json(*log);
  out["name"] = name_json(*parts_.trust.members(), log->node);
  co_return to_line(out);
}

Task<Result<std::string>> LogVerbs::takeover(AdminCallPtr) {
  const auto made = co_await parts_.takeover.take_over();
  if (!made) {
    co_return fail(made.error());
  }
  co_return to_line(
      {{"origin", made->origin}, {"holder", made->holder.hex()}, {"epoch", made->epoch}});
}

// What operators sign to make it the fleet's. In place of one that came out of a backup another one
// has begun at the start, where this node founded the fleet, or begins now.
Task<Result<std::string>> LogVerbs::record(AdminCallPtr) {
  if (parts_.own.get() == nullptr) {
    I2_CO_TRY(co_await parts_.serving.standby());
  }
  const auto members = parts_.trust.members();
  I2_CO_TRY_VALUE(const auto present, members->trust().log());
  const trustchain::SetLog made =
      log_record(*parts_.own.get(), parts_.trust.node_id(), present ? present->epoch + 1 : 1);
  co_return to_line({{"origin", made.origin},
                     {"spki", wire::to_base64(made.spki)},
                     {"cosigners", made.cosigners},
                     {"holder", made.holder.hex()},
                     {"epoch", made.epoch}});
}

Task<Result<std::string>> LogVerbs::evidence(AdminCallPtr) {
  json list = json::array();
  if (parts_.witness != nullptr) {
    for (const ct::SplitView& one : parts_.witness->witness().evidence()) {
      I2_CO_TRY_VALUE(const auto first, ct::parse_checkpoint(one.first.text));
      I2_CO_TRY_VALUE(const auto second, ct::parse_checkpoint(one.second.text));
      list.push_back({{"origin", first.origin},
                      {"key", one.first.signatures.front().name},
                      {"first_size", first.head.size},
                      {"second_size", second.head.size},
                      {"first_root", to_hex(first.head.root)},
                      {"second_root", to_hex(one.root)},
                      {"evidence", wire::to_base64(encode(one))}});
    }
  }
  json authorities = json::array();
  if (parts_.authorities != nullptr) {
    I2_CO_TRY_VALUE(authorities, authorities_json(*parts_.authorities, parts_.trust));
  }
  co_return to_line({{"evidence", std::move(list)}, {"authorities", std::move(authorities)}});
}

Task<Result<std::string>> LogVerbs::consistency(AdminCallPtr call) {
  constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
  const auto view = log().view();
  I2_CO_TRY_VALUE(const auto old_size, call->request.integer("old", 0, 0, kMost));
  I2_CO_TRY_VALUE(const auto new_size,
                  call->request.integer("new", static_cast<std::int64_t>(view->size()), 0, kMost));
  const auto work = [&]() -> Result<std::string> {
    const ct::TreeHead old{.size = static_cast<std::uint64_t>(old_size), .root = {}};
    const ct::TreeHead now{.size = static_cast<std::uint64_t>(new_size), .root = {}};
    I2_TRY_VALUE(const Hash256 old_root, view->root(old.size));
    I2_TRY_VALUE(const Hash256 new_root, view->root(now.size));
    I2_TRY_VALUE(const ct::Proof proof, view->consistency_proof(old.size, now.size));
    I2_TRY(ct::verify_consistency({.size = old.size, .root = old_root},
                                  {.size = now.size, .root = new_root}, proof));
    return to_line({{"old_size", old.size},
                    {"old_root", to_hex(old_root)},
                    {"new_size", now.size},
                    {"new_root", to_hex(new_root)},
                    {"consistency", hashes_json(proof)}});
  };
  co_return co_await rt::run_on(parts_.runtime.pool(), work);
}

Task<Result<std::string>> LogVerbs::audit(AdminCallPtr call) {
  I2_CO_TRY_VALUE(
      const auto wanted,
      call->request.integer("witnesses", 0, 0, static_cast<std::int64_t>(kCosignersMax)));
  const auto work = [this, &call, wanted]() -> Result<std::string> {
    const auto view = log().view();
    const auto progress = [&](std::uint64_t entries) {
      if (entries % kProgressEvery == 0) {
        boost::asio::post(parts_.runtime.control(), [call, entries, all = view->size()] {
          call->progress(to_line({{"entries", entries}, {"of", all}}));
        });
      }
      return !call->stop.stop_requested();
    };
    std::uint64_t unauthorised = 0;
    const auto visit = [&](const ct::LogEntry& entry) {
      const ct::Submission& logged = entry.submission;
      const bool final = logged.type == ct::EntryType::kX509;
      const auto certificate =
          crypto::Certificate::from_der(final ? logged.certificate : logged.precertificate);
      if (parts_.authorities != nullptr && certificate &&
          !parts_.authorities->admit(*certificate)) {
        ++unauthorised;
      }
    };
    I2_TRY_VALUE(const auto found, trustchain::audit(*view, log().keys(), progress, visit));
    I2_TRY_VALUE(const WitnessedAudit witnessed, audit_witnesses(parts_, wanted));
    return to_line({{"entries", found.entries},
                    {"tiles", found.tiles},
                    {"issuers", found.issuers},
                    {"signatures", found.signatures},
                    {"unauthorised", unauthorised},
                    {"root", to_hex(view->head().tree.root)},
                    {"checkpoint_time", format_time(view->head().timestamp)},
                    {"cosigned_size", witnessed.size},
                    {"witnesses", witnessed.count},
                    {"members", parts_.trust.members()->size()}});
  };
  co_return co_await rt::run_on(parts_.runtime.pool(), work);
}

Task<Result<std::string>> LogVerbs::proof(AdminCallPtr call) {
  I2_CO_TRY_VALUE(const std::string fingerprint, call->request.text("fingerprint"));
  const auto work = [&]() -> Result<std::string> {
    const auto cosigned = parts_.cosigners != nullptr ? parts_.cosigners->cosigned() : std::nullopt;
    I2_TRY_VALUE(const json out, proof_json(parts_.own, fingerprint, cosigned));
    return to_line(out);
  };
  co_return co_await rt::run_on(parts_.runtime.pool(), work);
}

}  // namespace i2::node
