// A fleet of validators on virtual time: nodes with their disks, the network between them, and what
// goes wrong. consensus_sim.h is what tests use.
#pragma once

#include <i2/consensus/account.h>
#include <i2/consensus/engine.h>
#include <i2/consensus/testing/votes.h>
#include <i2/crypto/hash.h>
#include <i2/wire/reader.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <random>
#include <set>

#include "consensus_sim.h"

namespace i2::sim {

using namespace consensus;  // NOLINT(google-build-using-namespace): all of it is about this

// A payload names what it follows; its number in the ledger decides whether it ends an epoch.
struct Payload {
  PayloadId parent;
  std::uint64_t height = 0;
  std::uint64_t author = 0;
  std::uint64_t number = 0;
};

[[nodiscard]] Bytes encode_payload(const Payload& payload);
[[nodiscard]] std::optional<Payload> decode_payload(ByteView encoding);
[[nodiscard]] PayloadId payload_id(ByteView encoding);

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

}  // namespace i2::sim
