#include "consensus_sim.h"

#include <i2/consensus/engine.h>
#include <i2/consensus/testing/votes.h>
#include <i2/wire/reader.h>

#include <algorithm>
#include <deque>
#include <format>
#include <map>
#include <memory>
#include <queue>
#include <random>

namespace i2::sim {
namespace {

using namespace consensus;  // NOLINT(google-build-using-namespace): all of it is about this

// A payload names what it follows; its number in the ledger decides whether it ends an epoch.
struct Payload {
  PayloadId parent;
  std::uint64_t height = 0;
  std::uint64_t author = 0;
  std::uint64_t number = 0;
};

Bytes encode_payload(const Payload& payload) {
  Bytes out;
  wire::Writer w(out);
  w.bytes(payload.parent.view());
  w.u64(payload.height);
  w.u64(payload.author);
  w.u64(payload.number);
  return out;
}

std::optional<Payload> decode_payload(ByteView encoding) {
  wire::Reader r(encoding);
  Payload out;
  out.parent.bytes = r.array<32>();
  out.height = r.u64();
  out.author = r.u64();
  out.number = r.u64();
  return r.done() ? std::optional(out) : std::nullopt;
}

PayloadId payload_id(ByteView encoding) {
  return PayloadId{crypto::sha256(encoding)};
}

constexpr Duration kSyncAfter = 200 * kMillisecond;

struct Sealed {
  PayloadId id;
  Bytes payload;
  EpochNumber epoch = 0;
  // Of the last one of a commit.
  std::optional<Seal> seal;
  std::vector<ProposalMessage> chain;
};

using SealedPtr = std::shared_ptr<const Sealed>;  // shared: ledgers have most of it in common
using Ledger = std::vector<SealedPtr>;

// What a validator has on its disk. The ledger is synced once in a while only: when the power
// fails, what came after is lost, and the log of votes and proposals has to bring it back.
struct Disk {
  Ledger ledger;
  std::size_t synced = 0;
  std::vector<std::pair<EpochNumber, Record>> log;
};

class World;

// One engine and its disk. A liar has two of them.
class Node {
 public:
  Node(World& world, std::size_t number, ValidatorIndex self, bool honest)
      : world_(world), number_(number), self_(self), honest_(honest) {}

  void start();
  void crash();
  [[nodiscard]] bool up() const { return engine_ != nullptr; }
  void receive(ValidatorIndex from, const Envelope& envelope);
  void connected(ValidatorIndex peer);
  void wake();
  void sync(const Ledger& ledger);
  void want(bool demand);

  [[nodiscard]] std::size_t number() const { return number_; }
  [[nodiscard]] ValidatorIndex self() const { return self_; }
  [[nodiscard]] bool honest() const { return honest_; }
  [[nodiscard]] Disk& disk() { return disk_; }
  [[nodiscard]] const Disk& disk() const { return disk_; }
  [[nodiscard]] Engine* engine() { return engine_.get(); }
  [[nodiscard]] EpochNumber epoch() const;

 private:
  void carry_out();
  void carry_out(std::vector<Action> actions);
  void commit(Commit action, EpochNumber epoch);
  [[nodiscard]] std::uint64_t height_of(const PayloadId& payload) const;

  World& world_;
  const std::size_t number_;
  const ValidatorIndex self_;
  const bool honest_;
  Disk disk_;
  std::unique_ptr<Engine> engine_;
  std::map<PayloadId, std::uint64_t> heights_;  // of what was validated
  std::map<PayloadId, Timestamp> built_at_;
  Timestamp planned_ = kNever;
  bool sync_planned_ = false;
  bool carrying_ = false;
};

class World {
 public:
  World(std::uint64_t seed, const ConsensusWorld& plan) : plan_(plan), random_(seed) {
    const std::size_t count = plan.validators + plan.liars;  // a liar's twin comes last
    for (std::size_t i = 0; i < count; ++i) {
      const bool liar = i >= plan.validators || i < plan.liars;
      const auto self = static_cast<ValidatorIndex>(i < plan.validators ? i : i - plan.validators);
      nodes_.push_back(std::make_unique<Node>(*this, i, self, !liar));
    }
    side_.assign(count, 0);
  }

  ConsensusOutcome run();

