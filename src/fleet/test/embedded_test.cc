// Several validators in one process: real ledgers, real threads, a network that can be cut.
#include <gtest/gtest.h>
#include <i2/consensus/account.h>
#include <i2/fleet/account.h>
#include <i2/fleet/embedded_sequencer.h>

#include <atomic>
#include <chrono>
#include <future>
#include <map>
#include <set>

#include "engine.h"
#include "founded.h"

namespace i2::fleet {
namespace {

using namespace std::chrono_literals;
using testing::code;
using testing::Founded;
using testing::kHour;
using testing::kNow;
using testing::TempDir;
using testing::Worker;

constexpr auto kDeadline = 60s;

// Real time that begins when the fleet of the tests does.
class RunningClock final : public Clock {
 public:
  [[nodiscard]] Timestamp now() const override {
    return static_cast<Timestamp>(
        std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count());
  }
  [[nodiscard]] UnixMillis unix_now() const override {
    return kNow + 2 * kHour + (now() - start_) / kMillisecond;
  }

 private:
  Timestamp start_ = now();
};

class Network;

class Seat {
 public:
  Seat(Network& network, const fs::path& dir, trustchain::HybridKey keys, Ledger* ledger);

  void start();
  void stop() {
    if (alarm_.joinable()) {
      {
        const std::scoped_lock lock(mutex_);
        stopping_ = true;
      }
      changed_.notify_all();
      alarm_.join();
    }
    if (sequencer) {
      sequencer->stop();
    }
    worker_.reset();
    sequencer.reset();
    memory.reset();
    stopping_ = false;
  }
  ~Seat() { stop(); }

  Network& network;
  fs::path data_dir;
  trustchain::HybridKey identity;
  NodeId id;
  Ledger* ledger;
  std::vector<const Ledger*> others;  // from which it catches up
  std::optional<VoteMemory> memory;
  std::unique_ptr<EmbeddedSequencer> sequencer;
  std::mutex reports_mutex;
  std::vector<Error> stopped;
  std::vector<NodeId> refused;  // leaders of what it could not vote for

 private:
  void catch_up();
  void ring() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      if (at_ == kNever) {
        changed_.wait(lock);
        continue;
      }
      const RunningClock clock;
      const Timestamp now = clock.now();
      if (at_ <= now) {
        at_ = kNever;
        lock.unlock();
        sequencer->wake();
        lock.lock();
        continue;
      }
      changed_.wait_for(lock, std::chrono::nanoseconds(at_ - now));
    }
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  Timestamp at_ = kNever;
  bool stopping_ = false;
  std::thread alarm_;
  std::unique_ptr<Worker> worker_;
};

// Everybody who is running, except across a cut.
class Network {
 public:
  void send(const NodeId& from, const NodeId& to, const EmbeddedSequencer::Frame& frame) {
    if (loses_operations && frame->front() == kOperationFrame) {
      return;
    }
    const std::scoped_lock lock(mutex_);
    const auto at = running_.find(to);
    if (at != running_.end() && running_.contains(from) && side(from) == side(to)) {
      at->second->receive(from, *frame);
    }
  }
  void join(const NodeId& node, EmbeddedSequencer& sequencer) {
    const std::scoped_lock lock(mutex_);
    running_[node] = &sequencer;
    meet(node);
  }
  void leave(const NodeId& node) {
    const std::scoped_lock lock(mutex_);
    running_.erase(node);
    for (const auto& [other, sequencer] : running_) {
      sequencer->disconnected(node);
    }
  }
  void cut(std::set<NodeId> one_side) {
    const std::scoped_lock lock(mutex_);
    one_side_ = std::move(one_side);
    for (const auto& [node, sequencer] : running_) {
      meet(node);
    }
  }

  const RunningClock clock;
  std::atomic<bool> loses_operations = false;

