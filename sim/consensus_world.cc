// The network, its troubles and liars, and what must hold in the end.
#include "consensus_world.h"

#include <algorithm>
#include <format>

namespace i2::sim {

void World::send(const Node& from, ValidatorIndex to, const Envelope& envelope) {
  if (!from.honest() || below(16) == 0) {
    const auto decoded = decode_envelope(encode(envelope));
    if (!decoded || *decoded != envelope) {
      complain("a message does not survive its encoding");
      return;
    }
    overheard_.push_back(envelope);
    if (overheard_.size() > 400) {
      overheard_.pop_front();
    }
  }
  // shared: by its receivers, a liar's twin among them.
  const auto letter = std::make_shared<const Envelope>(envelope);
  for (const auto& node : nodes_) {
    if (node->self() != to || !linked(from, *node)) {
      continue;
    }
    ++outcome_.messages;
    auto& last = arrivals_[{from.number(), node->number()}];
    last =
        std::max(last + 1, now_ + plan_.delay_min + below(plan_.delay_max - plan_.delay_min + 1));
    at(last, [this, target = node.get(), sender = &from, letter, generation = generation_] {
      if (generation == generation_ && target->up() && linked(*sender, *target)) {
        note("in", *target, {});
        target->receive(sender->self(), *letter);
      }
    });
  }
}

void World::ask_ledger(Node& node) {
  for (std::size_t tries = 0; tries < nodes_.size(); ++tries) {
    Node& other = *nodes_[below(nodes_.size())];
    if (!other.up() || !linked(node, other) ||
        other.disk().ledger.size() <= node.disk().ledger.size()) {
      continue;
    }
    at(now_ + 2 * plan_.delay_max, [this, &node, &other] {
      if (other.up() && linked(node, other)) {
        node.sync(other.disk().ledger);
      }
    });
    return;
  }
}

void World::accused(const Node& by, EpochNumber epoch, const Evidence& evidence) {
  const auto decoded = decode_evidence(encode(evidence));
  if (!decoded || *decoded != evidence) {
    complain("evidence does not survive its encoding");
    return;
  }
  const auto who = convict(*set(epoch).set, evidence);
  if (!who) {
    complain("evidence proves nothing: " + who.error().message());
    return;
  }
  if (*who >= plan_.liars) {
    complain(std::format("validator {} is honest and accused by {} of {}", *who, by.number(),
                         name(evidence)));
  }
  if (by.honest()) {
    convicted_.insert(*who);
  }
}

void World::halted(const Node& node) {
  note("halt", node, {});
  if (node.honest()) {
    outcome_.halted = true;
  }
}

void World::committed(const Node& node, std::size_t first) {
  const auto& ledger = node.disk().ledger;
  note("commit", node, ledger.back()->id.view());
  if (!node.honest() || 3 * plan_.liars >= plan_.validators) {
    return;
  }
  for (std::size_t i = first; i < ledger.size(); ++i) {
    const auto [at, added] = acknowledged_.try_emplace(i, ledger[i]->id);
    if (!added && at->second != ledger[i]->id) {
      complain(std::format("payload {} was acknowledged, and is another one now", i));
    }
  }
}

void World::reconnect_all() {
  for (const auto& node : nodes_) {
    for (std::size_t i = 0; i < plan_.validators; ++i) {
      node->connected(static_cast<ValidatorIndex>(i));
    }
  }
}

void World::fail_all() {
  for (const auto& node : nodes_) {
    if (node->up()) {
      node->crash();
      at(now_ + below(kSecond), [&node] { node->start(); });
    }
  }
}

void World::plan_trouble() {
  for (Timestamp when = below(kSecond); when < plan_.trouble; when += below(2 * kSecond) + 1) {
    at(when, [this] {
      if (plan_.cuts && below(2) == 0) {
        ++generation_;
        for (int& side : side_) {
          side = below(3) == 0 ? 1 : 0;
        }
        reconnect_all();
      }
      for (std::size_t& side : twin_sides_) {
        side = below(3);
      }
      if (plan_.crashes && below(3) == 0) {
        fail_all();
      }
      // Sometimes there is nothing to order, for some of them.
      for (const auto& node : nodes_) {
        node->want(below(4) != 0);
      }
    });
  }
  at(plan_.trouble, [this] {
    ++generation_;
    std::ranges::fill(side_, 0);
    for (const auto& node : nodes_) {
      node->want(true);
    }
    reconnect_all();
  });
  for (Timestamp when = 0; when < plan_.trouble; when += 200 * kMillisecond) {
    at(when, [this] { lie(); });
  }
}

// What no engine would send: votes against its own votes, for views to come, repeated ones, and
// justifications that are none.
void World::lie() {
  if (plan_.liars == 0 || overheard_.empty()) {
    return;
  }
  const auto liar = static_cast<ValidatorIndex>(below(plan_.liars));
  const Node& node = *nodes_[liar];
  if (!nodes_[liar]->up()) {
    return;
  }
  const Envelope heard = overheard_[below(overheard_.size())];
  const auto& made = set(heard.epoch);
  const auto to = static_cast<ValidatorIndex>(below(plan_.validators));
  Envelope lie = heard;
  if (const auto* const vote = std::get_if<Vote>(&heard.message)) {
    Statement statement = vote->statement;
    switch (below(4)) {
      case 0:
        statement.kind = VoteKind::kNullify;
        statement.proposal = {};
        break;
      case 1:
        statement.kind =
            statement.kind == VoteKind::kNotarize ? VoteKind::kFinalize : VoteKind::kNotarize;
        if (statement.proposal == ProposalId{}) {
          statement.proposal.bytes[0] = 1;
        }
        break;
      case 2:
        statement.view += 1 + below(500);
        break;
      default:
        if (statement.kind != VoteKind::kNullify) {
          statement.proposal.bytes[5] ^= 1;
        }
        break;
    }
    lie.message = sign_vote(*made.set, liar, *made.keys[liar], statement).value();
  } else if (auto* const proposal = std::get_if<ProposalMessage>(&lie.message);
             proposal != nullptr && made.set->leader(proposal->proposal.proposal.view) == liar) {
    Proposal changed = proposal->proposal.proposal;
    if (below(2) == 0 && !proposal->justification.nullifications.empty()) {
      proposal->justification.nullifications.pop_back();
    } else if (below(2) == 0) {
      changed.parent.bytes[3] ^= 1;
    } else {
      changed.payload.bytes[3] ^= 1;
    }
    changed.justification = hash(digest(proposal->justification));
    proposal->proposal = sign_proposal(*made.set, *made.keys[liar], changed).value();
  }
  send(node, to, lie);
}

// Two ledgers that part prove by themselves who is to blame: the seal with the smaller view, and
// what accounts for that view in the other one.
void World::find_culprits(const Node& one, const Node& other) {
  const auto sealed_from = [](const Ledger& ledger, std::size_t at) {
    while (!ledger[at]->seal) {
      ++at;
    }
    return at;
  };
  const auto* first = &one.disk().ledger;
  const auto* second = &other.disk().ledger;
  std::size_t differs = 0;
  while ((*first)[differs]->id == (*second)[differs]->id) {
    ++differs;
  }
  std::size_t at_first = sealed_from(*first, differs);
  std::size_t at_second = sealed_from(*second, differs);
  if ((*second)[at_second]->seal->proposal.view < (*first)[at_first]->seal->proposal.view) {
    std::swap(first, second);
    std::swap(at_first, at_second);
  }
  const Sealed& ours = *(*first)[at_first];
  // What accounts for that view on the other side.
  const auto covers = std::ranges::find_if(*second, [&](const SealedPtr& sealed) {
    return sealed->epoch == ours.epoch && sealed->seal &&
           sealed->seal->proposal.view >= ours.seal->proposal.view;
  });
  if (covers == second->end()) {
    complain("ledgers part between epochs");
    return;
  }
  const Sealed& theirs = **covers;
  const Culprits culprits = contradictions(*set(ours.epoch).set, *ours.seal,
                                           {.seal = *theirs.seal, .chain = theirs.chain});
  if (std::ranges::any_of(culprits,
                          [this](const auto& entry) { return entry.first >= plan_.liars; })) {
    complain("a fork accuses somebody honest");
  }
  if (3 * culprits.size() < plan_.validators) {
    complain(std::format("a fork convicts {} of {}", culprits.size(), plan_.validators));
  }
  outcome_.culprits = std::max(outcome_.culprits, culprits.size());
}

void World::check_ledgers() {
  const Node* longest = nullptr;
  for (const auto& node : nodes_) {
    if (node->honest() &&
        (longest == nullptr || node->disk().ledger.size() > longest->disk().ledger.size())) {
      longest = node.get();
    }
  }
  for (const auto& node : nodes_) {
    if (!node->honest()) {
      continue;
    }
    const auto& ledger = node->disk().ledger;
    for (std::size_t i = 0; i < ledger.size(); ++i) {
      if (ledger[i]->id != longest->disk().ledger[i]->id) {
        outcome_.diverged = true;
        find_culprits(*node, *longest);
        break;
      }
    }
  }
  // Every payload follows the one before and is sealed, itself or by a later one.
  PayloadId before{};
  std::set<std::uint64_t> numbers;
  for (const SealedPtr& entry : longest->disk().ledger) {
    const Sealed& sealed = *entry;
    const auto payload = decode_payload(sealed.payload);
    if (!payload || payload->parent != before || payload_id(sealed.payload) != sealed.id ||
        !numbers.insert(payload->number).second) {
      complain("the ledger holds what does not follow");
      break;
    }
    if (sealed.seal && !verify(*set(sealed.epoch).set, *sealed.seal)) {
      complain("a seal is not valid");
    }
    before = sealed.id;
  }
  for (const auto& [at, id] : acknowledged_) {
    if (at >= longest->disk().ledger.size() || longest->disk().ledger[at]->id != id) {
      complain(std::format("payload {} was acknowledged, and is not there", at));
    }
  }
  outcome_.sealed = longest->disk().ledger.size();
  outcome_.epochs = longest->epoch();
}

std::size_t World::length_of_longest() const {
  std::size_t out = 0;
  for (const auto& node : nodes_) {
    out = std::max(out, node->honest() ? node->disk().ledger.size() : 0);
  }
  return out;
}

// Everybody honest has sealed something new, and more than once.
void World::look_for_recovery(std::size_t before) {
  recovered_ = std::ranges::all_of(nodes_, [this, before](const auto& node) {
    return !node->honest() || (node->up() && node->disk().ledger.size() >= before + plan_.enough);
  });
  at(now_ + kSecond / 4, [this, before] { look_for_recovery(before); });
}

ConsensusOutcome World::run() {
  twin_sides_.assign(nodes_.size(), 2);
  for (const auto& node : nodes_) {
    node->start();
  }
  plan_trouble();
  at(plan_.trouble, [this] { look_for_recovery(length_of_longest()); });
  std::size_t steps = 0;
  while (!recovered_ && !events_.empty() && events_.top().when <= plan_.trouble + plan_.calm) {
    const Event event = events_.top();
    events_.pop();
    now_ = event.when;
    event.what();
    if (++steps > 5'000'000) {
      complain("it does not come to rest");
      break;
    }
  }
  check_ledgers();
  if (!recovered_ && 3 * plan_.liars < plan_.validators) {
    for (const auto& node : nodes_) {
      if (node->honest()) {
        complain(std::format("validator {} has not recovered; it has {} of {} payloads",
                             node->number(), node->disk().ledger.size(), outcome_.sealed));
      }
    }
  }
  outcome_.ended = now_;
  outcome_.convicted = convicted_.size();
  outcome_.trace = trace_.finish();
  return outcome_;
}

ConsensusOutcome run_consensus(std::uint64_t seed, const ConsensusWorld& world) {
  return World(seed, world).run();
}

}  // namespace i2::sim
