// Proposals: taking them in, what they build on, and what becomes final with them.
#include <i2/consensus/engine.h>

#include <algorithm>
#include <ranges>

namespace i2::consensus {

void Engine::on(ValidatorIndex from, ProposalMessage message) {
  const SignedProposal& proposal = message.proposal;
  const View view = proposal.proposal.view;
  if (view <= root_.view) {
    return;
  }
  const ProposalId id = consensus::id(*set_, proposal.proposal);
  const bool wanted = fetches_.contains(id);
  if (entries_.contains(id) || (!wanted && view > view_ + kProposalsAhead)) {
    return;
  }
  if (!verify(*set_, proposal)) {
    return;
  }
  const auto round = rounds_.find(view);
  if (round != rounds_.end() && round->second.proposed) {
    accuse(double_proposal(*set_, entries_.at(*round->second.proposed).message.proposal, proposal));
    if (!wanted) {
      return;
    }
  }
  if (hash(digest(message.justification)) != proposal.proposal.justification) {
    return;
  }
  const auto known = [this](const Vote& vote) { return is_known(vote); };
  if (auto evidence = unjustified_proposal(*set_, proposal, message.justification, known)) {
    accuse(*std::move(evidence));
    return;
  }
  const ValidatorIndex leader = set_->leader(view);
  seen_[leader] = std::max(seen_[leader], view);
  for (Certificate& certificate : certificates(message.justification)) {
    certified(std::move(certificate), false);
  }
  if (halted_ || view <= root_.view) {
    return;
  }
  if (view == view_ && !activity_) {
    activity_ = now_;
  }
  const View parent_view = proposal.proposal.parent_view;
  const ProposalId parent = proposal.proposal.parent;
  insert(id, std::move(message));
  if (parent_view > root_.view && find(parent) == nullptr) {
    fetch(parent, parent_view, from);
  }
}

void Engine::on(ValidatorIndex from, const FetchProposal& fetch) {
  if (const Entry* const entry = find(fetch.proposal)) {
    actions_.emplace_back(Send{.to = from, .message = entry->message});
  } else if (fetch.view <= root_.view && root_.seal) {
    actions_.emplace_back(Send{.to = from, .message = *root_.seal});
  }
}

const Engine::Entry* Engine::find(const ProposalId& id) const {
  const auto at = entries_.find(id);
  return at == entries_.end() ? nullptr : &at->second;
}

void Engine::insert(const ProposalId& id, ProposalMessage message) {
  Round& round = rounds_[message.proposal.proposal.view];
  if (!round.proposed) {
    round.proposed = id;
  }
  fetches_.erase(id);
  entries_.try_emplace(id, Entry{.message = std::move(message), .standing = {}, .ends_epoch = {}});
  examine(id);
}

// What follows something that is good itself, or may be.
void Engine::examine(const ProposalId& id) {
  Entry& entry = entries_.at(id);
  if (entry.standing != Standing::kWaiting) {
    return;
  }
  const Proposal& proposal = entry.message.proposal.proposal;
  PayloadId parent_payload = root_.payload;
  bool parent_ends_epoch = root_.ends_epoch;
  if (proposal.parent_view > root_.view) {
    const Entry* const parent = find(proposal.parent);
    if (parent == nullptr) {
      fetch(proposal.parent, proposal.parent_view, std::nullopt);
      return;
    }
    if (parent->standing == Standing::kBad) {
      entry.standing = Standing::kBad;
    }
    if (parent->standing != Standing::kGood) {
      return;
    }
    parent_payload = parent->message.proposal.proposal.payload;
    parent_ends_epoch = parent->ends_epoch;
  } else if (proposal.parent_view < root_.view || proposal.parent != root_.proposal) {
    entry.standing = Standing::kBad;
    return;
  }
  const bool again = entry.message.payload.empty();
  if (again || parent_ends_epoch) {
    const bool good = again && parent_ends_epoch && proposal.payload == parent_payload;
    entry.standing = good ? Standing::kGood : Standing::kBad;
    entry.ends_epoch = good;
    return;
  }
  entry.standing = Standing::kValidating;
  actions_.emplace_back(Validate{.view = proposal.view,
                                 .proposal = id,
                                 .parent = parent_payload,
                                 .id = proposal.payload,
                                 .payload = entry.message.payload});
}

void Engine::examine_waiting() {
  std::vector<std::pair<View, ProposalId>> waiting;
  for (const auto& [id, entry] : entries_) {
    if (entry.standing == Standing::kWaiting) {
      waiting.emplace_back(entry.message.proposal.proposal.view, id);
    }
  }
  std::ranges::sort(waiting);
  for (const auto& [view, id] : waiting) {
    examine(id);
  }
}

// From `from` at once, who has it. Else a little later: mostly it is on its way.
void Engine::fetch(const ProposalId& id, View view, std::optional<ValidatorIndex> from) {
  constexpr Duration kShare = 8;
  if (view <= root_.view) {
    return;
  }
  Fetch fresh{.view = view, .again = now_ + options_.timing.fetch / kShare, .attempt = 0};
  Fetch& fetch = fetches_.try_emplace(id, fresh).first->second;
  if (from && fetch.attempt == 0) {
    ++fetch.attempt;
    fetch.again = now_ + options_.timing.fetch;
    actions_.emplace_back(
        Send{.to = *from, .message = FetchProposal{.view = view, .proposal = id}});
  }
}

std::optional<Engine::Parent> Engine::parent(View& missing) const {
  Parent out;
  std::vector<Certificate> skipped;
  for (View view = view_ - 1; view > root_.view; --view) {
    const auto round = rounds_.find(view);
    const Certificate* notarized = nullptr;
    if (round != rounds_.end() && round->second.notarization) {
      notarized = &*round->second.notarization;
    } else if (finalization_ && finalization_->statement.view == view) {
      notarized = &*finalization_;
    }
    if (notarized != nullptr) {
      const Entry* const entry = find(notarized->statement.proposal);
      if (entry == nullptr || entry->standing != Standing::kGood) {
        missing = view;
        return std::nullopt;
      }
      out = {.view = view,
             .proposal = notarized->statement.proposal,
             .payload = entry->message.proposal.proposal.payload,
             .ends_epoch = entry->ends_epoch,
             .justification = {.parent = *notarized, .nullifications = {}}};
      break;
    }
    if (round == rounds_.end() || !round->second.nullification || skipped.size() == kSkippedMax) {
      missing = view;
      return std::nullopt;
    }
    skipped.push_back(*round->second.nullification);
  }
  if (out.view == 0) {
    out = {.view = root_.view,
           .proposal = root_.proposal,
           .payload = root_.payload,
           .ends_epoch = root_.ends_epoch,
           .justification = {}};
    if (root_.seal) {
      out.justification.parent = root_.seal->finalization;
    }
  }
  out.justification.nullifications.assign(skipped.rbegin(), skipped.rend());
  return out;
}

void Engine::propose(PayloadId payload, Bytes bytes, bool ends_epoch, const Parent& parent) {
  auto signed_proposal = sign_proposal(*set_, *signer_,
                                       {.view = view_,
                                        .parent_view = parent.view,
                                        .parent = parent.proposal,
                                        .payload = payload,
                                        .justification = hash(digest(parent.justification))});
  if (!signed_proposal) {
    return;
  }
  ProposalMessage message{.proposal = *std::move(signed_proposal),
                          .justification = parent.justification,
                          .payload = std::move(bytes)};
  const ProposalId id = consensus::id(*set_, message.proposal.proposal);
  actions_.emplace_back(Remember{message});
  actions_.emplace_back(Broadcast{message});
  rounds_[view_].proposed = id;
  activity_ = activity_.value_or(now_);
  entries_.insert_or_assign(
      id,
      Entry{.message = std::move(message), .standing = Standing::kGood, .ends_epoch = ends_epoch});
  vote();
}

void Engine::commit() {
  if (!finalization_ || halted_) {
    return;
  }
  std::vector<const Entry*> chain;
  ProposalId at = finalization_->statement.proposal;
  for (bool reached = false; !reached;) {
    const Entry* const entry = find(at);
    if (entry == nullptr) {
      fetch(at,
            chain.empty() ? finalization_->statement.view
                          : chain.back()->message.proposal.proposal.parent_view,
            std::nullopt);
      return;
    }
    chain.push_back(entry);
    const Proposal& proposal = entry->message.proposal.proposal;
    reached = proposal.parent_view == root_.view && proposal.parent == root_.proposal;
    if (!reached && proposal.parent_view <= root_.view) {
      fork(chain);
      return;
    }
    at = proposal.parent;
  }
  if (std::ranges::any_of(chain,
                          [](const Entry* entry) { return entry->standing != Standing::kGood; })) {
    return;  // still examined
  }
  Commit out{.chain = {},
             .seal = {.proposal = chain.front()->message.proposal.proposal,
                      .finalization = *finalization_}};
  const bool ends_epoch = chain.front()->ends_epoch;
  for (const Entry* const entry : chain | std::views::reverse) {
    out.chain.push_back(entry->message);
  }
  const Seal seal = out.seal;
  actions_.emplace_back(std::move(out));
  set_root({.view = seal.proposal.view,
            .proposal = seal.finalization.statement.proposal,
            .payload = seal.proposal.payload,
            .ends_epoch = ends_epoch,
            .seal = seal});
}

// A sealed chain that leaves the root out. It accounts for every view between its proposals, the
// root's too: with a nullification, or with another proposal. Both come from a quorum, as the
// root's seal does; who signed two of them has lied.
void Engine::fork(const std::vector<const Entry*>& chain) {
  const Seal theirs{.proposal = chain.front()->message.proposal.proposal,
                    .finalization = *finalization_};
  std::vector<Evidence> proof;
  if (root_.seal) {
    std::vector<ProposalMessage> messages;
    for (const Entry* const entry : chain) {
      messages.push_back(entry->message);
    }
    proof = fork_evidence(*root_.seal, messages, theirs);
  }
  halt(theirs, std::move(proof));
}

void Engine::halt(const Seal& theirs, std::vector<Evidence> proof) {
  halted_ = true;
  accuse_all(proof);
  actions_.emplace_back(
      Halt{.ours = root_.seal.value_or(theirs), .theirs = theirs, .proof = std::move(proof)});
}

void Engine::set_root(Root root) {
  root_ = std::move(root);
  rounds_.erase(rounds_.begin(), rounds_.upper_bound(root_.view));
  std::erase_if(entries_, [this](const auto& entry) {
    return entry.second.message.proposal.proposal.view <= root_.view;
  });
  std::erase_if(fetches_, [this](const auto& entry) { return entry.second.view <= root_.view; });
  if (finalization_ && finalization_->statement.view <= root_.view) {
    finalization_.reset();
  }
  enter(root_.view + 1);
}

}  // namespace i2::consensus