 private:
  [[nodiscard]] bool side(const NodeId& node) const { return one_side_.contains(node); }
  void meet(const NodeId& node) {
    for (const auto& [other, sequencer] : running_) {
      if (other != node && side(other) == side(node)) {
        sequencer->connected(node);
        running_.at(node)->connected(other);
      }
    }
  }
  std::mutex mutex_;
  std::map<NodeId, EmbeddedSequencer*> running_;
  std::set<NodeId> one_side_;
};

Seat::Seat(Network& in, const fs::path& dir, trustchain::HybridKey keys, Ledger* its)
    : network(in),
      data_dir(dir),
      identity(std::move(keys)),
      id(trustchain::node_id(identity.public_key())),
      ledger(its) {}

void Seat::start() {
  if (!memory) {
    memory.emplace(VoteMemory::open(data_dir, ledger->chain()->head.chain_id).value());
  }
  worker_ = std::make_unique<Worker>();
  sequencer = std::make_unique<EmbeddedSequencer>(EmbeddedSequencer::Parts{
      .ledger = *ledger,
      .memory = *memory,
      .self = id,
      .clock = network.clock,
      .post = worker_->post(),
      .send =
          [this](std::span<const NodeId> to, const EmbeddedSequencer::Frame& frame) {
            for (const NodeId& one : to) {
              network.send(id, one, frame);
            }
          },
      .alarm =
          [this](Timestamp at) {
            const std::scoped_lock lock(mutex_);
            at_ = at;
            changed_.notify_all();
          },
      .report =
          [this](EmbeddedSequencer::Report report) {
            if (std::holds_alternative<EmbeddedSequencer::Behind>(report)) {
              worker_->post()([this] { catch_up(); });
            } else if (const auto* const why = std::get_if<EmbeddedSequencer::Stopped>(&report)) {
              const std::scoped_lock lock(reports_mutex);
              stopped.push_back(why->reason);
            } else if (const auto* const bad = std::get_if<EmbeddedSequencer::Refused>(&report)) {
              const std::scoped_lock lock(reports_mutex);
              refused.push_back(bad->leader);
            }
          }});
  alarm_ = std::thread([this] { ring(); });
  network.join(id, *sequencer);
}

void Seat::catch_up() {
  for (const Ledger* const other : others) {
    testing::follow_all(*ledger, *other);
  }
  sequencer->ledger_changed();
}

// alpha founds the fleet; all become validators while alpha orders alone.
struct Council {
  explicit Council(std::size_t size) : founder(temp / "alpha") {
    members.push_back(
        std::make_unique<Seat>(network, founder.data_dir, founder.identity, founder.ledger.get()));
    const Genesis genesis = FleetState(founder.ledger->chain()->state).genesis().value();
    for (std::size_t i = 1; i < size; ++i) {
      const fs::path dir = temp / ("node" + std::to_string(i));
      fs::create_directories(dir / "ledger");
      EXPECT_TRUE(Ledger::create(dir, genesis));
      ledgers.push_back(Ledger::open(dir, founder.machine, chain_id(genesis)).value());
      members.push_back(std::make_unique<Seat>(
          network, dir, trustchain::HybridKey::generate().value(), ledgers.back().get()));
      admit(*members.back(), "node" + std::to_string(i));
    }
    for (const auto& member : members) {
      member->memory.emplace(VoteMemory::open(member->data_dir, chain_id(genesis)).value());
      EXPECT_TRUE(member->memory->make_key(consensus::VoteSuite::kEd25519));
      const consensus::VoteKey& key = *member->memory->key();
      const Bytes possession = key.sign(possession_message(chain_id(genesis), member->id)).value();
      by_node(*member, SetVoteKey{.key = key.public_key(), .possession = possession});
    }
    // All at once: with two of them alpha could not go on alone.
    std::vector<Bytes> roles;
    for (std::size_t i = 1; i < size; ++i) {
      roles.push_back(founder.sign(founder.operator_key, operator_account(), operator_nonce++,
                                   SetRole{.node = members[i]->id, .role = Role::kValidator}));
    }
    EXPECT_TRUE(founder.append(std::move(roles)));
    for (const auto& ledger : ledgers) {
      testing::follow_all(*ledger, *founder.ledger);
    }
    for (const auto& member : members) {
      for (const auto& other : members) {
        if (other != member) {
          member->others.push_back(other->ledger);
        }
      }
    }
    for (const auto& member : members) {
      member->start();
    }
  }
  ~Council() {
    for (const auto& member : members) {
      network.leave(member->id);
    }
    for (const auto& member : members) {
      member->stop();
    }
  }

