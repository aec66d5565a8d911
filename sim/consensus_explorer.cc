#include "consensus_explorer.h"

#include <i2/consensus/engine.h>
#include <i2/consensus/testing/votes.h>

#include <algorithm>
#include <deque>
#include <format>
#include <random>
#include <unordered_set>

namespace i2::sim {
namespace {

using namespace consensus;  // NOLINT(google-build-using-namespace): all of it is about this

constexpr std::size_t kHonest = 3;
constexpr std::size_t kAll = 4;

// shared: the states that a message is under way in.
using Letter = std::shared_ptr<const Message>;

// Who is honest, what is between them, and what the liar has said.
struct State {
  std::vector<Engine> engines;
  std::vector<Timestamp> clocks;
  std::vector<std::size_t> timeouts;
  std::vector<std::vector<Statement>> signatures;
  std::vector<std::vector<PayloadId>> ledgers;
  std::vector<std::deque<Letter>> mail;                // from * kAll + to
  std::set<std::pair<std::size_t, std::size_t>> lies;  // which one, to whom
};

class Explorer {
 public:
  explicit Explorer(const ExplorationLimits& limits) : limits_(limits) {
    // A set whose first view the liar leads, or neither of the first two.
    for (EpochNumber epoch = 0;; ++epoch) {
      made_ = testing::make_set(std::vector<Weight>(kAll, 1), epoch);
      const bool first = made_.set->leader(1) == kHonest;
      const bool second = made_.set->leader(2) == kHonest;
      if (limits.liar_leads_first ? first : !first && !second) {
        break;
      }
    }
    make_lies();
  }

  Exploration run() {
    for (std::size_t walk = 0; walk < limits_.walks && out_.complaints.empty(); ++walk) {
      random_.seed(walk);
      seen_.clear();
      out_.complete |= visit(start(), limits_.states_max / limits_.walks);
      if (out_.complete) {
        break;
      }
    }
    return out_;
  }

 private:
  [[nodiscard]] static Bytes payload(std::uint8_t author, View view) {
    return {author, static_cast<std::uint8_t>(view)};
  }
  [[nodiscard]] static PayloadId payload_id(ByteView payload) {
    return PayloadId{crypto::sha256(payload)};
  }

  State start() {
    State state;
    state.clocks.assign(kHonest, kSecond);
    state.timeouts.assign(kHonest, 0);
    state.signatures.resize(kHonest);
    state.ledgers.resize(kHonest);
    state.mail.resize(kAll * kAll);
    for (std::size_t i = 0; i < kHonest; ++i) {
      state.engines.emplace_back(
          made_.set, *made_.keys[i],
          Engine::Options{
              .self = static_cast<ValidatorIndex>(i), .timing = {}, .silent_through = 0},
          Root{}, std::vector<Record>{}, state.clocks[i]);
    }
    for (std::size_t i = 0; i < kHonest; ++i) {
      for (std::size_t j = 0; j < kAll; ++j) {
        if (i != j) {
          state.engines[i].handle(static_cast<ValidatorIndex>(j), Greeting{.view = 1, .yours = {}},
                                  state.clocks[i]);
        }
      }
      state.engines[i].set_demand(true, state.clocks[i]);
      carry_out(state, i);
    }
    return state;
  }

  // What the liar may say: two proposals in each view that it leads, and every vote there is for
  // them and for the honest ones' proposals, which are found on the way.
  void make_lies() {
    for (View view = 1; view <= limits_.views_max; ++view) {
      if (made_.set->leader(view) != kHonest) {
        continue;
      }
      for (const std::uint8_t number : {std::uint8_t{100}, std::uint8_t{101}}) {
        const Bytes bytes = payload(number, view);
        const Proposal proposal{.view = view,
                                .parent_view = 0,
                                .parent = {},
                                .payload = payload_id(bytes),
                                .justification = hash(digest({}))};
        if (view > 1) {
          continue;  // it would have to be justified; later views are for the honest ones
        }
        lies_.push_back(std::make_shared<const Message>(ProposalMessage{
            .proposal = sign_proposal(*made_.set, *made_.keys[kHonest], proposal).value(),
            .justification = {},
            .payload = bytes}));
        add_votes(view, id(*made_.set, proposal));
      }
    }
    lies_.push_back(vote({.view = 1, .kind = VoteKind::kNullify, .proposal = {}}));
  }
  void add_votes(View view, const ProposalId& proposal) {
    for (const VoteKind kind : {VoteKind::kNotarize, VoteKind::kFinalize}) {
      lies_.push_back(vote({.view = view, .kind = kind, .proposal = proposal}));
    }
  }
  [[nodiscard]] Letter vote(const Statement& statement) const {
    return std::make_shared<const Message>(
        sign_vote(*made_.set, kHonest, *made_.keys[kHonest], statement).value());
  }

  // Whether nothing is left.
  bool visit(State first, std::size_t states_max) {
    std::vector<State> open;
    seen_.insert(fingerprint(first));
    open.push_back(std::move(first));
    std::size_t states = 0;
    while (!open.empty() && states < states_max && out_.complaints.empty()) {
      const State state = std::move(open.back());
      open.pop_back();
      ++states;
      ++out_.states;
      out_.sealed +=
          std::ranges::any_of(state.ledgers, [](const auto& one) { return !one.empty(); });
      for (State& next : successors(state)) {
        ++out_.transitions;
        check(next);
        if (seen_.insert(fingerprint(next)).second) {
          open.push_back(std::move(next));
        }
      }
    }
    return open.empty();
  }

