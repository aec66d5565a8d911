// A few engines whose messages a test delivers, holds back or drops.
#pragma once

#include <i2/consensus/engine.h>
#include <i2/consensus/testing/votes.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>

namespace i2::consensus {

// Payloads of the test application: their first byte says whether they end the epoch.
[[nodiscard]] inline PayloadId payload_id(ByteView payload) {
  return PayloadId{crypto::sha256(payload)};
}

struct Letter {
  ValidatorIndex from = 0;
  ValidatorIndex to = 0;
  Message message;
  Timestamp arrives = 0;
};

class Cluster {
 public:
  static constexpr Duration kHop = 10 * kMillisecond;

  explicit Cluster(std::size_t size, std::vector<ValidatorIndex> present = {})
      : set_(testing::make_set(std::vector<Weight>(size, 1))) {
    for (std::size_t i = 0; i < size; ++i) {
      const auto self = static_cast<ValidatorIndex>(i);
      nodes_.push_back({});
      if (present.empty() || std::ranges::contains(present, self)) {
        start(self);
      }
    }
    connect();
  }

  void start(ValidatorIndex self) {
    Node& node = nodes_[self];
    Root root;
    if (!node.sealed.empty()) {
      const Seal& seal = node.seal.value();
      root = {.view = seal.proposal.view,
              .proposal = id(*set_.set, seal.proposal),
              .payload = seal.proposal.payload,
              .ends_epoch = false,
              .seal = seal};
    }
    node.engine = std::make_unique<Engine>(
        set_.set, *set_.keys[self],
        Engine::Options{.self = self, .timing = {}, .silent_through = 0}, root, node.log, now_);
    carry_out(self);
  }
  // Everything that was not durable is gone, letters that were sent are not.
  void stop(ValidatorIndex self) { nodes_[self].engine.reset(); }
  void forget(ValidatorIndex self) { nodes_[self].log.clear(); }

  void connect() {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      for (std::size_t j = 0; j < nodes_.size(); ++j) {
        if (nodes_[i].engine && nodes_[j].engine) {
          nodes_[i].engine->handle_connected(static_cast<ValidatorIndex>(j), now_);
          carry_out(static_cast<ValidatorIndex>(i));
        }
      }
    }
    deliver();
  }

