#include "verbs_log.h"

#include <i2/node/units.h>
#include <i2/trustchain/log_audit.h>
#include <i2/wire/text.h>

#include <boost/asio/post.hpp>
#include <limits>
#include <nlohmann/json.hpp>

#include "log_founding.h"
#include "log_json.h"
#include "verbs_json.h"

namespace i2::node {
namespace {

namespace ct = trustchain::ct;
using nlohmann::json;
using trustchain::CtLog;

constexpr std::uint64_t kProgressEvery = 64 * ct::kTileWidth;

json log_json(const CtLog& log) {
  const CtLog::Stats stats = log.stats();
  const auto view = log.view();
  json keys = json::array();
  for (const ct::NoteKey& key : log.keys()) {
    keys.push_back(key.vkey());
  }
  return {{"origin", log.parts().origin},
          {"log_id", wire::to_base64(log.keys().front().key().spki_sha256())},
          {"public_key", wire::to_base64(log.keys().front().key().spki())},
          {"keys", std::move(keys)},
          {"entries", view->size()},
          {"root", to_hex(view->head().tree.root)},
          {"checkpoint_time", format_time(view->head().timestamp)},
          {"checkpoint", view->note()},
          {"roots", log.parts().roots().size()},
          {"rounds", stats.rounds},
          {"promises", stats.promises},
          {"refused", stats.refused},
          {"waiting", stats.waiting},
          {"stopped", stats.stopped}};
}

}  // namespace

void LogVerbs::attach(AdminServer& server) {
  const auto add = [&](std::string verb, std::vector<std::string_view> arguments,
                       Task<Result<std::string>> (LogVerbs::*handler)(AdminCallPtr)) {
    server.add(std::move(verb), std::move(arguments),
               [this, handler](AdminCallPtr call) -> Task<Result<std::string>> {
                 if (parts_.log == nullptr) {
                   return []() -> Task<Result<std::string>> {
                     co_return fail("trust.no_log",
                                    "this node has no transparency log: ask the node that "
                                    "founded the fleet");
                   }();
                 }
                 return (this->*handler)(std::move(call));
               });
  };
  add("ct_status", {}, &LogVerbs::status);
  add("ct_record", {}, &LogVerbs::record);
  add("ct_consistency", {"old", "new"}, &LogVerbs::consistency);
  add("ct_audit", {}, &LogVerbs::audit);
  add("ct_proof", {"fingerprint"}, &LogVerbs::proof);
}

Task<Result<std::string>> LogVerbs::status(AdminCallPtr) {
  json out = log_json(parts_.log->log());
  const auto members = parts_.trust.members();
  I2_CO_TRY_VALUE(const auto record, members->trust().log());
  out["demanded_since"] = record ? json(format_time(record->logged_since)) : json();
  out["current"] = record && record->spki == parts_.log->log().parts().key.public_key().spki();
  co_return to_line(out);
}

// What operators sign to make it the fleet's.
Task<Result<std::string>> LogVerbs::record(AdminCallPtr) {
  const auto members = parts_.trust.members();
  I2_CO_TRY_VALUE(const auto present, members->trust().log());
  const trustchain::SetLog made =
      log_record(parts_.log->log(), parts_.trust.node_id(), present ? present->epoch + 1 : 1);
  co_return to_line({{"origin", made.origin},
                     {"spki", wire::to_base64(made.spki)},
                     {"cosigners", made.cosigners},
                     {"holder", made.holder.hex()},
                     {"epoch", made.epoch}});
}

Task<Result<std::string>> LogVerbs::consistency(AdminCallPtr call) {
  constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
  const auto view = parts_.log->log().view();
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
  const auto work = [this, &call]() -> Result<std::string> {
    const auto view = parts_.log->log().view();
    const auto progress = [&](std::uint64_t entries) {
      if (entries % kProgressEvery == 0) {
        boost::asio::post(parts_.runtime.control(), [call, entries, all = view->size()] {
          call->progress(to_line({{"entries", entries}, {"of", all}}));
        });
      }
      return !call->stop.stop_requested();
    };
    I2_TRY_VALUE(const auto found, trustchain::audit(*view, parts_.log->log().keys(), progress));
    return to_line({{"entries", found.entries},
                    {"tiles", found.tiles},
                    {"issuers", found.issuers},
                    {"signatures", found.signatures},
                    {"root", to_hex(view->head().tree.root)},
                    {"checkpoint_time", format_time(view->head().timestamp)}});
  };
  co_return co_await rt::run_on(parts_.runtime.pool(), work);
}

Task<Result<std::string>> LogVerbs::proof(AdminCallPtr call) {
  I2_CO_TRY_VALUE(const std::string fingerprint, call->request.text("fingerprint"));
  const auto work = [&]() -> Result<std::string> {
    I2_TRY_VALUE(const json out, proof_json(parts_.log->log(), fingerprint));
    return to_line(out);
  };
  co_return co_await rt::run_on(parts_.runtime.pool(), work);
}

}  // namespace i2::node
