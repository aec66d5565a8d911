#include "forks.h"

#include <i2/consensus/account.h>
#include <i2/fleet/core/fleet_state.h>
#include <i2/fleet/evidence_file.h>
#include <i2/node/fleet.pb.h>

#include <algorithm>
#include <format>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>

#include "on_link.h"
#include "protobuf.h"
#include "verbs_json.h"

namespace i2::node {

namespace {

constexpr std::string_view kAccount = "fleet.Ledger/Account";
constexpr std::size_t kAnswerSizeMax = consensus::kAccountSizeMax + 64 * 1024;
// One peer's account is looked at once in this time.
constexpr Duration kLookAgain = 10 * kSecond;

Error diverged(std::size_t liars, const std::string& file) {
  return {"fleet.ledger_diverged",
          std::format("there are two histories of the fleet: {} validators have sealed both, more "
                      "than it bears; the proof is in '{}'. This node orders nothing any more",
                      liars, file)};
}

// On the pool: certificates to verify, accounts to read.
Result<consensus::Culprits> compare(const fleet::Ledger& ledger, const fleet::EpochRecord& epoch,
                                    const consensus::Account& own,
                                    const consensus::Account& theirs) {
  I2_TRY_VALUE(const auto set, fleet::validator_set(ledger.chain()->head.chain_id, epoch));
  if (!verify(set, theirs.seal)) {
    return consensus::Culprits{};
  }
  auto out = consensus::contradictions(set, own.seal, theirs);
  if (out.empty()) {
    I2_TRY_VALUE(const auto then, ledger.account(epoch.number, theirs.seal.proposal.view));
    if (then) {
      out = consensus::contradictions(set, theirs.seal, *then);
    }
  }
  return out;
}

// Each of those whom one of these convicts.
Result<consensus::Culprits> convicted(const ChainId& chain, const fleet::EpochRecord& epoch,
                                      std::vector<consensus::Evidence> proof) {
  I2_TRY_VALUE(const auto set, fleet::validator_set(chain, epoch));
  consensus::Culprits out;
  for (consensus::Evidence& one : proof) {
    if (const auto who = consensus::convict(set, one)) {
      out.try_emplace(*who, std::move(one));
    }
  }
  return out;
}

}  // namespace

void Forks::attach(stoq::RpcServer& server) {
  server.add_unary(std::string(kAccount), [this](stoq::CallContext context, Bytes request) {
    return serve_account(std::move(context), std::move(request));
  });
}

// Whoever asks has seen that the histories differ: this node looks too.
Task<Result<Bytes>> Forks::serve_account(stoq::CallContext context, Bytes request) {
  I2_CO_TRY_VALUE(const auto asked, parse<AccountRequest>(request));
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
  parts_.tasks.spawn(parts_.runtime.control(), look(context.peer().node_id));
  AccountResponse out;
  out.set_epoch(to_string(encode(*epoch)));
  out.set_account(to_string(encode(**account)));
  co_return serialize(out);
}

void Forks::investigate(const NodeId& peer) {
  parts_.tasks.spawn(parts_.runtime.control(), look(peer));
}

Task<> Forks::look(NodeId peer) {
  const Timestamp now = parts_.clock.now();
  const auto before = looked_.find(peer);
  if (before != looked_.end() && now < before->second + kLookAgain) {
    co_return;
  }
  looked_[peer] = now;
  const auto found = co_await sides(peer);
  if (!found || !*found) {
    if (!found) {
      parts_.log.debug("fleet", "sync_failed", found.error().to_string(), {{"peer", peer.hex()}});
    }
    co_return;
  }
  const Sides& both = **found;
  const auto lay = [&] {
    return compare(parts_.fleet.ledger(), both.epoch, both.own, both.theirs);
  };
  auto culprits = co_await rt::run_on(parts_.runtime.pool(), lay);
  if (culprits && !culprits->empty()) {
    co_await prove(both.epoch, *std::move(culprits));
  }
}

// Of the last epoch in which both had the same validators: there the histories part.
Task<Result<std::optional<Forks::Sides>>> Forks::sides(NodeId peer) {
  const fleet::Ledger& ledger = parts_.fleet.ledger();
  const auto chain = ledger.chain();
  const fleet::FleetState state(chain->state);
  I2_CO_TRY_VALUE(std::optional<fleet::EpochRecord> epoch, state.epoch());
  while (epoch && epoch->validators.size() > 1) {
    const auto read = [&] {
      return ledger.account(epoch->number, std::numeric_limits<consensus::View>::max());
    };
    auto own = co_await rt::run_on(parts_.runtime.pool(), read);
    if (!own) {
      co_return fail(std::move(own).error());
    }
    if (*own) {
      auto theirs = co_await ask(peer, *epoch, (*own)->seal.proposal.view);
      if (theirs) {
        co_return Sides{.epoch = *std::move(epoch), .own = **std::move(own), .theirs = *theirs};
      }
      if (!theirs.error().is("fleet.account_unavailable")) {
        co_return fail(std::move(theirs).error());
      }
    }
    I2_CO_TRY_VALUE(epoch, epoch->number == 0 ? Result<std::optional<fleet::EpochRecord>>()
                                              : state.epoch(epoch->number - 1));
  }
  co_return std::nullopt;
}

Task<Result<consensus::Account>> Forks::ask(NodeId peer, fleet::EpochRecord epoch,
                                            consensus::View view) {
  const LinkPtr link = parts_.peers.link_to(peer);
  if (link == nullptr) {
    co_return fail("node.peer_no_address", "the peer has no connection any more");
  }
  AccountRequest request;
  request.set_epoch(epoch.number);
  request.set_view(view);
  I2_CO_TRY_VALUE(Bytes body, serialize(request));
  stoq::CallOptions options;
  options.message_size_max = kAnswerSizeMax;
  const auto answer =
      co_await call_over(link->connection, kAccount, std::move(body), std::move(options));
  if (!answer) {
    co_return fail(answer.error());
  }
  I2_CO_TRY_VALUE(const auto parsed, parse<AccountResponse>(*answer));
  if (!equal(as_bytes(parsed.epoch()), encode(epoch))) {
    co_return fail("fleet.account_unavailable", "the peer had other validators in that epoch");
  }
  co_return consensus::decode_account(as_bytes(parsed.account()));
}

void Forks::found(fleet::EpochNumber epoch, std::vector<consensus::Evidence> proof) {
  const auto chain = parts_.fleet.ledger().chain();
  const auto record = fleet::FleetState(chain->state).epoch(epoch);
  if (!record || !*record) {
    return;
  }
  const auto culprits = convicted(chain->head.chain_id, **record, std::move(proof));
  if (culprits && !culprits->empty()) {
    parts_.tasks.spawn(parts_.runtime.control(), prove(**record, *culprits));
    return;
  }
  for (const LinkPtr& link : parts_.peers.links()) {
    investigate(link->peer);
  }
}

Task<> Forks::prove(fleet::EpochRecord epoch, consensus::Culprits culprits) {
  const fleet::Ledger& ledger = parts_.fleet.ledger();
  const auto set = fleet::validator_set(ledger.chain()->head.chain_id, epoch);
  if (!set || std::ranges::contains(proofs_, epoch.number, &EvidenceEntry::epoch)) {
    co_return;
  }
  if (!exceeds_tolerance(*set, culprits)) {
    for (auto& [who, evidence] : culprits) {
      parts_.accuse({.epoch = epoch.number, .evidence = std::move(evidence)});
    }
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
  std::ranges::copy(entries, std::back_inserter(proofs_));
  const auto keep = [&]() -> Result<std::filesystem::path> {
    I2_TRY_VALUE(const nlohmann::json document, evidence_json(ledger, entries));
    return fleet::keep_evidence(parts_.data_dir, epoch.number, as_bytes(to_line(document)));
  };
  const auto file = co_await rt::run_on(parts_.runtime.pool(), keep);
  const std::string where = file ? file->string() : file.error().to_string();
  parts_.log.error("fleet", "history_forked", "there are two histories of the fleet",
                   {{"epoch", epoch.number}, {"liars", culprits.size()}, {"file", where}});
  parts_.halt(diverged(culprits.size(), where));
}

}  // namespace i2::node