  [[nodiscard]] AccountId operator_account() const {
    return account_of(operator_id(founder.operator_key.public_key()));
  }
  [[nodiscard]] std::uint64_t nonce_of(const AccountId& account) const {
    return FleetState(founder.ledger->chain()->state).account(account)->next_nonce;
  }
  void by_node(const Seat& member, const FleetOperation& body) {
    const AccountId account = account_of(member.id);
    EXPECT_TRUE(founder.append({founder.sign(member.identity, account, nonce_of(account), body)}));
  }
  void admit(const Seat& member, const std::string& name) {
    const auto invite = crypto::PrivateKey::generate(crypto::SignatureAlgorithm::kEd25519).value();
    EXPECT_TRUE(
        founder.append({founder.sign(founder.operator_key, operator_account(), operator_nonce++,
                                     CreateInvite{.invite = invite_id(invite.public_key()),
                                                  .role = Role::kNode,
                                                  .expiry = kNow + 24 * kHour,
                                                  .uses = 1,
                                                  .tag = {}})}));
    by_node(*members.front(),
            Admit{.proof = make_join_proof(founder.ledger->chain()->head.chain_id, member.identity,
                                           as_bytes("request"), invite)
                               .value(),
                  .name = name});
  }
  [[nodiscard]] Bytes invite() { return founder.invite(operator_nonce++); }

  std::future<Result<ports::Receipt>> submit(std::size_t to, Bytes operation) {
    auto answer = std::make_shared<std::promise<Result<ports::Receipt>>>();
    members[to]->sequencer->submit(std::move(operation), [answer](Result<ports::Receipt> receipt) {
      answer->set_value(std::move(receipt));
    });
    return answer->get_future();
  }
  Result<ports::Receipt> ordered(std::size_t to, Bytes operation) {
    auto answer = submit(to, std::move(operation));
    if (answer.wait_for(kDeadline) != std::future_status::ready) {
      ADD_FAILURE() << "no answer";
      return fail("test.timeout", "no answer");
    }
    return answer.get();
  }
  void kill(std::size_t which) {
    network.leave(members[which]->id);
    members[which]->stop();
  }
  void settle(std::initializer_list<std::size_t> which) const {
    const auto end = std::chrono::steady_clock::now() + kDeadline;
    std::set<std::uint64_t> heights;
    do {
      heights.clear();
      for (const std::size_t i : which) {
        heights.insert(members[i]->ledger->height());
      }
      std::this_thread::sleep_for(10ms);
    } while (heights.size() > 1 && std::chrono::steady_clock::now() < end);
    ASSERT_EQ(heights.size(), 1u);
    std::set<Hash256> states;
    for (const std::size_t i : which) {
      states.insert(members[i]->ledger->chain()->head.state);
    }
    EXPECT_EQ(states.size(), 1u);
  }