  void at(Timestamp when, std::function<void()> what) {
    events_.push({std::max(when, now_), next_event_++, std::move(what)});
  }
  [[nodiscard]] Timestamp now() const { return now_; }
  [[nodiscard]] const ConsensusWorld& plan() const { return plan_; }
  [[nodiscard]] const testing::TestSet& set(EpochNumber epoch) {
    auto& made = sets_[epoch];
    if (!made.set) {
      made = testing::make_set(std::vector<Weight>(plan_.validators, 1), epoch);
    }
    return made;
  }
  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }

  void send(const Node& from, ValidatorIndex to, const Envelope& envelope);
  void ask_ledger(Node& node);
  void accused(const Node& by, EpochNumber epoch, const Evidence& evidence);
  void halted(const Node& node);
  void crashed() { ++outcome_.crashes; }
  void complain(std::string what) {
    if (outcome_.complaints.size() < 20) {
      outcome_.complaints.push_back(std::move(what));
    }
  }
  // Everything from the `first` payload on of its ledger.
  void committed(const Node& node, std::size_t first);
  void took(Duration latency) { outcome_.latencies.push_back(latency); }
  void note(std::string_view what, const Node& node, ByteView more) {
    Bytes line;
    wire::Writer w(line);
    w.u64(now_);
    w.u32(static_cast<std::uint32_t>(node.number()));
    w.bytes(as_bytes(what));
    w.bytes(more);
    trace_.update(line);
  }
  std::uint64_t next_number() { return ++numbers_; }
  // Whether the liar's engine `a` sees what `b` sends.
  [[nodiscard]] bool linked(const Node& a, const Node& b) const {
    if (a.self() == b.self()) {
      return false;
    }
    // Twins share the honest ones out among themselves.
    const auto hears = [this](const Node& liar, const Node& other) {
      const std::size_t half = liar.number() >= plan_.validators ? 1 : 0;
      return !other.honest() || twin_sides_[other.number()] == half ||
             twin_sides_[other.number()] == 2;
    };
    return side_[a.number()] == side_[b.number()] && (a.honest() || hears(a, b)) &&
           (b.honest() || hears(b, a));
  }

 private:
  struct Event {
    Timestamp when;
    std::uint64_t order;
    std::function<void()> what;
    friend bool operator>(const Event& a, const Event& b) {
      return std::pair(a.when, a.order) > std::pair(b.when, b.order);
    }
  };

  void plan_trouble();
  void fail_all();
  void look_for_recovery(std::size_t before);
  [[nodiscard]] std::size_t length_of_longest() const;
  void reconnect_all();
  void lie();
  void check_ledgers();
  void find_culprits(const Node& one, const Node& other);

