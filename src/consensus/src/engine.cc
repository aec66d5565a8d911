// The views of an epoch: entering them, leading them, giving up on them. engine_votes.cc and
// engine_proposals.cc hold the rest.
#include <i2/base/assert.h>
#include <i2/consensus/engine.h>
#include <i2/crypto/hash.h>

#include <algorithm>

namespace i2::consensus {
namespace {

// A timeout doubles so many times at most.
constexpr std::size_t kDoublingsMax = 20;

}  // namespace

Engine::Engine(std::shared_ptr<const ValidatorSet> set, const VoteSigner& signer, Options options,
               Root root, std::vector<Record> records, Timestamp now)
    : set_(std::move(set)),
      signer_(&signer),
      options_(options),
      now_(now),
      root_(std::move(root)),
      view_(root_.view + 1),
      entered_(now),
      last_payload_(now),
      repeat_at_(now + options.timing.repeat),
      repeat_after_(options.timing.repeat),
      seen_(set_->size(), view_),
      told_(set_->size(), 0),
      greeted_(set_->size(), false) {
  I2_ASSERT(options_.self < set_->size());
  greeted_[options_.self] = true;
  recover(std::move(records));
  step();
}

View view_of(const Record& record) {
  if (const auto* const vote = std::get_if<Vote>(&record)) {
    return vote->statement.view;
  }
  if (const auto* const proposal = std::get_if<ProposalMessage>(&record)) {
    return proposal->proposal.proposal.view;
  }
  return std::get<Certificate>(record).statement.view;
}

// Own votes are counted here too, not only sent: otherwise a quorum that stopped right after it had
// remembered its votes would wait for ever.
void Engine::recover(std::vector<Record> records) {
  std::set<std::pair<View, VoteKind>> voted;
  for (Record& record : records) {
    if (auto* const vote = std::get_if<Vote>(&record)) {
      const Statement statement = vote->statement;
      if (statement.view > root_.view && vote->signer == options_.self) {
        rounds_[statement.view].votes.insert_or_assign({statement.kind, vote->signer}, *vote);
        rounds_[statement.view].verified.insert({statement.kind, vote->signer});
        voted.insert({statement.view, statement.kind});
      }
      continue;
    }
    if (auto* const message = std::get_if<ProposalMessage>(&record);
        message != nullptr && message->proposal.proposal.view > root_.view) {
      const ProposalId proposal = id(*set_, message->proposal.proposal);
      insert(proposal, std::move(*message));
    }
  }
  for (const auto& [view, kind] : voted) {
    tally(view, kind);
  }
  for (Record& record : records) {
    if (auto* const certificate = std::get_if<Certificate>(&record)) {
      certified(std::move(*certificate), false);
    }
  }
}

template <class Event>
void Engine::take(Timestamp now, Event event) {
  now_ = std::max(now_, now);
  if (halted_ || finished()) {
    return;
  }
  event();
  step();
}

void Engine::handle(ValidatorIndex from, Message message, Timestamp now) {
  I2_ASSERT(from < set_->size());
  if (from == options_.self) {
    return;
  }
  if (finished() && root_.seal) {
    // It may still be in the epoch.
    if (!std::holds_alternative<Seal>(message)) {
      show_seal_once(from);
    }
    return;
  }
  take(now, [&] {
    std::visit([&](auto&& one) { on(from, std::forward<decltype(one)>(one)); }, std::move(message));
  });
}

void Engine::handle_connected(ValidatorIndex peer, Timestamp now) {
  now_ = std::max(now_, now);
  if (!halted_ && peer != options_.self) {
    greet(peer);
  }
}

void Engine::handle_time(Timestamp now) {
  take(now, [this] {
    bool sealed_elsewhere = false;
    for (auto& [proposal, fetch] : fetches_) {
      if (fetch.again <= now_) {
        sealed_elsewhere |= finalization_ && fetch.view <= finalization_->statement.view;
        // Whoever is asked next, it is not this validator.
        const std::size_t others = set_->size() - 1;
        const std::size_t step = others == 0 ? 0 : 1 + (fetch.view + fetch.attempt++) % others;
        const auto to = static_cast<ValidatorIndex>((options_.self + step) % set_->size());
        fetch.again = now_ + options_.timing.fetch;
        if (to != options_.self) {
          actions_.emplace_back(
              Send{.to = to, .message = FetchProposal{.view = fetch.view, .proposal = proposal}});
        }
      }
    }
    if (sealed_elsewhere) {
      // Those who have sealed it may not keep it any more, except in their ledgers.
      actions_.emplace_back(CatchUp{finalization_->statement.view});
    }
    if (repeat_at_ <= now_) {
      repeat();
    }
  });
}

Timestamp Engine::deadline() const {
  if (halted_ || finished()) {
    return kNever;
  }
  Timestamp out = repeat_at_;
  for (const auto& [proposal, fetch] : fetches_) {
    out = std::min(out, fetch.again);
  }
  const auto consider = [&](Timestamp when) {
    if (when > now_) {
      out = std::min(out, when);
    }
  };
  if (can_sign(view_) && own(view_, VoteKind::kNullify) == nullptr) {
    const Timestamp active = active_at();
    consider(active);
    consider(certificates_asked_);
    if (active <= now_) {
      consider(active + stretched(options_.timing.proposal));
      consider(active + stretched(options_.timing.certificate));
    }
  }
  return out;
}

void Engine::set_demand(bool demand, Timestamp now) {
  if (demand == demand_since_.has_value()) {
    return;
  }
  take(now, [&] {
    demand_since_ = demand ? std::optional(now_) : std::nullopt;
    declined_ = false;
  });
}

void Engine::ask_again(Timestamp now) {
  if (declined_) {
    take(now, [this] { declined_ = false; });
  }
}

void Engine::built(View view, std::optional<Built> built, Timestamp now) {
  take(now, [&] {
    if (!building_ || building_->view != view) {
      return;
    }
    const PayloadId follows = std::exchange(building_, std::nullopt)->parent;
    if (!built) {
      declined_ = true;
      return;
    }
    View missing = 0;
    const auto parent = this->parent(missing);
    // A late notarization may have moved the tip: then something else is built.
    if (parent && parent->payload == follows && !rounds_[view_].proposed && can_sign(view_) &&
        own(view_, VoteKind::kNullify) == nullptr) {
      propose(built->id, std::move(built->payload), built->ends_epoch, *parent);
    }
  });
}

void Engine::validated(const ProposalId& proposal, bool good, bool ends_epoch, Timestamp now) {
  take(now, [&] {
    const auto entry = entries_.find(proposal);
    if (entry == entries_.end() || entry->second.standing != Standing::kValidating) {
      return;
    }
    entry->second.standing = good ? Standing::kGood : Standing::kBad;
    entry->second.ends_epoch = ends_epoch;
    examine_waiting();
    commit();
  });
}

void Engine::advance(const Seal& seal, bool ends_epoch, Timestamp now) {
  take(now, [&] {
    if (seal.proposal.view > root_.view) {
      set_root({.view = seal.proposal.view,
                .proposal = id(*set_, seal.proposal),
                .payload = seal.proposal.payload,
                .ends_epoch = ends_epoch,
                .seal = seal});
      examine_waiting();
      commit();
    }
  });
}

PayloadId Engine::tip() const {
  View missing = 0;
  const auto parent = this->parent(missing);
  return parent ? parent->payload : root_.payload;
}

bool Engine::may_sign() const {
  Weight heard = 0;
  for (std::size_t i = 0; i < greeted_.size(); ++i) {
    heard += greeted_[i] ? set_->at(static_cast<ValidatorIndex>(i)).weight : 0;
  }
  return !halted_ && heard >= set_->quorum();
}

void Engine::enter(View view) {
  if (view <= view_) {
    return;
  }
  view_ = view;
  entered_ = now_;
  activity_.reset();
  building_.reset();
  declined_ = false;
  certificates_asked_ = 0;
  repeat_after_ = options_.timing.repeat;
  repeat_at_ = now_ + repeat_after_;
  const auto round = rounds_.find(view_);
  if (round == rounds_.end()) {
    return;
  }
  if (round->second.proposed) {
    activity_ = now_;
    if (leads()) {
      actions_.emplace_back(Broadcast{entries_.at(*round->second.proposed).message});
    }
  }
  for (const VoteKind kind : kVoteKinds) {
    if (const Vote* const vote = own(view_, kind)) {
      actions_.emplace_back(Broadcast{*vote});
    }
  }
}

// Everything that the current view asks for, until nothing changes any more.
void Engine::step() {
  View before = 0;
  do {
    before = view_;
    if (halted_ || finished() || !can_sign(view_)) {
      return;
    }
    vote();
    if (view_ != before || own(view_, VoteKind::kNullify) != nullptr) {
      continue;
    }
    const Timestamp active = active_at();
    if (active > now_) {
      continue;
    }
    const bool silent = own(view_, VoteKind::kNotarize) == nullptr;
    if ((silent && now_ >= active + stretched(options_.timing.proposal)) ||
        now_ >= active + stretched(options_.timing.certificate) || (silent && leader_is_absent())) {
      nullify();
    } else if (leads()) {
      propose();
    }
  } while (view_ != before);
}

void Engine::propose() {
  const auto round = rounds_.find(view_);
  if (building_ || (round != rounds_.end() && round->second.proposed)) {
    return;
  }
  View missing = 0;
  const auto parent = this->parent(missing);
  if (!parent) {
    if (certificates_asked_ <= now_) {
      certificates_asked_ = now_ + options_.timing.fetch;
      actions_.emplace_back(Broadcast{FetchCertificates{.first = missing, .last = view_ - 1}});
    }
    return;
  }
  if (parent->ends_epoch) {
    propose(parent->payload, {}, true, *parent);
    return;
  }
  const bool empty = !demand_since_ || declined_;
  if (empty && demand_since_ && tip_is_sealed() &&
      now_ < last_payload_ + options_.timing.heartbeat) {
    return;
  }
  building_ = {.view = view_, .parent = parent->payload};
  actions_.emplace_back(Build{.view = view_, .parent = parent->payload, .may_be_empty = empty});
}

// With something to order, or others at work, at once; when the last payload waits for its seal, a
// little later than that should come by itself; else when the heartbeat is due.
Timestamp Engine::active_at() const {
  Timestamp out = std::max(entered_, last_payload_ + options_.timing.heartbeat);
  if (demand_since_) {
    out = std::min(out, std::max(entered_, *demand_since_));
  }
  if (activity_) {
    out = std::min(out, *activity_);
  }
  if (!tip_is_sealed()) {
    out = std::min(out, entered_ + options_.timing.proposal);
  }
  return out;
}

Duration Engine::stretched(Duration timeout) const {
  const std::size_t usual = set_->size() / 3 + 1;
  const std::size_t doublings = std::min(failed_ > usual ? failed_ - usual : 0, kDoublingsMax);
  return std::min(timeout << doublings, options_.timing.timeout_max);
}

// Has signed nothing for two turns of everybody: its views are given up at once, until it does.
bool Engine::leader_is_absent() const {
  const ValidatorIndex leader = set_->leader(view_);
  return leader != options_.self && seen_[leader] + 2 * set_->size() < view_;
}

bool Engine::tip_is_sealed() const {
  return std::ranges::none_of(
      rounds_, [](const auto& entry) { return entry.second.notarization.has_value(); });
}

void Engine::greet(ValidatorIndex peer) {
  Greeting greeting{.view = view_, .yours = {}};
  for (const auto& [view, round] : rounds_) {
    for (const auto& [key, vote] : round.votes) {
      if (key.second == peer) {
        greeting.yours.push_back(vote);
      }
    }
  }
  constexpr std::size_t kYoursMax = 256;
  if (greeting.yours.size() > kYoursMax) {  // the newest say what matters
    greeting.yours.erase(greeting.yours.begin(), greeting.yours.end() - kYoursMax);
  }
  const auto send = [&](Message message) {
    actions_.emplace_back(Send{.to = peer, .message = std::move(message)});
  };
  send(std::move(greeting));
  if (root_.seal) {
    send(*root_.seal);
  }
  if (finalization_) {
    send(*finalization_);
  }
  for (const View view : {view_ - 1, view_}) {
    const auto round = rounds_.find(view);
    if (round == rounds_.end()) {
      continue;
    }
    if (round->second.notarization) {
      send(*round->second.notarization);
    }
    if (round->second.nullification) {
      send(*round->second.nullification);
    }
    if (round->second.proposed && set_->leader(view) == options_.self) {
      send(entries_.at(*round->second.proposed).message);
    }
    for (const VoteKind kind : kVoteKinds) {
      if (const Vote* const vote = own(view, kind)) {
        send(*vote);
      }
    }
  }
}

void Engine::repeat() {
  for (std::size_t i = 0; i < set_->size(); ++i) {
    if (i != options_.self) {
      greet(static_cast<ValidatorIndex>(i));
    }
  }
  repeat_after_ = std::min(repeat_after_ * 2, options_.timing.repeat_max);
  repeat_at_ = now_ + repeat_after_;
}

Hash256 Engine::fingerprint() const {
  wire::CanonicalWriter w(0, 0);
  const auto statement = [&w](const Statement& one) {
    w.u64(one.view);
    w.u8(static_cast<std::uint8_t>(one.kind));
    w.fixed(one.proposal.view());
  };
  const auto certificate = [&w](const std::optional<Certificate>& one) {
    w.boolean(one.has_value());
    if (one) {
      write(w, *one);
    }
  };
  w.u64(root_.view);
  w.fixed(root_.proposal.view());
  w.u64(view_);
  w.u64(failed_);
  w.u64(options_.silent_through);
  w.boolean(demand_since_.has_value());
  w.boolean(activity_.has_value());
  w.boolean(declined_);
  w.u64(building_ ? building_->view : 0);
  w.boolean(halted_);
  certificate(finalization_);
  for (const auto& [view, round] : rounds_) {
    w.u64(view);
    w.fixed(round.proposed.value_or(ProposalId{}).view());
    for (const auto& [key, vote] : round.votes) {
      w.u16(key.second);
      w.boolean(round.verified.contains(key));
      statement(vote.statement);
    }
    certificate(round.notarization);
    certificate(round.nullification);
  }
  for (const auto& [id, entry] : entries_) {
    w.fixed(id.view());
    w.u8(static_cast<std::uint8_t>(entry.standing));
  }
  for (const auto& [id, fetch] : fetches_) {
    w.fixed(id.view());
  }
  for (std::size_t i = 0; i < set_->size(); ++i) {
    w.boolean(greeted_[i]);
    w.boolean(accused_.contains(static_cast<ValidatorIndex>(i)));
  }
  return crypto::sha256(std::move(w).take());
}

}  // namespace i2::consensus