  TempDir temp;
  Founded founder;
  Network network;
  std::vector<std::unique_ptr<Ledger>> ledgers;
  std::vector<std::unique_ptr<Seat>> members;
  std::uint64_t operator_nonce = 0;
};

TEST(EmbeddedSequencer, OrdersWhereverAnOperationIsSubmitted) {
  Council council(4);
  std::uint64_t height = council.members[0]->ledger->height();
  for (std::size_t i = 0; i < 8; ++i) {
    const Bytes operation = council.invite();
    const auto receipt = council.ordered(i % 4, operation);
    ASSERT_TRUE(receipt) << receipt.error().to_string();
    EXPECT_GT(receipt->height, height);
    EXPECT_EQ(receipt->operation, id(decode_operation(operation).value()));
    EXPECT_FALSE(receipt->repeated);
    height = receipt->height;
    // It is there, and once only.
    auto again = council.ordered((i + 1) % 4, operation);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->height, receipt->height);
  }
  EXPECT_EQ(code(council.ordered(1, to_bytes(as_bytes("nonsense")))), "fleet.operation_malformed");
  EXPECT_EQ(code(council.ordered(2, council.founder.invite(0))), "fleet.operation_nonce");
  council.settle({0, 1, 2, 3});
  EXPECT_EQ(FleetState(council.members[3]->ledger->chain()->state)
                .account(council.operator_account())
                ->next_nonce,
            council.operator_nonce);
}

TEST(EmbeddedSequencer, AnOperationThatNobodyElseHeardOfIsToldAgain) {
  Council council(4);
  ASSERT_TRUE(council.ordered(0, council.invite()));
  council.settle({0, 1, 2, 3});
  const std::uint64_t height = council.members[0]->ledger->height();
  const auto leader = council.members[0]->sequencer->status().leader;
  const std::size_t to = council.members[1]->id == leader ? 2 : 1;
  council.network.loses_operations = true;
  auto answer = council.submit(to, council.invite());
  EXPECT_EQ(answer.wait_for(300ms), std::future_status::timeout);
  council.network.loses_operations = false;
  ASSERT_EQ(answer.wait_for(kDeadline), std::future_status::ready);
  const auto receipt = answer.get();
  ASSERT_TRUE(receipt) << receipt.error().to_string();
  EXPECT_EQ(receipt->height, height + 1);  // no heartbeat was needed
}

// Every view of the epoch is accounted for, by one of them at least: who was behind for a moment
// has some blocks from the others.
TEST(EmbeddedSequencer, KeepsWhyEveryViewEndedAsItDid) {
  Council council(4);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(council.ordered(0, council.invite()));
  }
  council.settle({0, 1, 2, 3});
  const auto chain = council.members[0]->ledger->chain();
  const EpochRecord epoch = FleetState(chain->state).epoch().value();
  const auto set = validator_set(chain->head.chain_id, epoch).value();
  std::map<consensus::View, consensus::VoteKind> ends;
  consensus::View end = 0;
  for (const auto& member : council.members) {
    const Ledger& ledger = *member->ledger;
    const auto kept = [&](consensus::View view) {
      return consensus::decode_account(ledger.account(epoch.number, view).value().value());
    };
    const auto last = kept(UINT64_MAX);
    ASSERT_TRUE(last);
    EXPECT_TRUE(verify(set, last->seal));
    end = std::max(end, last->seal.proposal.view);
    for (consensus::View view = 1; view <= last->seal.proposal.view;) {
      const auto account = kept(view);
      ASSERT_TRUE(account);
      for (const auto& message : account->chain) {
        EXPECT_TRUE(consensus::justifies(set, message.justification, message.proposal.proposal));
        for (const auto& certificate : consensus::certificates(message.justification)) {
          ends[certificate.statement.view] = certificate.statement.kind;
        }
      }
      const consensus::Seal& seal = account->seal;
      ends[seal.proposal.view] = consensus::VoteKind::kFinalize;
      view = seal.proposal.view + 1;
    }
    EXPECT_FALSE(ledger.account(epoch.number + 1, 0).value());
    EXPECT_EQ(ledger.block_id(chain->head.height).value(), tip(*chain));
    EXPECT_FALSE(ledger.block_id(chain->head.height + 1).value());
  }
  EXPECT_EQ(ends.size(), end);
}

