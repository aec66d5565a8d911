#include "forks.h"

#include <i2/fleet/core/fleet_state.h>
#include <i2/fleet/evidence_file.h>
#include <i2/node/fleet.pb.h>

#include <algorithm>
#include <format>
#include <iterator>
#include <nlohmann/json.hpp>

#include "on_link.h"
#include "protobuf.h"
#include "verbs_json.h"

namespace i2::node {

namespace {

constexpr std::string_view kAccount = "fleet.Ledger/Account";
constexpr std::size_t kAccountAnswerMax = consensus::kAccountSizeMax + 64 * 1024;
// A peer that has answered is asked again after so long.
constexpr Duration kAccountAskAgain = 10 * kSecond;

Error diverged(const std::string& file) {
  return {
      "fleet.ledger_diverged",
      "there are two histories of the fleet, sealed by more validators that lied than it bears; "
      "the proof is in '" +
          file + "'. This node orders nothing any more"};
}

// On the pool, as everything that reads the ledger and verifies certificates. How far this node
// knows the epoch to be sealed; `next` is the epoch after it, if there is one.
Result<std::optional<consensus::Seal>> own_seal(const fleet::Ledger& ledger,
                                                const fleet::EpochRecord& epoch,
                                                const std::optional<fleet::EpochRecord>& next) {
  const std::uint64_t last = next ? next->first_height - 1 : ledger.height();
  if (last < epoch.first_height) {
    return std::nullopt;
  }
  I2_TRY_VALUE(const auto seal, ledger.seal(last));
  const auto* const own = seal ? std::get_if<consensus::Seal>(&*seal) : nullptr;
  return own == nullptr ? std::nullopt : std::optional(*own);
}

Result<consensus::Culprits> compare(const fleet::Ledger& ledger, const fleet::EpochRecord& epoch,
                                    const consensus::Seal& own, ByteView encoding) {
  I2_TRY_VALUE(const auto set, fleet::validator_set(ledger.chain()->head.chain_id, epoch));
  I2_TRY_VALUE(const auto theirs, consensus::decode_account(encoding));
  auto out = consensus::contradictions(set, own, theirs);
  if (out.empty() && verify(set, theirs.seal)) {
    I2_TRY_VALUE(const auto then, ledger.account(epoch.number, theirs.seal.proposal.view));
    if (then) {
      I2_TRY_VALUE(const auto account, consensus::decode_account(*then));
      out = consensus::contradictions(set, theirs.seal, account);
    }
  }
  return out;
}

// Each of those whom one of these convicts.
Result<consensus::Culprits> convicted(const ChainId& chain, const fleet::EpochRecord& epoch,
                                      std::span<const consensus::Evidence> proof) {
  I2_TRY_VALUE(const auto set, fleet::validator_set(chain, epoch));
  consensus::Culprits out;
  for (const consensus::Evidence& one : proof) {
    if (const auto who = consensus::convict(set, one)) {
      out.try_emplace(*who, one);
    }
  }
  return out;
}

}  // namespace

void Forks::recall() {
  const auto documents = fleet::kept_evidence(parts_.data_dir);
  if (!documents) {
    parts_.log.error("fleet", "evidence_unreadable", documents.error().to_string());
    return;
  }
  for (const Bytes& document : *documents) {
    auto entries = read_evidence(document);
    if (!entries) {
      parts_.log.error("fleet", "evidence_unreadable", entries.error().to_string());
      continue;
    }
    for (EvidenceEntry& entry : *entries) {
      proven_.insert(entry.epoch);
      proofs_.push_back(std::move(entry));
    }
  }
  if (halted()) {
    parts_.halt(diverged(fleet::evidence_dir(parts_.data_dir).string()));
  }
}

void Forks::attach(stoq::RpcServer& server) {
  server.add_unary(std::string(kAccount), [this](stoq::CallContext context, Bytes request) {
    return serve_account(std::move(context), std::move(request));
  });
}

// Whoever asks has seen that the histories differ: this node looks too.
Task<Result<Bytes>> Forks::serve_account(stoq::CallContext context, Bytes request) {
  I2_CO_TRY_VALUE(const auto asked, parse<AccountRequest>(request));
  parts_.tasks.spawn(parts_.runtime.control(), look(context.peer().node_id));
  const fleet::Ledger& ledger = parts_.fleet.ledger();
  const auto chain = ledger.chain();
  I2_CO_TRY_VALUE(const auto epoch, fleet::FleetState(chain->state).epoch(asked.epoch()));
  const auto read = [&] { return ledger.account(asked.epoch(), asked.view()); };
  const auto account = co_await rt::run_on(parts_.runtime.pool(), read);
  if (!account) {
    co_return fail(account.error());
  }
  if (!epoch || !*account) {
    co_return fail("fleet.account_unavailable",
                   "this node was no validator in that epoch, or does not keep its votes any more");
  }
  AccountResponse out;
  out.set_epoch(to_string(encode(*epoch)));
  out.set_account(to_string(**account));
  co_return serialize(out);
}

void Forks::investigate(const NodeId& peer) {
  parts_.tasks.spawn(parts_.runtime.control(), look(peer));
}

// One at a time at each peer; what fails, mostly with its link, is tried again when there has been
// another reason meanwhile.
Task<> Forks::look(NodeId peer) {
  Look& mine = looks_[peer];
  if (mine.under_way) {
    mine.again = true;
    co_return;
  }
  mine.under_way = true;
  do {
    mine.again = false;
    const Timestamp now = parts_.clock.now();
    if (mine.answered != 0 && now < mine.answered + kAccountAskAgain) {
      break;
    }
    if (const auto looked = co_await look_once(peer)) {
      mine.answered = now;
    } else {
      parts_.log.debug("fleet", "sync_failed", looked.error().to_string(), {{"peer", peer.hex()}});
    }
  } while (mine.again);
  mine.under_way = false;
}

Task<Result<void>> Forks::look_once(NodeId peer) {
  const auto found = co_await sides(peer);
  if (!found) {
    co_return fail(found.error());
  }
  if (!*found) {
    co_return Result<void>{};
  }
  const Sides& both = **found;
  const auto lay = [&] {
    return compare(parts_.fleet.ledger(), both.epoch, both.own, both.theirs);
  };
  auto culprits = co_await rt::run_on(parts_.runtime.pool(), lay);
  if (!culprits) {
    co_return fail(std::move(culprits).error());
  }
  if (!culprits->empty()) {
    co_await prove(both.epoch, *std::move(culprits));
  }
  co_return Result<void>{};
}

// Of the last epoch for which both have the same record: there the histories part.
Task<Result<std::optional<Forks::Sides>>> Forks::sides(NodeId peer) {
  const fleet::Ledger& ledger = parts_.fleet.ledger();
  const auto chain = ledger.chain();
  const fleet::FleetState state(chain->state);
  I2_CO_TRY_VALUE(std::optional<fleet::EpochRecord> epoch, state.epoch());
  std::optional<fleet::EpochRecord> next;
  while (epoch) {
    const auto read = [&] { return own_seal(ledger, *epoch, next); };
    const auto own = co_await rt::run_on(parts_.runtime.pool(), read);
    if (!own) {
      co_return fail(own.error());
    }
    if (*own) {
      auto theirs = co_await ask(peer, *epoch, (*own)->proposal.view);
      if (theirs) {
        co_return Sides{.epoch = *std::move(epoch), .own = **own, .theirs = *std::move(theirs)};
      }
      if (!theirs.error().is("fleet.account_unavailable")) {
        co_return fail(std::move(theirs).error());
      }
    }
    if (epoch->number == 0) {
      break;
    }
    next = std::move(epoch);
    I2_CO_TRY_VALUE(epoch, state.epoch(next->number - 1));
  }
  co_return std::nullopt;
}

Task<Result<Bytes>> Forks::ask(NodeId peer, fleet::EpochRecord epoch, consensus::View view) {
  const LinkPtr link = parts_.peers.link_to(peer);
  if (link == nullptr) {
    co_return fail("node.peer_no_address", "the peer has no connection any more");
  }
  AccountRequest request;
  request.set_epoch(epoch.number);
  request.set_view(view);
  I2_CO_TRY_VALUE(Bytes body, serialize(request));
  stoq::CallOptions options;
  options.message_size_max = kAccountAnswerMax;
  const auto answer =
      co_await call_over(link->connection, kAccount, std::move(body), std::move(options));
  if (!answer) {
    co_return fail(answer.error());
  }
  I2_CO_TRY_VALUE(const auto parsed, parse<AccountResponse>(*answer));
  if (!equal(as_bytes(parsed.epoch()), encode(epoch))) {
    co_return fail("fleet.account_unavailable", "the peer had other validators in that epoch");
  }
  co_return to_bytes(as_bytes(parsed.account()));
}

void Forks::found(fleet::EpochNumber epoch, std::span<const consensus::Evidence> proof) {
  const auto chain = parts_.fleet.ledger().chain();
  const auto record = fleet::FleetState(chain->state).epoch(epoch);
  if (!record || !*record) {
    return;
  }
  const auto culprits = convicted(chain->head.chain_id, **record, proof);
  if (culprits && !culprits->empty()) {
    parts_.tasks.spawn(parts_.runtime.control(), prove(**record, *culprits));
    return;
  }
  for (const LinkPtr& link : parts_.peers.links()) {
    investigate(link->peer);
  }
}

bool Forks::too_many(const std::vector<EvidenceEntry>& culprits) const {
  const auto epoch = fleet::FleetState(parts_.fleet.ledger().chain()->state).epoch();
  const auto votes = [&epoch](const EvidenceEntry& entry) {
    return std::ranges::contains(epoch->validators, entry.node, &fleet::EpochValidator::node);
  };
  return !epoch || static_cast<std::size_t>(std::ranges::count_if(culprits, votes)) >
                       fleet::tolerated(*epoch);
}

Task<> Forks::prove(fleet::EpochRecord epoch, consensus::Culprits culprits) {
  const fleet::Ledger& ledger = parts_.fleet.ledger();
  const auto set = fleet::validator_set(ledger.chain()->head.chain_id, epoch);
  if (!set || !proven_.insert(epoch.number).second) {
    co_return;
  }
  std::vector<EvidenceEntry> entries;
  for (const auto& [who, evidence] : culprits) {
    entries.push_back({.node = set->at(who).node,
                       .epoch = epoch.number,
                       .at = parts_.clock.unix_now(),
                       .evidence = encode(evidence),
                       .ordered = false});
  }
  if (!too_many(entries)) {  // of an epoch that is over, with more of them than today
    for (auto& [who, evidence] : culprits) {
      parts_.accuse({.epoch = epoch.number, .evidence = std::move(evidence)});
    }
    co_return;
  }
  std::ranges::copy(entries, std::back_inserter(proofs_));
  const auto keep = [&]() -> Result<std::filesystem::path> {
    I2_TRY_VALUE(const nlohmann::json document, evidence_json(ledger, entries));
    return fleet::keep_evidence(parts_.data_dir, epoch.number, as_bytes(to_line(document)));
  };
  const auto file = co_await rt::run_on(parts_.runtime.pool(), keep);
  const std::string where = file ? file->string() : file.error().to_string();
  parts_.log.error("fleet", "history_forked", "there are two histories of the fleet",
                   {{"epoch", epoch.number}, {"liars", culprits.size()}, {"file", where}});
  parts_.halt(diverged(where));
}

}  // namespace i2::node
