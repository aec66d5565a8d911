// Votes and certificates: counting, casting, and what a certificate leads to.
#include <i2/consensus/engine.h>

#include <algorithm>

namespace i2::consensus {

void Engine::on(ValidatorIndex from, const Vote& vote) {
  const View view = vote.statement.view;
  if (vote.signer != from) {
    return;  // others' votes travel in certificates only
  }
  if (view <= root_.view) {
    if (view < root_.view) {
      show_seal_once(from);
    }
    return;
  }
  if (view <= view_ + kViewsAhead) {
    seen_[from] = std::max(seen_[from], view);
    record(vote, false);
  }
}

void Engine::on(ValidatorIndex /*from*/, Certificate certificate) {
  const Statement& statement = certificate.statement;
  if (statement.view <= root_.view) {
    return;
  }
  const auto round = rounds_.find(statement.view);
  if (round != rounds_.end()) {
    const auto& known = statement.kind == VoteKind::kNullify ? round->second.nullification
                                                             : round->second.notarization;
    if (known && known->statement == statement) {
      return;
    }
  }
  if (finalization_ && finalization_->statement == statement) {
    return;
  }
  if (verify(*set_, certificate, [this](const Vote& vote) { return is_known(vote); })) {
    certified(std::move(certificate), false);
  }
}

void Engine::on(ValidatorIndex /*from*/, Seal seal) {
  const View view = seal.proposal.view;
  const bool same_view = view == root_.view && id(*set_, seal.proposal) != root_.proposal;
  if (view < root_.view || (view == root_.view && !same_view) ||
      (finalization_ && finalization_->statement == seal.finalization.statement) ||
      !verify(*set_, seal)) {
    return;
  }
  if (same_view) {
    halt(seal, fork_evidence(*root_.seal, {}, seal));
    return;
  }
  finalized(std::move(seal.finalization));
}

void Engine::on(ValidatorIndex from, const Greeting& greeting) {
  greeted_[from] = true;
  for (const Vote& vote : greeting.yours) {
    const Statement& statement = vote.statement;
    if (vote.signer != options_.self || statement.view <= root_.view) {
      continue;
    }
    const Vote* const known = own(statement.view, statement.kind);
    if ((known == nullptr || known->statement != statement) && verify(*set_, vote)) {
      // Signed by this validator before, and forgotten: its disk is an older copy.
      options_.silent_through = std::max(options_.silent_through, statement.view);
    }
  }
}

void Engine::on(ValidatorIndex from, const FetchCertificates& fetch) {
  constexpr View kAnswerMax = 256;
  const View first = std::max(fetch.first, root_.view + 1);
  for (auto round = rounds_.lower_bound(first);
       round != rounds_.end() && round->first <= fetch.last && round->first < first + kAnswerMax;
       ++round) {
    for (const auto& certificate : {round->second.notarization, round->second.nullification}) {
      if (certificate) {
        actions_.emplace_back(Send{.to = from, .message = *certificate});
      }
    }
  }
  if (fetch.first <= root_.view && root_.seal) {
    actions_.emplace_back(Send{.to = from, .message = *root_.seal});
  }
}

const Vote* Engine::own(View view, VoteKind kind) const {
  const auto round = rounds_.find(view);
  if (round == rounds_.end()) {
    return nullptr;
  }
  const auto vote = round->second.votes.find({kind, options_.self});
  return vote == round->second.votes.end() ? nullptr : &vote->second;
}

// Verified before, with this very signature.
bool Engine::is_known(const Vote& vote) const {
  const Statement& statement = vote.statement;
  if (root_.seal && root_.seal->finalization.statement == statement) {
    return std::ranges::contains(votes(root_.seal->finalization), vote);
  }
  const auto round = rounds_.find(statement.view);
  if (round == rounds_.end()) {
    return false;
  }
  const std::pair key{statement.kind, vote.signer};
  const auto found = round->second.votes.find(key);
  return found != round->second.votes.end() && found->second == vote &&
         round->second.verified.contains(key);
}

void Engine::record(const Vote& vote, bool verified) {
  const Statement statement = vote.statement;
  Round& round = rounds_[statement.view];
  for (const VoteKind kind : kVoteKinds) {
    const auto other = round.votes.find({kind, vote.signer});
    if (other != round.votes.end() && contradict(other->second.statement, statement)) {
      accuse(contradicting_votes(other->second, vote));
    }
  }
  const std::pair key{statement.kind, vote.signer};
  if (!round.votes.try_emplace(key, vote).second) {
    return;
  }
  if (verified) {
    round.verified.insert(key);
  }
  tally(statement.view, statement.kind);
}

// Signatures are checked when there are enough of them to matter.
void Engine::tally(View view, VoteKind kind) {
  Round& round = rounds_[view];
  if ((kind == VoteKind::kNotarize && round.notarization) ||
      (kind == VoteKind::kNullify && round.nullification) ||
      (kind == VoteKind::kFinalize && finalization_ && finalization_->statement.view >= view)) {
    return;
  }
  std::map<ProposalId, Weight> weights;
  for (const auto& [key, vote] : round.votes) {
    if (key.first == kind) {
      weights[vote.statement.proposal] += set_->at(key.second).weight;
    }
  }
  for (const auto& [proposal, claimed] : weights) {
    if (claimed < set_->quorum()) {
      continue;
    }
    const Statement statement{.view = view, .kind = kind, .proposal = proposal};
    std::vector<Vote> good;
    Weight weight = 0;
    for (auto entry = round.votes.begin(); entry != round.votes.end();) {
      const auto& [key, vote] = *entry;
      if (vote.statement != statement) {
        ++entry;
        continue;
      }
      if (!round.verified.contains(key) && !verify(*set_, vote)) {
        entry = round.votes.erase(entry);
        continue;
      }
      round.verified.insert(key);
      good.push_back(vote);
      weight += set_->at(key.second).weight;
      ++entry;
    }
    if (weight >= set_->quorum()) {
      certified(certify(statement, std::move(good)), true);
      return;
    }
  }
  // Others are at work in this view, at least one of them honest.
  Weight heard = 0;
  for (const auto& [proposal, weight] : weights) {
    heard += weight;
  }
  if (view == view_ && !activity_ && heard > set_->tolerated()) {
    activity_ = now_;
  }
}

void Engine::certified(Certificate certificate, bool tell) {
  const Statement statement = certificate.statement;
  if (statement.view <= root_.view) {
    return;
  }
  if (statement.kind == VoteKind::kFinalize) {
    finalized(std::move(certificate));
    return;
  }
  Round& round = rounds_[statement.view];
  note_signers(certificate);
  compare(certificate, round.notarization);
  compare(certificate, finalization_);
  auto& known = statement.kind == VoteKind::kNullify ? round.nullification : round.notarization;
  if (known) {
    return;
  }
  known = certificate;
  if (tell) {
    actions_.emplace_back(Broadcast{std::move(certificate)});
  }
  if (statement.kind == VoteKind::kNullify) {
    failed_ += statement.view >= view_ ? 1 : 0;
    enter(statement.view + 1);
    return;
  }
  if (find(statement.proposal) == nullptr) {
    fetch(statement.proposal, statement.view, std::nullopt);
  }
  last_payload_ = now_;
  if (statement.view >= view_) {
    failed_ = 0;
    finalize(statement.view, statement.proposal);
    enter(statement.view + 1);
  }
}

void Engine::finalized(Certificate finalization) {
  const Statement statement = finalization.statement;
  if (statement.view <= root_.view ||
      (finalization_ && statement.view <= finalization_->statement.view)) {
    return;
  }
  if (const auto round = rounds_.find(statement.view); round != rounds_.end()) {
    compare(finalization, round->second.notarization);
    compare(finalization, round->second.nullification);
  }
  note_signers(finalization);
  finalization_ = std::move(finalization);
  if (statement.view >= view_) {
    failed_ = 0;
    last_payload_ = now_;
    enter(statement.view + 1);
  }
  commit();
}

void Engine::cast(View view, VoteKind kind, const ProposalId& proposal) {
  if (!can_sign(view)) {
    return;
  }
  auto vote =
      sign_vote(*set_, options_.self, *signer_, {.view = view, .kind = kind, .proposal = proposal});
  if (!vote) {
    return;  // the view ends without this one
  }
  actions_.emplace_back(Remember{*vote});
  actions_.emplace_back(Broadcast{*vote});
  record(*vote, true);
}

void Engine::vote() {
  const auto round = rounds_.find(view_);
  if (round == rounds_.end() || !round->second.proposed ||
      own(view_, VoteKind::kNotarize) != nullptr || own(view_, VoteKind::kNullify) != nullptr) {
    return;
  }
  const ProposalId proposal = *round->second.proposed;
  const Entry& entry = entries_.at(proposal);
  const Vote* const finalize = own(view_, VoteKind::kFinalize);
  if (entry.standing != Standing::kGood ||
      (finalize != nullptr && finalize->statement.proposal != proposal)) {
    return;
  }
  if (!leads()) {  // the leader has remembered it before it sent it
    actions_.emplace_back(Remember{entry.message});
  }
  cast(view_, VoteKind::kNotarize, proposal);
}

void Engine::nullify() {
  if (own(view_, VoteKind::kFinalize) == nullptr) {
    cast(view_, VoteKind::kNullify, {});
  }
}

void Engine::finalize(View view, const ProposalId& proposal) {
  const Vote* const notarize = own(view, VoteKind::kNotarize);
  if (own(view, VoteKind::kNullify) == nullptr && own(view, VoteKind::kFinalize) == nullptr &&
      (notarize == nullptr || notarize->statement.proposal == proposal) && can_sign(view)) {
    actions_.emplace_back(Remember{*rounds_.at(view).notarization});
    cast(view, VoteKind::kFinalize, proposal);
  }
}

void Engine::note_signers(const Certificate& certificate) {
  for (std::size_t i = 0; i < set_->size(); ++i) {
    if (certificate.signers.test(i)) {
      seen_[i] = std::max(seen_[i], certificate.statement.view);
    }
  }
}

// Who signed both, when they contradict each other.
void Engine::compare(const Certificate& one, const std::optional<Certificate>& other) {
  if (other) {
    accuse_all(double_signers(*other, one));
  }
}

void Engine::show_seal_once(ValidatorIndex peer) {
  if (root_.seal && std::exchange(told_[peer], root_.view) != root_.view) {
    actions_.emplace_back(Send{.to = peer, .message = *root_.seal});
  }
}

void Engine::accuse_all(std::vector<Evidence> evidence) {
  for (Evidence& one : evidence) {
    accuse(std::move(one));
  }
}

void Engine::accuse(Evidence evidence) {
  const auto who = convict(*set_, evidence);
  if (who && accused_.insert(*who).second) {
    actions_.emplace_back(Accuse{std::move(evidence)});
  }
}

}  // namespace i2::consensus