TEST(EmbeddedSequencer, TakesOperationsOfOneAccountInTheirOrder) {
  Council council(4);
  std::vector<Bytes> operations;
  for (int i = 0; i < 16; ++i) {
    operations.push_back(council.invite());
  }
  std::vector<std::future<Result<ports::Receipt>>> answers;
  for (std::size_t i = 0; i < operations.size(); ++i) {
    answers.push_back(council.submit(i % 4, operations[i]));
  }
  std::pair<std::uint64_t, std::uint32_t> last{0, 0};
  for (auto& answer : answers) {
    ASSERT_EQ(answer.wait_for(kDeadline), std::future_status::ready);
    const auto receipt = answer.get();
    ASSERT_TRUE(receipt) << receipt.error().to_string();
    const std::pair place{receipt->height, receipt->index};
    EXPECT_GT(place, last);
    last = place;
  }
  council.settle({0, 1, 2, 3});
}

// Its author has blocks that the validator it asks has not: one that was removed asks another.
TEST(EmbeddedSequencer, AnOperationThatHasSeenMoreWaits) {
  Council council(4);
  ASSERT_TRUE(council.ordered(0, council.invite()));
  council.settle({0, 1, 2, 3});
  const std::uint64_t height = council.members[0]->ledger->height();
  const Bytes first = council.invite();
  const Bytes second = council.founder.invite(council.operator_nonce++, height + 1);
  auto waits = council.submit(1, second);
  EXPECT_EQ(waits.wait_for(300ms), std::future_status::timeout);
  const auto before = council.ordered(2, first);
  ASSERT_TRUE(before) << before.error().to_string();
  ASSERT_EQ(waits.wait_for(kDeadline), std::future_status::ready);
  const auto after = waits.get();
  ASSERT_TRUE(after) << after.error().to_string();
  EXPECT_GT(after->height, before->height);
  const Bytes far = council.founder.invite(council.operator_nonce, height + 2000);
  EXPECT_EQ(code(council.ordered(3, far)), "fleet.operation_early");
}

TEST(EmbeddedSequencer, OneOfFourMayBeAwayAndComesBack) {
  Council council(4);
  ASSERT_TRUE(council.ordered(0, council.invite()));
  council.settle({0, 1, 2, 3});
  for (std::size_t away = 0; away < 4; ++away) {
    council.kill(away);
    const std::size_t at = (away + 1) % 4;
    for (int i = 0; i < 3; ++i) {
      const auto receipt = council.ordered(at, council.invite());
      ASSERT_TRUE(receipt) << receipt.error().to_string();
    }
    testing::follow_all(*council.members[away]->ledger, *council.members[at]->ledger);
    council.members[away]->start();
    const auto receipt = council.ordered(away, council.invite());
    ASSERT_TRUE(receipt) << receipt.error().to_string();
  }
  council.settle({0, 1, 2, 3});
}

TEST(EmbeddedSequencer, TwoAgainstTwoStopAndNothingIsLost) {
  Council council(4);
  ASSERT_TRUE(council.ordered(0, council.invite()));
  council.settle({0, 1, 2, 3});
  const std::uint64_t height = council.members[0]->ledger->height();
  council.network.cut({council.members[0]->id, council.members[1]->id});
  const Bytes operation = council.invite();
  auto here = council.submit(0, operation);
  auto there = council.submit(3, operation);
  EXPECT_EQ(here.wait_for(3s), std::future_status::timeout);
  EXPECT_EQ(there.wait_for(0s), std::future_status::timeout);
  // What was under way when the cut came may have been sealed: a heartbeat, not more.
  EXPECT_LE(council.members[0]->ledger->height(), height + 1);
  council.network.cut({});
  ASSERT_EQ(here.wait_for(kDeadline), std::future_status::ready);
  ASSERT_EQ(there.wait_for(kDeadline), std::future_status::ready);
  const auto one = here.get();
  const auto two = there.get();
  ASSERT_TRUE(one) << one.error().to_string();
  ASSERT_TRUE(two) << two.error().to_string();
  EXPECT_EQ(one->height, two->height);
  council.settle({0, 1, 2, 3});
}