  // In a random order: where a walk is cut short, another one goes elsewhere.
  [[nodiscard]] std::vector<State> successors(const State& state) {
    std::vector<State> out;
    for (std::size_t to = 0; to < kHonest; ++to) {
      if (state.engines[to].view() > limits_.views_max + 1) {
        continue;
      }
      for (std::size_t from = 0; from < kHonest; ++from) {
        if (state.mail[from * kAll + to].empty()) {
          continue;
        }
        State next = state;
        auto& queue = next.mail[from * kAll + to];
        const Letter letter = queue.front();
        queue.pop_front();
        receive(next, from, to, *letter);
        out.push_back(std::move(next));
      }
      if (state.timeouts[to] < limits_.timeouts_max && state.engines[to].deadline() != kNever) {
        State next = state;
        ++next.timeouts[to];
        next.clocks[to] += 800 * kMillisecond;
        next.engines[to].handle_time(next.clocks[to]);
        carry_out(next, to);
        out.push_back(std::move(next));
      }
      for (std::size_t lie = 0; lie < lies_.size() && state.lies.size() < limits_.lies_max; ++lie) {
        if (!state.lies.contains({lie, to})) {
          State next = state;
          next.lies.insert({lie, to});
          receive(next, kHonest, to, *lies_[lie]);
          out.push_back(std::move(next));
        }
      }
    }
    std::ranges::shuffle(out, random_);
    return out;
  }

  void receive(State& state, std::size_t from, std::size_t to, const Message& message) {
    state.engines[to].handle(static_cast<ValidatorIndex>(from), message, state.clocks[to]);
    carry_out(state, to);
  }

  void carry_out(State& state, std::size_t self) {
    Engine& engine = state.engines[self];
    for (auto actions = engine.poll(); !actions.empty(); actions = engine.poll()) {
      for (Action& action : actions) {
        if (auto* const broadcast = std::get_if<Broadcast>(&action)) {
          note_signature(state, self, broadcast->message);
          const auto letter = std::make_shared<const Message>(std::move(broadcast->message));
          for (std::size_t to = 0; to < kHonest; ++to) {
            if (to != self) {
              state.mail[self * kAll + to].push_back(letter);
            }
          }
        } else if (auto* const send = std::get_if<Send>(&action)) {
          if (send->to < kHonest && !std::holds_alternative<Greeting>(send->message)) {
            state.mail[self * kAll + send->to].push_back(
                std::make_shared<const Message>(std::move(send->message)));
          }
        } else if (const auto* const build = std::get_if<Build>(&action)) {
          const Bytes bytes = payload(static_cast<std::uint8_t>(self), build->view);
          engine.built(
              build->view,
              Engine::Built{.id = payload_id(bytes), .payload = bytes, .ends_epoch = false},
              state.clocks[self]);
        } else if (const auto* const validate = std::get_if<Validate>(&action)) {
          engine.validated(validate->proposal, payload_id(validate->payload) == validate->id, false,
                           state.clocks[self]);
        } else if (const auto* const commit = std::get_if<Commit>(&action)) {
          for (const ProposalMessage& message : commit->chain) {
            state.ledgers[self].push_back(message.proposal.proposal.payload);
          }
        } else if (const auto* const accuse = std::get_if<Accuse>(&action)) {
          if (convict(*made_.set, accuse->evidence) != ValidatorIndex{kHonest}) {
            out_.complaints.emplace_back("somebody honest is accused");
          }
        } else if (std::holds_alternative<Halt>(action)) {
          out_.complaints.emplace_back("two seals contradict each other");
        }
      }
    }
  }

  void note_signature(State& state, std::size_t self, const Message& message) {
    const auto* const vote = std::get_if<Vote>(&message);
    if (vote == nullptr) {
      return;
    }
    for (const Statement& before : state.signatures[self]) {
      if (contradict(before, vote->statement)) {
        out_.complaints.push_back(
            std::format("validator {} contradicts itself in view {}", self, before.view));
      }
    }
    state.signatures[self].push_back(vote->statement);
  }

  void check(const State& state) {
    for (const auto& a : state.ledgers) {
      for (const auto& b : state.ledgers) {
        const std::size_t both = std::min(a.size(), b.size());
        if (!std::equal(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(both), b.begin())) {
          out_.complaints.emplace_back("two ledgers differ");
        }
      }
    }
  }

  [[nodiscard]] static std::uint64_t fingerprint(const State& state) {
    crypto::Sha256 hash;
    for (const Engine& engine : state.engines) {
      hash.update(engine.fingerprint());
    }
    for (const auto& queue : state.mail) {
      const std::uint8_t size = static_cast<std::uint8_t>(queue.size());
      hash.update({&size, 1});
      for (const Letter& letter : queue) {
        hash.update(crypto::sha256(encode(Envelope{.epoch = 0, .message = *letter})));
      }
    }
    for (std::size_t i = 0; i < kHonest; ++i) {
      const std::uint8_t more[2] = {static_cast<std::uint8_t>(state.timeouts[i]),
                                    static_cast<std::uint8_t>(state.ledgers[i].size())};
      hash.update(more);
    }
    for (const auto& [lie, to] : state.lies) {
      const std::uint8_t more[2] = {static_cast<std::uint8_t>(lie), static_cast<std::uint8_t>(to)};
      hash.update(more);
    }
    const Hash256 digest = hash.finish();
    std::uint64_t out = 0;
    std::memcpy(&out, digest.data(), sizeof out);
    return out;
  }

  const ExplorationLimits limits_;
  testing::TestSet made_;
  std::vector<Letter> lies_;
  std::mt19937_64 random_;
  std::unordered_set<std::uint64_t> seen_;
  Exploration out_;
};

}  // namespace

Exploration explore_consensus(const ExplorationLimits& limits) {
  return Explorer(limits).run();
}

}  // namespace i2::sim
