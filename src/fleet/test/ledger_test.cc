// The ledger on disk and the engine that orders alone.
#include <gtest/gtest.h>
#include <i2/fleet/account.h>
#include <i2/fleet/membership.h>
#include <i2/fleet/solo_sequencer.h>
#include <i2/fleet/trust_store.h>
#include <signal.h>
#include <sys/resource.h>

#include <condition_variable>
#include <deque>
#include <format>
#include <future>
#include <thread>

#include "layout.h"
#include "ledger_files.h"
#include "temp_dir.h"

namespace i2::fleet {
namespace {

namespace fs = std::filesystem;
using testing::code;
using testing::in_child;
using testing::kHour;
using testing::kNow;
using testing::TempDir;

class FixedClock final : public Clock {
 public:
  [[nodiscard]] Timestamp now() const override { return 0; }
  [[nodiscard]] UnixMillis unix_now() const override { return time; }
  std::atomic<UnixMillis> time = kNow + kHour;
};

// One thread that runs jobs in order.
class Worker {
 public:
  Worker() : thread_([this] { run(); }) {}
  ~Worker() {
    {
      const std::scoped_lock lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  [[nodiscard]] SoloSequencer::Post post() {
    return [this](std::function<void()> job) {
      const std::scoped_lock lock(mutex_);
      jobs_.push_back(std::move(job));
      changed_.notify_all();
    };
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
      if (jobs_.empty()) {
        return;
      }
      auto job = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      job();
      lock.lock();
    }
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> jobs_;
  bool stopping_ = false;
  std::thread thread_;
};

// A founded fleet with its ledger open and its operator at hand.
struct Founded {
  explicit Founded(const fs::path& dir) : data_dir(dir) {
    EXPECT_TRUE(init(
        {.data_dir = dir, .fleet_name = "home", .node_name = "alpha", .now = kNow}));
    operator_key = read_pair(dir / kOperatorFalconFile, dir / kOperatorEd25519File).value();
    identity = read_pair(dir / kNodeFalconFile, dir / kNodeEd25519File).value();
    open();
  }
  void open() {
    ledger.reset();
    auto opened = open_ledger(data_dir, machine);
    ASSERT_TRUE(opened) << opened.error().to_string();
    ledger = *std::move(opened);
  }

  // An invite by the operator, with its nonce'th operation.
  [[nodiscard]] Bytes invite(std::uint64_t nonce) const {
    const auto key = crypto::PrivateKey::generate(crypto::SignatureAlgorithm::kEd25519).value();
    return sign(operator_key, account_of(operator_id(operator_key.public_key())), nonce,
                CreateInvite{.invite = invite_id(key.public_key()),
                             .role = Role::kNode,
                             .expiry = kNow + 24 * kHour,
                             .uses = 1,
                             .tag = std::to_string(nonce)});
  }
  [[nodiscard]] Bytes sign(const trustchain::HybridKey& key, const AccountId& account,
                           std::uint64_t nonce, const FleetOperation& body) const {
    Operation out;
    out.chain_id = ledger->chain()->head.chain_id;
    out.account = account;
    out.nonce = nonce;
    out.kind = kind_of(body);
    out.body = encode(body);
    out.expiry = kNow + 20 * kHour;
    sign_operation(out, key, true).value();
    return encode(out);
  }
  Result<Block> append(std::vector<Bytes> operations) {
    BlockBuilder builder(machine, *ledger->chain(), kNow + kHour);
    for (Bytes& operation : operations) {
      I2_TRY(builder.add(std::move(operation)));
    }
    I2_TRY_VALUE(const auto built, std::move(builder).seal(identity));
    I2_TRY(ledger->append(built));
    return built.block;
  }
  [[nodiscard]] std::size_t invites() const {
    return ledger->chain()->state.count(invite_key({}));
  }

  fs::path data_dir;
  StateMachine machine;
  trustchain::HybridKey operator_key;
  trustchain::HybridKey identity;
  std::unique_ptr<Ledger> ledger;
};

ports::Receipt submit(ports::Sequencer& sequencer, Bytes operation) {
  std::promise<Result<ports::Receipt>> answer;
  sequencer.submit(std::move(operation), [&answer](auto result) { answer.set_value(result); });
  auto result = answer.get_future().get();
  EXPECT_TRUE(result) << result.error().to_string();
  return result.value_or(ports::Receipt{});
}

std::string refusal(ports::Sequencer& sequencer, Bytes operation) {
  std::promise<Result<ports::Receipt>> answer;
  sequencer.submit(std::move(operation), [&answer](auto result) { answer.set_value(result); });
  return code(answer.get_future().get());
}

TEST(Ledger, KeepsItsBlocksAndItsStateOverOpening) {
  const TempDir temp;
  Founded home(temp / "alpha");
  EXPECT_EQ(home.ledger->height(), 0u);
  EXPECT_FALSE(home.ledger->snapshot_point());
  const auto first = home.append({home.invite(0), home.invite(1)});
  ASSERT_TRUE(first) << first.error().to_string();
  ASSERT_TRUE(home.append({home.invite(2)}));
  const Hash256 root = home.ledger->chain()->state.root();

  home.open();
  EXPECT_EQ(home.ledger->height(), 2u);
  EXPECT_EQ(home.ledger->chain()->state.root(), root);
  EXPECT_EQ(home.invites(), 3u);
  EXPECT_EQ(home.ledger->snapshot_point()->header, home.ledger->chain()->head);
  const OperationId second = id(decode_operation(first->operations[1]).value());
  const auto receipt = home.ledger->find(second).value();
  ASSERT_TRUE(receipt);
  EXPECT_EQ(receipt->height, 1u);
  EXPECT_EQ(receipt->index, 1u);
  EXPECT_EQ(receipt->time, first->head.header.time);
  EXPECT_FALSE(home.ledger->find(OperationId{}).value());
  EXPECT_EQ(home.ledger->blocks_after(0, 1u << 20)->size(), 2u);
  EXPECT_EQ(home.ledger->blocks_after(0, 1)->size(), 1u);
  EXPECT_EQ(home.ledger->blocks_after(2, 1)->size(), 0u);
}

TEST(Ledger, FollowsAnotherOne) {
  const TempDir temp;
  Founded home(temp / "alpha");
  ASSERT_TRUE(home.append({home.invite(0)}));
  ASSERT_TRUE(home.append({home.invite(1)}));
  const auto blocks = home.ledger->blocks_after(0, 1u << 20).value();
  const Genesis genesis = FleetState(home.ledger->chain()->state).genesis().value();

  fs::create_directories(temp / "beta/ledger");
  ASSERT_TRUE(Ledger::create(temp / "beta", genesis));
  const auto follower = Ledger::open(temp / "beta", home.machine, chain_id(genesis)).value();
  std::vector<std::uint64_t> heights;
  follower->on_change([&](const LedgerChange& change) {
    heights.push_back(change.chain->head.height);
    EXPECT_FALSE(change.changed.empty());
  });
  EXPECT_EQ(code(follower->follow(blocks[1])), "fleet.block_invalid");
  EXPECT_EQ(follower->follow(blocks[0]).value(), true);
  EXPECT_EQ(follower->follow(blocks[0]).value(), false);
  EXPECT_EQ(follower->follow(blocks[1]).value(), true);
  EXPECT_EQ(heights, (std::vector<std::uint64_t>{1, 2}));
  EXPECT_EQ(follower->chain()->state.root(), home.ledger->chain()->state.root());

  // From here on, one may begin with the state alone.
  fs::create_directories(temp / "gamma/ledger");
  const auto point = home.ledger->snapshot_point().value();
  const StateTree& state = home.ledger->chain()->state;
  StateTree other = state;
  other.erase(parameters_key());
  EXPECT_EQ(code(Ledger::create(temp / "gamma", genesis, point, other)), "fleet.snapshot_invalid");
  SignedHeader forged = point;
  forged.header.state = other.root();
  EXPECT_EQ(code(Ledger::create(temp / "gamma", genesis, forged, other)), "fleet.block_invalid");
  ASSERT_TRUE(Ledger::create(temp / "gamma", genesis, point, state));
  const auto late = Ledger::open(temp / "gamma", home.machine, chain_id(genesis)).value();
  EXPECT_EQ(late->height(), 2u);
  EXPECT_EQ(code(late->blocks_after(0, 1)), "fleet.blocks_unavailable");
  ASSERT_TRUE(home.append({home.invite(2)}));
  EXPECT_EQ(late->follow(home.ledger->blocks_after(2, 1).value().at(0)).value(), true);
  EXPECT_EQ(late->chain()->state.root(), home.ledger->chain()->state.root());
}

TEST(Ledger, NoticesASecondHistory) {
  const TempDir temp;
  Founded home(temp / "alpha");
  fs::create_directories(temp / "beta/ledger");
  const Genesis genesis = FleetState(home.ledger->chain()->state).genesis().value();
  ASSERT_TRUE(Ledger::create(temp / "beta", genesis));
  const auto follower = Ledger::open(temp / "beta", home.machine, chain_id(genesis)).value();
  BlockBuilder builder(home.machine, *home.ledger->chain(), kNow + kHour);
  ASSERT_TRUE(builder.add(home.invite(0)));
  const auto other = std::move(builder).seal(home.identity).value();
  ASSERT_TRUE(home.append({home.invite(0)}));
  EXPECT_EQ(follower->follow(encode(other.block)).value(), true);
  const auto block = home.ledger->blocks_after(0, 1).value().at(0);
  EXPECT_EQ(code(follower->follow(block)), "fleet.ledger_diverged");
}

TEST(Ledger, ACopyThatIsTooOldIsNotOpened) {
  const TempDir temp;
  Founded home(temp / "alpha");
  ASSERT_TRUE(home.append({home.invite(0)}));
  home.ledger.reset();
  fs::copy(home.data_dir / kStateDir, temp / "old", fs::copy_options::recursive);
  home.open();
  ASSERT_TRUE(home.append({home.invite(1)}));
  home.ledger.reset();
  fs::remove_all(home.data_dir / kStateDir);
  fs::copy(temp / "old", home.data_dir / kStateDir, fs::copy_options::recursive);
  const auto opened = open_ledger(home.data_dir, home.machine);
  EXPECT_EQ(code(opened), "fleet.ledger_rolled_back");
  EXPECT_NE(opened.error().message().find("ends with block 1, but block 2"), std::string::npos);
}

TEST(Ledger, AMissingOrForeignPartIsDamage) {
  const TempDir temp;
  Founded home(temp / "alpha");
  Founded other(temp / "other");
  ASSERT_TRUE(home.append({home.invite(0)}));
  home.ledger.reset();
  other.ledger.reset();
  fs::rename(home.data_dir / kStateDir, temp / "aside");
  EXPECT_EQ(code(open_ledger(home.data_dir, home.machine)), "store.missing");
  fs::copy(other.data_dir / kStateDir, home.data_dir / kStateDir, fs::copy_options::recursive);
  EXPECT_EQ(code(open_ledger(home.data_dir, home.machine)), "fleet.ledger_damaged");
  fs::remove_all(home.data_dir / kStateDir);
  fs::rename(temp / "aside", home.data_dir / kStateDir);
  fs::rename(home.data_dir / kHeadFile, temp / "head");
  EXPECT_EQ(code(open_ledger(home.data_dir, home.machine)), "store.missing");
  fs::copy(other.data_dir / kHeadFile, home.data_dir / kHeadFile);
  EXPECT_EQ(code(open_ledger(home.data_dir, home.machine)), "store.damaged");
  fs::remove(home.data_dir / kHeadFile);
  fs::rename(temp / "head", home.data_dir / kHeadFile);
  EXPECT_TRUE(open_ledger(home.data_dir, home.machine));
}

// A value in the database that somebody changed, with all of RocksDB's checksums right.
TEST(Ledger, AStateThatIsNotTheHeadersIsDamage) {
  const TempDir temp;
  Founded home(temp / "alpha");
  ASSERT_TRUE(home.append({home.invite(0)}));
  home.ledger.reset();
  {
    auto store = store::KeyValueStore::open(home.data_dir / kStateDir,
                                            store::KeyValueStore::Mode::kExisting);
    Bytes key{'s'};
    append(key, parameters_key());
    store::Batch batch;
    batch.put(key, encode(FleetParameters{.epoch_ms = 60'001}));
    ASSERT_TRUE((*store)->commit(batch));
  }
  EXPECT_EQ(code(open_ledger(home.data_dir, home.machine)), "fleet.ledger_damaged");
}

TEST(Ledger, ADataDirectoryFromBeforeLedgersGetsOne) {
  const TempDir temp;
  Founded home(temp / "alpha");
  home.ledger.reset();
  const auto version = home.data_dir / kVersionFile;
  std::string text(testing::fs::file_size(version), '\0');
  std::ifstream(version).read(text.data(), static_cast<std::streamsize>(text.size()));
  ASSERT_TRUE(text.starts_with("i2-data 2 "));
  text[8] = '1';
  testing::overwrite(version, text);
  fs::remove_all(home.data_dir / kStateDir);
  fs::remove(home.data_dir / kHeadFile);
  fs::create_directories(home.data_dir / kStateDir / "left");  // of an attempt that was killed
  home.open();
  EXPECT_EQ(home.ledger->height(), 0u);
  home.ledger.reset();
  fs::remove_all(home.data_dir / kStateDir);
  EXPECT_EQ(code(open_ledger(home.data_dir, home.machine)), "store.missing")
      << "from now on it has to be there";
}

TEST(SoloSequencer, OrdersAndRepeatsItsReceipts) {
  const TempDir temp;
  const FixedClock clock;
  Founded home(temp / "alpha");
  Worker worker;
  const Bytes first = home.invite(0);
  const Bytes second = home.invite(1);
  ports::Receipt one;
  {
    SoloSequencer sequencer(*home.ledger, home.identity, clock, worker.post());
    one = submit(sequencer, first);
    EXPECT_EQ(one.height, 1u);
    EXPECT_EQ(one.operation, id(decode_operation(first).value()));
    EXPECT_EQ(one.time, clock.unix_now());
    EXPECT_FALSE(one.repeated);
    EXPECT_EQ(submit(sequencer, second).height, 2u);
    EXPECT_EQ(refusal(sequencer, home.invite(1)), "fleet.operation_nonce");
    EXPECT_EQ(refusal(sequencer, to_bytes(as_bytes("nonsense"))),
              "fleet.operation_malformed");
  }
  home.open();
  SoloSequencer sequencer(*home.ledger, home.identity, clock, worker.post());
  one.repeated = true;
  EXPECT_EQ(submit(sequencer, first), one) << "the same receipt after a restart";
  EXPECT_EQ(home.invites(), 2u);
}

TEST(SoloSequencer, ManySubmittersGetOneOrder) {
  const TempDir temp;
  const FixedClock clock;
  Founded home(temp / "alpha");
  std::vector<Bytes> operations;
  for (std::uint64_t nonce = 0; nonce < 40; ++nonce) {
    operations.push_back(home.invite(nonce));
  }
  Worker worker;
  SoloSequencer sequencer(*home.ledger, home.identity, clock, worker.post());
  std::vector<std::promise<Result<ports::Receipt>>> answers(operations.size() * 2);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    sequencer.submit(operations[i / 2],
                     [&answers, i](auto result) { answers[i].set_value(std::move(result)); });
  }
  std::uint64_t height = 0;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const auto receipt = answers[i].get_future().get();
    ASSERT_TRUE(receipt) << receipt.error().to_string();
    EXPECT_GE(receipt->height, height);
    EXPECT_EQ(receipt->repeated, i % 2 == 1) << i;
    height = receipt->height;
  }
  EXPECT_LT(height, operations.size()) << "what waits goes into one block";
  EXPECT_EQ(home.invites(), operations.size());
}

TEST(Account, GivesEachOperationItsNonce) {
  const TempDir temp;
  const FixedClock clock;
  Founded home(temp / "alpha");
  Worker worker;
  SoloSequencer sequencer(*home.ledger, home.identity, clock, worker.post());
  Account account({.sequencer = sequencer,
                   .chain = [&home] { return home.ledger->chain(); },
                   .key = home.operator_key,
                   .id = account_of(operator_id(home.operator_key.public_key())),
                   .clock = clock});
  constexpr std::size_t kCount = 20;
  std::vector<std::promise<Result<ports::Receipt>>> answers(kCount);
  for (std::size_t i = 0; i < kCount; ++i) {
    CreateInvite body{.invite = {}, .role = Role::kNode, .expiry = kNow + 24 * kHour, .uses = 1};
    // One of them is refused; those behind it are not disturbed.
    body.invite.bytes[0] = static_cast<std::uint8_t>(i == 7 ? 6 : i);
    account.submit(body, [&answers, i](auto result) { answers[i].set_value(std::move(result)); });
  }
  for (std::size_t i = 0; i < kCount; ++i) {
    EXPECT_EQ(code(answers[i].get_future().get()), i == 7 ? "fleet.invite_invalid" : "ok") << i;
  }
  EXPECT_EQ(home.invites(), kCount - 1);
  account.stop();
  std::promise<Result<ports::Receipt>> late;
  account.submit(RootExported{}, [&late](auto result) { late.set_value(std::move(result)); });
  EXPECT_EQ(code(late.get_future().get()), "fleet.ledger_stopped");
}

TEST(SoloSequencer, TimeNeverGoesBack) {
  const TempDir temp;
  FixedClock clock;
  Founded home(temp / "alpha");
  Worker worker;
  SoloSequencer sequencer(*home.ledger, home.identity, clock, worker.post());
  const auto first = submit(sequencer, home.invite(0));
  clock.time = kNow - 5 * kHour;
  EXPECT_EQ(submit(sequencer, home.invite(1)).time, first.time + 1);
  clock.time = kNow + 21 * kHour;
  EXPECT_EQ(refusal(sequencer, home.invite(2)), "fleet.operation_expired");
}

TEST(SoloSequencer, WhatItAcknowledgedSurvivesAKill) {
  const TempDir temp;
  const FixedClock clock;
  Founded home(temp / "alpha");
  std::vector<Bytes> operations;
  for (std::uint64_t nonce = 0; nonce < 12; ++nonce) {
    operations.push_back(home.invite(nonce));
  }
  home.ledger.reset();
  std::uint64_t acknowledged = 0;
  for (int round = 0; acknowledged < operations.size(); ++round) {
    ASSERT_LT(round, 50);
    const auto count = temp / std::format("count{}", round);
    // The child notes each receipt and dies by SIGKILL at a moment that depends on the round.
    in_child([&] {
      const pid_t self = ::getpid();
      std::thread([self, round] {
        std::this_thread::sleep_for(std::chrono::milliseconds(40 + 23 * (round % 7)));
        ::kill(self, SIGKILL);
      }).detach();
      auto ledger = open_ledger(home.data_dir, home.machine);
      if (!ledger) {
        return 1;
      }
      Worker worker;
      SoloSequencer sequencer(**ledger, home.identity, clock, worker.post());
      std::ofstream out(count, std::ios::app);
      for (std::size_t i = 0; i < operations.size(); ++i) {
        (void)submit(sequencer, operations[i]);
        out << i << std::endl;
      }
      return 0;
    });
    std::uint64_t noted = 0;
    std::ifstream in(count);
    for (std::string line; std::getline(in, line);) {
      ++noted;
    }
    acknowledged = std::max(acknowledged, noted);
    home.open();
    const auto in_ledger = home.invites();
    EXPECT_GE(in_ledger, acknowledged) << "round " << round << ": an acknowledged one was lost";
    const auto account = account_of(operator_id(home.operator_key.public_key()));
    EXPECT_EQ(FleetState(home.ledger->chain()->state).account(account)->next_nonce, in_ledger)
        << "one was doubled";
    home.ledger.reset();
  }
}

TEST(SoloSequencer, AFullDiskStopsItAndLosesNothing) {
  const TempDir temp;
  const FixedClock clock;
  Founded home(temp / "alpha");
  const Bytes first = home.invite(0);
  const Bytes second = home.invite(1);
  home.ledger.reset();
  const int status = in_child([&] {
    auto ledger = open_ledger(home.data_dir, home.machine);
    Worker worker;
    SoloSequencer sequencer(**ledger, home.identity, clock, worker.post());
    (void)submit(sequencer, first);
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{.rlim_cur = 1024, .rlim_max = 1024};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    if (refusal(sequencer, second) != "store.disk_full") {
      return 2;
    }
    return refusal(sequencer, second) == "fleet.ledger_stopped" ? 0 : 3;
  });
  EXPECT_EQ(status, 0);
  home.open();
  EXPECT_EQ(home.invites(), 1u);
  Worker worker;
  SoloSequencer sequencer(*home.ledger, home.identity, clock, worker.post());
  EXPECT_EQ(submit(sequencer, second).height, 2u);
}

TEST(TrustStore, FollowsTheLedger) {
  const TempDir temp;
  Founded home(temp / "alpha");
  const auto trust = TrustStore::load(home.data_dir, kNow, home.ledger->chain()).value();
  home.ledger->on_change([&](const LedgerChange& change) { EXPECT_TRUE(trust->follow(change)); });
  const auto beta = provision({.data_dir = home.data_dir,
                               .node_name = "beta",
                               .peers = {},
                               .bundle = temp / "beta.bundle",
                               .now = kNow});
  ASSERT_TRUE(beta);
  ASSERT_EQ(trust->reload_members().value(), 2u);
  const auto unordered = trust->unordered_members();
  ASSERT_EQ(unordered.size(), 1u);

  const AccountId alpha = account_of(trust->node_id());
  const auto anchor = *trust->members()->anchors().front();
  ASSERT_TRUE(home.append({home.sign(home.identity, alpha, 0, AddAnchor{anchor})}));
  EXPECT_NE(trust->members()->find("beta"), nullptr) << "a record that has not been ordered yet";
  ASSERT_TRUE(home.append({home.sign(home.identity, alpha, 1, Register{unordered.front()})}));
  EXPECT_TRUE(trust->unordered_members().empty());
  EXPECT_NE(trust->members()->find("beta"), nullptr);

  const AccountId operator_account = account_of(operator_id(home.operator_key.public_key()));
  ASSERT_TRUE(home.append({home.sign(home.operator_key, operator_account, 0,
                                     Expel{.node = beta->node_id, .reason = "stolen"})}));
  EXPECT_EQ(trust->members()->find("beta"), nullptr);
  ASSERT_NE(trust->members()->find_revoked(beta->node_id), nullptr);
  // Its record is still in the directory, and means nothing any more.
  ASSERT_TRUE(trust->reload_members());
  EXPECT_EQ(trust->members()->find("beta"), nullptr);
  const auto again = TrustStore::load(home.data_dir, kNow, home.ledger->chain()).value();
  EXPECT_EQ(again->members()->find("beta"), nullptr);
  EXPECT_NE(again->members()->find("alpha"), nullptr);
  EXPECT_EQ(again->members()->anchors().size(), 1u);
}

}  // namespace
}  // namespace i2::fleet