TEST(EmbeddedSequencer, ALiarIsExpelledByItsOwnVotes) {
  Council council(4);
  ASSERT_TRUE(council.ordered(0, council.invite()));
  council.settle({0, 1, 2, 3});
  const auto chain = council.members[0]->ledger->chain();
  const EpochRecord epoch = FleetState(chain->state).epoch().value();
  const auto set = validator_set(chain->head.chain_id, epoch).value();
  const Seat& liar = *council.members[2];
  const auto index = set.find(liar.id).value();
  const auto vote = [&](std::uint8_t proposal) {
    consensus::ProposalId id;
    id.bytes[0] = proposal;
    return sign_vote(set, index, *liar.memory->key(),
                     {.view = 9, .kind = consensus::VoteKind::kNotarize, .proposal = id})
        .value();
  };
  const Convict proof{.epoch = epoch.number,
                      .evidence = consensus::contradicting_votes(vote(1), vote(2))};
  const AccountId account = account_of(council.members[1]->id);
  const Bytes operation =
      council.founder.sign(council.members[1]->identity, account, council.nonce_of(account), proof);
  const auto receipt = council.ordered(1, operation);
  ASSERT_TRUE(receipt) << receipt.error().to_string();
  // Three are left: none may be away.
  const auto after = council.ordered(3, council.invite());
  ASSERT_TRUE(after) << after.error().to_string();
  const FleetState state(council.members[3]->ledger->chain()->state);
  EXPECT_EQ(state.epoch()->validators.size(), 3u);
  EXPECT_EQ(state.revoked(liar.id).value()->how, Departure::kConvicted);
  EXPECT_EQ(code(council.ordered(2, council.invite())), "fleet.not_sequencer");
}

TEST(EmbeddedSequencer, ABlockThatDoesNotFollowIsRefusedAndShown) {
  Council council(4);
  ASSERT_TRUE(council.ordered(0, council.invite()));
  council.settle({0, 1, 2, 3});
  Seat& liar = *council.members[2];
  council.kill(2);
  // Until it is its turn: with nothing to order the others wait for it.
  EmbeddedSequencer::Status status;
  do {
    ASSERT_TRUE(council.ordered(0, council.invite()));
    council.settle({0, 1, 3});
    status = council.members[0]->sequencer->status();
  } while (status.view != status.sealed + 1 || status.leader != liar.id);
  const auto chain = council.members[0]->ledger->chain();
  const EpochRecord epoch = FleetState(chain->state).epoch().value();
  const auto set = validator_set(chain->head.chain_id, epoch).value();
  const auto memory = VoteMemory::open(liar.data_dir, chain->head.chain_id).value();
  const auto seal = std::get<consensus::Seal>(council.members[0]->ledger->head()->seal);
  consensus::ProposalMessage message{
      .proposal = {},
      .justification = {.parent = seal.finalization, .nullifications = {}},
      .payload = to_bytes(as_bytes("no block"))};
  consensus::Proposal proposal{.view = status.view,
                               .parent_view = seal.proposal.view,
                               .parent = consensus::id(set, seal.proposal),
                               .payload = {},
                               .justification = hash(digest(message.justification))};
  proposal.payload.bytes[0] = 1;
  message.proposal = sign_proposal(set, *memory.key(), proposal).value();
  Bytes frame{kEnvelopeFrame};
  append(frame, encode(consensus::Envelope{.epoch = epoch.number, .message = message}));
  council.members[0]->sequencer->receive(liar.id, std::move(frame));
  // The others go on without it.
  const auto receipt = council.ordered(1, council.invite());
  ASSERT_TRUE(receipt) << receipt.error().to_string();
  EXPECT_EQ(council.members[0]->sequencer->status().refused_proposals, 1u);
  const std::scoped_lock lock(council.members[0]->reports_mutex);
  EXPECT_EQ(council.members[0]->refused, std::vector{liar.id});
}

