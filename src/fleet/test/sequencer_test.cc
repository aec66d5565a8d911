// The engine that orders alone, and the accounts that submit to it.
#include <gtest/gtest.h>
#include <i2/fleet/account.h>
#include <i2/fleet/solo_sequencer.h>
#include <sys/resource.h>

#include <csignal>
#include <future>

#include "engine.h"
#include "founded.h"

namespace i2::fleet {
namespace {

namespace fs = std::filesystem;
using testing::code;
using testing::FixedClock;
using testing::Founded;
using testing::kHour;
using testing::kNow;
using testing::TempDir;
using testing::Worker;

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
  const FixedClock clock(kNow + kHour);
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
  const FixedClock clock(kNow + kHour);
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
  const FixedClock clock(kNow + kHour);
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

TEST(Account, MakesSeveralChangesInOneOperation) {
  const TempDir temp;
  const FixedClock clock(kNow + kHour);
  Founded home(temp / "alpha");
  Worker worker;
  SoloSequencer sequencer(*home.ledger, home.identity, clock, worker.post());
  const AccountId id = account_of(operator_id(home.operator_key.public_key()));
  Account account({.sequencer = sequencer,
                   .chain = [&home] { return home.ledger->chain(); },
                   .key = home.operator_key,
                   .id = id,
                   .clock = clock});
  const auto offers = [](std::initializer_list<std::uint8_t> which) {
    std::vector<Request> out;
    for (const std::uint8_t one : which) {
      CreateInvite body{
          .invite = {}, .role = Role::kNode, .expiry = kNow + 24 * kHour, .uses = 1, .tag = {}};
      body.invite.bytes[0] = one;
      out.emplace_back(body);
    }
    return out;
  };
  const auto run = [&account](std::vector<Request> changes) {
    std::promise<Result<ports::Receipt>> answer;
    account.submit(std::move(changes), [&answer](auto result) { answer.set_value(result); });
    return answer.get_future().get();
  };
  const auto receipt = run(offers({1, 2, 3}));
  ASSERT_TRUE(receipt) << receipt.error().to_string();
  EXPECT_EQ(home.invites(), 3u);
  const auto blocks = home.ledger->blocks_after(receipt->height - 1, SIZE_MAX).value();
  ASSERT_EQ(blocks.size(), 1u);
  EXPECT_EQ(decode_block(blocks[0].block)->operations.size(), 1u);
  EXPECT_EQ(code(run(offers({4, 3}))), "fleet.invite_invalid");
  EXPECT_EQ(code(run({})), "fleet.operation_malformed");
  EXPECT_EQ(home.invites(), 3u);
  EXPECT_EQ(FleetState(home.ledger->chain()->state).account(id).value().next_nonce, 1u);
  EXPECT_EQ(home.ledger->find(receipt->operation).value()->index, 0u);
}

TEST(SoloSequencer, TimeNeverGoesBack) {
  const TempDir temp;
  FixedClock clock(kNow + kHour);
  Founded home(temp / "alpha");
  Worker worker;
  SoloSequencer sequencer(*home.ledger, home.identity, clock, worker.post());
  const auto first = submit(sequencer, home.invite(0));
  clock.time = kNow - 5 * kHour;
  EXPECT_EQ(submit(sequencer, home.invite(1)).time, first.time + 1);
  clock.time = kNow + 21 * kHour;
  EXPECT_EQ(refusal(sequencer, home.invite(2)), "fleet.operation_expired");
}

// A file of this process may have at most so many bytes, while this lives.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : signal_(::signal(SIGXFSZ, SIG_IGN)) {
    EXPECT_EQ(::getrlimit(RLIMIT_FSIZE, &before_), 0);
    const rlimit limit{.rlim_cur = bytes, .rlim_max = before_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    ::signal(SIGXFSZ, signal_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit before_{};
  void (*signal_)(int);
};

TEST(SoloSequencer, AFullDiskStopsItAndLosesNothing) {
  const TempDir temp;
  const FixedClock clock(kNow + kHour);
  Founded home(temp / "alpha");
  const Bytes first = home.invite(0);
  const Bytes second = home.invite(1);
  Worker worker;
  {
    SoloSequencer sequencer(*home.ledger, home.identity, clock, worker.post());
    EXPECT_EQ(submit(sequencer, first).height, 1u);
    const FileSizeLimit full(1024);
    EXPECT_EQ(refusal(sequencer, second), "store.disk_full");
    EXPECT_EQ(refusal(sequencer, second), "fleet.ledger_stopped");
  }
  home.open();
  EXPECT_EQ(home.invites(), 1u);
  SoloSequencer sequencer(*home.ledger, home.identity, clock, worker.post());
  EXPECT_EQ(submit(sequencer, second).height, 2u);
}

}  // namespace
}  // namespace i2::fleet
