// The engine that orders alone, and the accounts that submit to it.
#include <gtest/gtest.h>
#include <i2/fleet/account.h>
#include <i2/fleet/solo_sequencer.h>
#include <sys/resource.h>

#include <atomic>
#include <condition_variable>
#include <csignal>
#include <deque>
#include <format>
#include <future>
#include <thread>

#include "founded.h"

namespace i2::fleet {
namespace {

namespace fs = std::filesystem;
using testing::code;
using testing::Founded;
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
    EXPECT_EQ(refusal(sequencer, to_bytes(as_bytes("nonsense"))), "fleet.operation_malformed");
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
  std::promise<void> all_submitted;
  worker.post()([&all_submitted] { all_submitted.get_future().wait(); });
  SoloSequencer sequencer(*home.ledger, home.identity, clock, worker.post());
  std::vector<std::promise<Result<ports::Receipt>>> answers(operations.size() * 2);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    sequencer.submit(operations[i / 2],
                     [&answers, i](auto result) { answers[i].set_value(std::move(result)); });
  }
  all_submitted.set_value();
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
    CreateInvite body{
        .invite = {}, .role = Role::kNode, .expiry = kNow + 24 * kHour, .uses = 1, .tag = {}};
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
    ASSERT_LT(round, 100);
    const auto count = temp / std::format("count{}", round);
    // The child notes each receipt and dies by SIGKILL, later from round to round.
    in_child([&] {
      const pid_t self = ::getpid();
      std::thread([self, round] {
        std::this_thread::sleep_for(std::chrono::milliseconds(30 + 23 * round));
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
        out << i << '\n' << std::flush;
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

}  // namespace
}  // namespace i2::fleet
