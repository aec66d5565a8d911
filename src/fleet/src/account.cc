#include <i2/fleet/account.h>

#include <algorithm>
#include <deque>
#include <mutex>

namespace i2::fleet {

Operation make_operation(const BlockHeader& head, const AccountId& account, std::uint64_t nonce,
                         std::span<const Request> changes, UnixMillis now, UnixMillis life) {
  Operation out;
  out.chain_id = head.chain_id;
  out.machine_version = kMachineVersion;
  out.account = account;
  out.nonce = nonce;
  set_body(out, changes);
  out.anchor_height = head.height;
  out.expiry = std::max(now, head.time) + life;
  return out;
}

namespace {

Error stopping() {
  return {"fleet.ledger_stopped", "the node is stopping: try again later"};
}

}  // namespace

struct Account::Core : std::enable_shared_from_this<Core> {
  explicit Core(Parts given) : parts(std::move(given)) {}

  struct Waiting {
    std::vector<Request> changes;
    Done done;
  };

  const Parts parts;
  std::mutex mutex;
  std::deque<Waiting> waiting;
  bool busy = false;
  bool stopped = false;
  std::uint64_t next_nonce = 0;  // as far as this object knows; the state may know more

  // Why nothing is taken now. With the mutex held.
  [[nodiscard]] std::optional<Error> refusal() const;
  void run();
  [[nodiscard]] Result<Bytes> sign(std::span<const Request> changes, std::uint64_t& nonce);
  void finish(std::uint64_t nonce, bool ordered);
};

std::optional<Error> Account::Core::refusal() const {
  if (stopped) {
    return stopping();
  }
  if (waiting.size() >= kAccountQueueMax) {
    return Error("fleet.overloaded", "too many operations of this account wait: try again");
  }
  return std::nullopt;
}

// The next one that waits, unless one is under way.
void Account::Core::run() {
  for (;;) {
    Waiting next;
    {
      const std::scoped_lock lock(mutex);
      if (busy || stopped || waiting.empty()) {
        return;
      }
      busy = true;
      next = std::move(waiting.front());
      waiting.pop_front();
    }
    std::uint64_t nonce = 0;
    auto operation = sign(next.changes, nonce);
    if (!operation) {
      next.done(fail(std::move(operation).error()));
      finish(nonce, false);
      continue;
    }
    parts.sequencer.submit(*std::move(operation),
                           [self = shared_from_this(), nonce,
                            done = std::move(next.done)](Result<ports::Receipt> receipt) {
                             self->finish(nonce, receipt.has_value());
                             done(std::move(receipt));
                             self->run();
                           });
    return;
  }
}

Result<Bytes> Account::Core::sign(std::span<const Request> changes, std::uint64_t& nonce) {
  const auto chain = parts.chain();
  I2_TRY_VALUE(const AccountRecord record, FleetState(chain->state).account(parts.id));
  {
    const std::scoped_lock lock(mutex);
    nonce = std::max(next_nonce, record.next_nonce);
  }
  Operation operation = make_operation(chain->head, parts.id, nonce, changes,
                                       parts.clock.unix_now(), kSubmissionLifeMs);
  I2_TRY(sign_operation(operation, parts.key, is_high(changes)));
  return encode(operation);
}

void Account::Core::finish(std::uint64_t nonce, bool ordered) {
  const std::scoped_lock lock(mutex);
  busy = false;
  if (ordered) {
    next_nonce = std::max(next_nonce, nonce + 1);
  }
}

Account::Account(Parts parts) : core_(std::make_shared<Core>(std::move(parts))) {}

Account::~Account() {
  stop();
}

void Account::stop() {
  std::deque<Core::Waiting> left;
  {
    const std::scoped_lock lock(core_->mutex);
    core_->stopped = true;
    left = std::exchange(core_->waiting, {});
  }
  for (Core::Waiting& entry : left) {
    entry.done(fail(stopping()));
  }
}

const AccountId& Account::id() const {
  return core_->parts.id;
}

void Account::submit(Request change, Done done) {
  std::vector<Request> changes;
  changes.push_back(std::move(change));
  submit(std::move(changes), std::move(done));
}

void Account::submit(std::vector<Request> changes, Done done) {
  std::unique_lock lock(core_->mutex);
  if (auto refused = core_->refusal()) {
    lock.unlock();
    done(fail(*std::move(refused)));
    return;
  }
  core_->waiting.push_back({.changes = std::move(changes), .done = std::move(done)});
  lock.unlock();
  core_->run();
}

}  // namespace i2::fleet