  const ConsensusWorld plan_;
  std::mt19937_64 random_;
  Timestamp now_ = 0;
  std::uint64_t next_event_ = 0;
  std::uint64_t numbers_ = 0;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<int> side_;  // of a split network
  std::vector<std::size_t> twin_sides_;
  std::map<std::pair<std::size_t, std::size_t>, Timestamp> arrivals_;  // first in, first out
  std::uint64_t generation_ = 0;  // messages of an older one were on a connection that is gone
  std::map<EpochNumber, testing::TestSet> sets_;
  std::set<ValidatorIndex> convicted_;
  std::map<std::size_t, PayloadId> acknowledged_;  // by the first who committed it
  std::deque<Envelope> overheard_;
  bool recovered_ = false;  // from all trouble
  crypto::Sha256 trace_;
  ConsensusOutcome outcome_;
};

// ---- Node

EpochNumber Node::epoch() const {
  const auto per = world_.plan().payloads_per_epoch;
  return disk_.ledger.size() / per;
}

// From its disk, in the epoch that its ledger has come to.
void Node::start() {
  const EpochNumber epoch = this->epoch();
  const auto& made = world_.set(epoch);
  Root root;
  if (!disk_.ledger.empty()) {
    const Sealed& last = *disk_.ledger.back();
    root.payload = last.id;
    if (last.epoch == epoch) {
      root.view = last.seal->proposal.view;
      root.proposal = id(*made.set, last.seal->proposal);
      root.seal = last.seal;
    }
  }
  std::vector<Record> records;
  for (const auto& [of, record] : disk_.log) {
    if (of == epoch) {
      records.push_back(record);
    }
  }
  heights_.clear();
  heights_[root.payload] = disk_.ledger.size();
  Engine::Options options{.self = self_, .timing = {}, .silent_through = 0};
  engine_ = std::make_unique<Engine>(made.set, *made.keys[self_], options, root, std::move(records),
                                     world_.now());
  engine_->set_demand(true, world_.now());
  for (std::size_t i = 0; i < world_.plan().validators; ++i) {
    engine_->handle_connected(static_cast<ValidatorIndex>(i), world_.now());
  }
  carry_out();
}

void Node::receive(ValidatorIndex from, const Envelope& envelope) {
  if (!engine_) {
    return;
  }
  if (envelope.epoch != engine_->set().epoch()) {
    if (envelope.epoch > engine_->set().epoch()) {
      world_.ask_ledger(*this);
    }
    return;
  }
  engine_->handle(from, envelope.message, world_.now());
  carry_out();
}

void Node::connected(ValidatorIndex peer) {
  if (engine_) {
    engine_->handle_connected(peer, world_.now());
    carry_out();
  }
}

void Node::want(bool demand) {
  if (engine_) {
    engine_->set_demand(demand, world_.now());
    carry_out();
  }
}

void Node::wake() {
  if (engine_ && engine_->deadline() <= world_.now()) {
    engine_->handle_time(world_.now());
  }
  planned_ = kNever;
  carry_out();
}

void Node::sync(const Ledger& ledger) {
  if (!engine_ || ledger.size() <= disk_.ledger.size()) {
    return;
  }
  for (std::size_t i = 0; i < disk_.ledger.size(); ++i) {
    if (ledger[i]->id != disk_.ledger[i]->id) {
      return;  // found by the comparison of the ledgers
    }
  }
  const EpochNumber before = epoch();
  const std::size_t first = disk_.ledger.size();
  disk_.ledger = ledger;
  disk_.synced = ledger.size();
  const EpochNumber after = epoch();
  world_.committed(*this, first);
  if (after != before) {
    start();
    return;
  }
  heights_[ledger.back()->id] = ledger.size();
  engine_->advance(*ledger.back()->seal, false, world_.now());
  carry_out();
}

std::uint64_t Node::height_of(const PayloadId& payload) const {
  const auto at = heights_.find(payload);
  return at == heights_.end() ? UINT64_MAX : at->second;
}

void Node::carry_out() {
  if (carrying_) {
    return;
  }
  carrying_ = true;
  while (engine_) {
    auto actions = engine_->poll();
    if (actions.empty()) {
      break;
    }
    carry_out(std::move(actions));
    if (engine_ && engine_->finished()) {
      carrying_ = false;
      start();
      return;
    }
  }
  carrying_ = false;
  if (engine_) {
    const Timestamp next = engine_->deadline();
    if (next != kNever && next < planned_) {
      planned_ = next;
      world_.at(next, [this] { wake(); });
    }
  }
}

void Node::carry_out(std::vector<Action> actions) {
  const EpochNumber epoch = engine_->set().epoch();
  // In the middle of the work the lights may go out: `left` actions are still carried out.
  std::size_t left = SIZE_MAX;
  if (world_.plan().crashes && world_.now() < world_.plan().trouble && world_.below(150) == 0) {
    left = world_.below(actions.size() + 1);
  }
  // Everything to remember is durable before anything is sent; a torn write loses the last ones.
  for (const Action& action : actions) {
    if (const auto* const remember = std::get_if<Remember>(&action)) {
      if (left-- == 0) {
        world_.note("torn", *this, {});
        crash();
        world_.at(world_.now() + world_.below(3 * kSecond), [this] { start(); });
        return;
      }
      disk_.log.emplace_back(epoch, remember->record);
    }
  }
  for (Action& action : actions) {
    if (left-- == 0) {
      world_.note("crash", *this, {});
      crash();
      world_.at(world_.now() + world_.below(3 * kSecond), [this] { start(); });
      return;
    }
    if (auto* const broadcast = std::get_if<Broadcast>(&action)) {
      const Envelope envelope{.epoch = epoch, .message = std::move(broadcast->message)};
      for (std::size_t i = 0; i < world_.plan().validators; ++i) {
        if (i != self_) {
          world_.send(*this, static_cast<ValidatorIndex>(i), envelope);
        }
      }
    } else if (auto* const send = std::get_if<Send>(&action)) {
      world_.send(*this, send->to, {.epoch = epoch, .message = std::move(send->message)});
    } else if (const auto* const build = std::get_if<Build>(&action)) {
      const std::uint64_t height = height_of(build->parent) + 1;
      Engine::Built built;
      built.payload = encode_payload({.parent = build->parent,
                                      .height = height,
                                      .author = number_,
                                      .number = world_.next_number()});
      built.id = payload_id(built.payload);
      built.ends_epoch = height % world_.plan().payloads_per_epoch == 0;
      heights_[built.id] = height;
      built_at_[built.id] = world_.now();
      engine_->built(build->view, std::move(built), world_.now());
    } else if (const auto* const validate = std::get_if<Validate>(&action)) {
      const auto payload = decode_payload(validate->payload);
      const std::uint64_t height = height_of(validate->parent) + 1;
      const bool good = payload && payload_id(validate->payload) == validate->id &&
                        payload->parent == validate->parent && payload->height == height;
      heights_[validate->id] = height;
      engine_->validated(validate->proposal, good, height % world_.plan().payloads_per_epoch == 0,
                         world_.now());
    } else if (auto* const sealed = std::get_if<Commit>(&action)) {
      commit(std::move(*sealed), epoch);
    } else if (const auto* const accuse = std::get_if<Accuse>(&action)) {
      world_.accused(*this, epoch, accuse->evidence);
    } else if (std::holds_alternative<CatchUp>(action)) {
      world_.ask_ledger(*this);
    } else if (std::holds_alternative<Halt>(action)) {
      world_.halted(*this);
    }
  }
}

void Node::commit(Commit action, EpochNumber epoch) {
  const std::size_t first = disk_.ledger.size();
  std::vector<Sealed> run;
  for (const ProposalMessage& message : action.chain) {
    if (!message.payload.empty()) {
      run.push_back({.id = message.proposal.proposal.payload,
                     .payload = message.payload,
                     .epoch = epoch,
                     .seal = {},
                     .chain = {}});
    }
  }
  if (run.empty()) {  // the last one once more
    run.push_back(*disk_.ledger.back());
    disk_.ledger.pop_back();
  }
  run.back().seal = action.seal;
  run.back().chain = std::move(action.chain);
  for (Sealed& sealed : run) {
    if (const auto built = built_at_.extract(sealed.id)) {
      world_.took(world_.now() - built.mapped());
    }
    disk_.ledger.push_back(std::make_shared<const Sealed>(std::move(sealed)));
  }
  world_.committed(*this, first);
  const auto synced = [this, epoch](std::size_t size) {
    disk_.synced = std::max(disk_.synced, std::min(size, disk_.ledger.size()));
    // What is not in it must not be forgotten.
    const View root = disk_.synced == 0 || disk_.ledger[disk_.synced - 1]->epoch < epoch
                          ? 0
                          : disk_.ledger[disk_.synced - 1]->seal->proposal.view;
    std::erase_if(disk_.log, [&](const auto& entry) {
      return entry.first < epoch || (entry.first == epoch && view_of(entry.second) <= root);
    });
  };
  if (this->epoch() != epoch) {
    synced(disk_.ledger.size());
  } else if (!std::exchange(sync_planned_, true)) {
    world_.at(world_.now() + kSyncAfter, [this, synced] {
      sync_planned_ = false;
      synced(disk_.ledger.size());
    });
  }
}

void Node::crash() {
  world_.crashed();
  engine_.reset();
  // Every second time the power fails for the whole machine.
  if (world_.below(2) == 0) {
    disk_.ledger.resize(disk_.synced);
  }
}

// ---- World

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
  std::set<ValidatorIndex> culprits;
  for (const Evidence& evidence : fork_evidence(*ours.seal, theirs.chain, *theirs.seal)) {
    const auto who = convict(*set(ours.epoch).set, evidence);
    if (!who || *who >= plan_.liars) {
      complain("a fork accuses somebody honest, or proves nothing");
      return;
    }
    culprits.insert(*who);
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

}  // namespace

ConsensusOutcome run_consensus(std::uint64_t seed, const ConsensusWorld& world) {
  return World(seed, world).run();
}

}  // namespace i2::sim