  void want(bool demand) {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (nodes_[i].engine) {
        nodes_[i].engine->set_demand(demand, now_);
        carry_out(static_cast<ValidatorIndex>(i));
      }
    }
  }

  // Delivers letters at once, until none is left or so many have been. What `lost` says does not
  // arrive.
  std::size_t deliver(std::size_t at_most = SIZE_MAX) {
    std::size_t count = 0;
    while (count < at_most && !mail_.empty()) {
      const Letter letter = std::move(mail_.front());
      mail_.pop_front();
      ++count;
      if ((lost && lost(letter)) || !nodes_[letter.to].engine) {
        continue;
      }
      nodes_[letter.to].engine->handle(letter.from, letter.message, now_);
      carry_out(letter.to);
    }
    return count;
  }
  void inject(ValidatorIndex from, ValidatorIndex to, Message message) {
    mail_.push_back(
        {.from = from, .to = to, .message = std::move(message), .arrives = now_ + kHop});
  }
  // Lets time pass; each letter takes a hop.
  void wait(Duration time) {
    const Timestamp until = now_ + time;
    for (;;) {
      Timestamp next = mail_.empty() ? kNever : mail_.front().arrives;
      for (const Node& node : nodes_) {
        next = node.engine ? std::min(next, node.engine->deadline()) : next;
      }
      if (next > until) {
        break;
      }
      now_ = std::max(now_, next);
      for (std::size_t i = 0; i < nodes_.size(); ++i) {
        if (nodes_[i].engine && nodes_[i].engine->deadline() <= now_) {
          nodes_[i].engine->handle_time(now_);
          carry_out(static_cast<ValidatorIndex>(i));
        }
      }
      while (!mail_.empty() && mail_.front().arrives <= now_) {
        deliver(1);
      }
    }
    now_ = until;
  }

  struct Node {
    std::unique_ptr<Engine> engine;
    std::vector<Record> log;
    std::vector<Bytes> sealed;
    std::optional<Seal> seal;
    std::vector<Evidence> accusations;
    std::vector<Evidence> proof;  // with which it halted
    std::vector<Vote> votes;      // that it sent
    std::size_t builds = 0;
    std::size_t catch_ups = 0;
    bool halted = false;
  };
  [[nodiscard]] Node& node(ValidatorIndex index) { return nodes_[index]; }
  [[nodiscard]] Engine& engine(ValidatorIndex index) { return *nodes_[index].engine; }
  [[nodiscard]] const testing::TestSet& set() const { return set_; }
  [[nodiscard]] Timestamp now() const { return now_; }
  [[nodiscard]] std::deque<Letter>& mail() { return mail_; }
  [[nodiscard]] ValidatorIndex size() const { return static_cast<ValidatorIndex>(nodes_.size()); }

  std::function<bool(const Letter&)> lost;
  std::function<bool(ValidatorIndex)> dies_after_remembering;
  std::size_t builds_max = SIZE_MAX;  // of each; then there is nothing to order
  bool ends_epoch = false;            // the next payload

 private:
  void carry_out(ValidatorIndex self) {
    Node& node = nodes_[self];
    for (auto actions = node.engine->poll(); !actions.empty(); actions = node.engine->poll()) {
      bool remembered = false;
      for (const Action& action : actions) {
        if (const auto* const remember = std::get_if<Remember>(&action)) {
          node.log.push_back(remember->record);
          remembered |= std::holds_alternative<Vote>(remember->record);
        }
      }
      if (remembered && dies_after_remembering && dies_after_remembering(self)) {
        stop(self);
        return;
      }
      for (const Action& action : actions) {
        carry_out(self, action);
      }
    }
  }

  void carry_out(ValidatorIndex self, const Action& action) {
    Node& node = nodes_[self];
    if (const auto* const broadcast = std::get_if<Broadcast>(&action)) {
      if (const auto* const vote = std::get_if<Vote>(&broadcast->message)) {
        node.votes.push_back(*vote);
      }
      for (std::size_t to = 0; to < nodes_.size(); ++to) {
        if (to != self) {
          inject(self, static_cast<ValidatorIndex>(to), broadcast->message);
        }
      }
    } else if (const auto* const send = std::get_if<Send>(&action)) {
      inject(self, send->to, send->message);
    } else if (const auto* const build = std::get_if<Build>(&action)) {
      if (++node.builds > builds_max) {
        node.engine->built(build->view, std::nullopt, now_);
      } else {
        Bytes payload{ends_epoch ? std::uint8_t{1} : std::uint8_t{0}};
        append(payload, build->parent.view());
        payload.push_back(static_cast<std::uint8_t>(self));
        payload.push_back(static_cast<std::uint8_t>(build->view));
        const PayloadId id = payload_id(payload);
        node.engine->built(build->view,
                           Engine::Built{.id = id, .payload = payload, .ends_epoch = ends_epoch},
                           now_);
      }
    } else if (const auto* const validate = std::get_if<Validate>(&action)) {
      const Bytes& payload = validate->payload;
      const bool good = payload.size() > 33 && payload_id(payload) == validate->id &&
                        equal(ByteView(payload).subspan(1, 32), validate->parent.view());
      node.engine->validated(validate->proposal, good, !payload.empty() && payload[0] == 1, now_);
    } else if (const auto* const commit = std::get_if<Commit>(&action)) {
      for (const ProposalMessage& message : commit->chain) {
        if (!message.payload.empty()) {
          node.sealed.push_back(message.payload);
        }
      }
      node.seal = commit->seal;
    } else if (const auto* const accuse = std::get_if<Accuse>(&action)) {
      node.accusations.push_back(accuse->evidence);
    } else if (std::holds_alternative<CatchUp>(action)) {
      ++node.catch_ups;
      const Node& best =
          *std::ranges::max_element(nodes_, {}, [](const Node& one) { return one.sealed.size(); });
      if (best.sealed.size() > node.sealed.size()) {
        node.sealed = best.sealed;
        node.seal = best.seal;
        node.engine->advance(*node.seal, false, now_);
      }
    } else if (const auto* const halt = std::get_if<Halt>(&action)) {
      node.halted = true;
      node.proof = halt->proof;
    }
  }

  testing::TestSet set_;
  std::vector<Node> nodes_;
  std::deque<Letter> mail_;
  Timestamp now_ = kSecond;
};

}  // namespace i2::consensus