// What a newcomer gets has the confirmations as soon as they are ordered, also after a restart.
TEST(EmbeddedSequencer, LinksAreConfirmed) {
  Council council(4);
  const EpochNumber ended = FleetState(council.founder.ledger->chain()->state).epoch()->number;
  const auto remove = council.founder.sign(
      council.founder.operator_key, council.operator_account(), council.operator_nonce++,
      SetRole{.node = council.members[3]->id, .role = Role::kNode});
  ASSERT_TRUE(council.ordered(0, remove));
  ASSERT_TRUE(council.ordered(0, council.invite()));
  const auto confirmed = [&] {
    return council.founder.ledger->links()->back().confirmations.size();
  };
  EXPECT_EQ(confirmed(), 0u);
  const BlockId last = *FleetState(council.founder.ledger->chain()->state).last_block(ended);
  for (std::size_t i = 0; i < 3; ++i) {
    const AccountId account = account_of(council.members[i]->id);
    ASSERT_TRUE(council.ordered(
        i, council.founder.sign(council.members[i]->identity, account, council.nonce_of(account),
                                ConfirmEpoch{.epoch = ended, .last = last})));
  }
  ASSERT_TRUE(council.ordered(0, council.invite()));
  EXPECT_EQ(confirmed(), 3u);
  const auto snapshot = council.founder.ledger->snapshot().value().value();
  EXPECT_EQ(snapshot.links.back().confirmations.size(), 3u);
  Authority authority =
      Authority::of(FleetState(council.founder.ledger->chain()->state).genesis().value());
  for (const EpochLink& link : snapshot.links) {
    const auto next = authority.after(link);
    ASSERT_TRUE(next) << next.error().to_string();
    authority = *next;
  }
}

TEST(EmbeddedSequencer, GoesBackToOne) {
  Council council(2);
  ASSERT_TRUE(council.ordered(1, council.invite()));
  const auto remove = council.founder.sign(
      council.founder.operator_key, council.operator_account(), council.operator_nonce++,
      SetRole{.node = council.members[1]->id, .role = Role::kNode});
  ASSERT_TRUE(council.ordered(1, remove));
  council.settle({0, 1});
  EXPECT_EQ(code(council.ordered(0, council.invite())), "fleet.not_sequencer");
  EXPECT_TRUE(council.founder.append({council.founder.invite(--council.operator_nonce)}));
  testing::follow_all(*council.ledgers[0], *council.founder.ledger);
}

TEST(EmbeddedSequencer, WithoutTheKeyThatOthersKnowItStaysSilent) {
  Council council(4);
  council.kill(3);
  fs::remove(council.members[3]->data_dir / kVoteKeyFile);
  VoteMemory memory =
      VoteMemory::open(council.members[3]->data_dir, council.founder.ledger->chain()->head.chain_id)
          .value();
  ASSERT_TRUE(memory.make_key(consensus::VoteSuite::kEd25519));
  council.members[3]->memory.emplace(std::move(memory));
  council.members[3]->start();
  EXPECT_EQ(code(council.ordered(3, council.invite())), "fleet.not_sequencer");
  {
    const std::scoped_lock lock(council.members[3]->reports_mutex);
    ASSERT_EQ(council.members[3]->stopped.size(), 1u);
    EXPECT_EQ(council.members[3]->stopped[0].code(), "fleet.vote_key_invalid");
  }
  // It says what it votes with now, through another one.
  std::promise<Result<SetVoteKey>> answer;
  council.members[3]->sequencer->make_key(
      consensus::VoteSuite::kEd25519,
      [&answer](Result<SetVoteKey> key) { answer.set_value(std::move(key)); });
  const auto key = answer.get_future().get();
  ASSERT_TRUE(key);
  const AccountId account = account_of(council.members[3]->id);
  ASSERT_TRUE(council.ordered(0, council.founder.sign(council.members[3]->identity, account,
                                                      council.nonce_of(account), *key)));
  testing::follow_all(*council.members[3]->ledger, *council.founder.ledger);
  council.members[3]->sequencer->ledger_changed();
  council.kill(0);
  --council.operator_nonce;  // the one that was refused
  EXPECT_TRUE(council.ordered(3, council.invite())) << "three of four with it";
}

}  // namespace
}  // namespace i2::fleet
