#include <i2/fleet/solo_sequencer.h>

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>

#include "stopping.h"

namespace i2::fleet {
namespace {

using Done = ports::Sequencer::Done;

struct Waiting {
  Bytes operation;
  Done done;
};

Error not_sequencer() {
  return {"fleet.not_sequencer", "this node does not order operations alone any more"};
}

// Those whose operation is in the block under way.
struct Accepted {
  OperationId operation;
  std::uint32_t index = 0;
  std::vector<Done> done;
};

}  // namespace

struct SoloSequencer::Core {
  Core(Ledger& to_ledger, trustchain::HybridKey key, const Clock& with_clock, Post with_post)
      : ledger(to_ledger),
        identity(std::move(key)),
        self(trustchain::node_id(identity.public_key())),
        clock(with_clock),
        post(std::move(with_post)) {}

  Ledger& ledger;
  const trustchain::HybridKey identity;
  const NodeId self;
  const Clock& clock;
  const Post post;

  std::mutex mutex;
  std::condition_variable idle;
  std::deque<Waiting> waiting;
  bool scheduled = false;  // a job is posted or running
  bool running = false;
  bool stopped = false;

  // Why nothing is taken now. With the mutex held.
  [[nodiscard]] std::optional<Error> refusal() const;
  void run();
  std::deque<Waiting> take();
  [[nodiscard]] bool is_alone() const;
  void make_block(std::deque<Waiting>& batch);
  void accept(BlockBuilder& builder, Waiting next, std::vector<Accepted>& accepted);
  [[nodiscard]] Result<BlockHeader> write(BlockBuilder builder);
  void finish(BlockBuilder builder, const std::vector<Accepted>& accepted);
};

std::optional<Error> SoloSequencer::Core::refusal() const {
  if (stopped) {
    return ledger_stopping();
  }
  if (waiting.size() >= kPendingOperationsMax) {
    return Error("fleet.overloaded", "too many operations wait for their turn: try again");
  }
  return std::nullopt;
}

// Everything that waits; empty ends the job.
std::deque<Waiting> SoloSequencer::Core::take() {
  const std::scoped_lock lock(mutex);
  running = !stopped && !waiting.empty();
  if (!running) {
    scheduled = false;
    idle.notify_all();
    return {};
  }
  return std::exchange(waiting, {});
}

void SoloSequencer::Core::run() {
  for (auto batch = take(); !batch.empty(); batch = take()) {
    while (!batch.empty()) {
      make_block(batch);
    }
  }
}

// Others may have become validators with the last block.
bool SoloSequencer::Core::is_alone() const {
  const auto epoch = FleetState(ledger.chain()->state).epoch();
  return epoch && epoch->validators.size() == 1 && epoch->validators.front().node == self;
}

void SoloSequencer::Core::make_block(std::deque<Waiting>& batch) {
  if (!is_alone()) {
    for (Waiting& entry : std::exchange(batch, {})) {
      entry.done(fail(not_sequencer()));
    }
    return;
  }
  BlockBuilder builder(ledger.machine(), *ledger.chain(), clock.unix_now());
  std::vector<Accepted> accepted;
  while (!batch.empty() && !builder.full()) {
    Waiting next = std::move(batch.front());
    batch.pop_front();
    accept(builder, std::move(next), accepted);
  }
  if (builder.size() > 0) {
    finish(std::move(builder), accepted);
  }
}

void SoloSequencer::Core::accept(BlockBuilder& builder, Waiting next,
                                 std::vector<Accepted>& accepted) {
  const auto operation = decode_operation(next.operation);
  if (!operation) {
    next.done(fail(operation.error()));
    return;
  }
  const OperationId which = id(*operation);
  for (Accepted& entry : accepted) {
    if (entry.operation == which) {
      entry.done.push_back(std::move(next.done));
      return;
    }
  }
  auto before = ledger.find(which);
  if (!before) {
    next.done(fail(std::move(before).error()));
    return;
  }
  if (*before) {
    (*before)->repeated = true;
    next.done(**before);
    return;
  }
  if (auto added = builder.add(std::move(next.operation)); !added) {
    next.done(fail(std::move(added).error()));
    return;
  }
  accepted.push_back(
      {.operation = which, .index = static_cast<std::uint32_t>(builder.size() - 1), .done = {}});
  accepted.back().done.push_back(std::move(next.done));
}

Result<BlockHeader> SoloSequencer::Core::write(BlockBuilder builder) {
  I2_TRY_VALUE(auto built, std::move(builder).finish(self));
  I2_TRY_VALUE(auto sealed, sign_header(built.block.header, identity));
  Run run{.blocks = {}, .seal = std::move(sealed.seal)};
  run.blocks.push_back(std::move(built));
  I2_TRY(ledger.append(std::move(run)));
  return sealed.header;
}

void SoloSequencer::Core::finish(BlockBuilder builder, const std::vector<Accepted>& accepted) {
  const Result<BlockHeader> written = write(std::move(builder));
  for (const Accepted& entry : accepted) {
    bool repeated = false;
    for (const Done& done : entry.done) {
      if (!written) {
        done(fail(written.error()));
        continue;
      }
      done(ports::Receipt{.operation = entry.operation,
                          .height = written->height,
                          .index = entry.index,
                          .time = written->time,
                          .repeated = std::exchange(repeated, true)});
    }
  }
}

SoloSequencer::SoloSequencer(Ledger& ledger, trustchain::HybridKey identity, const Clock& clock,
                             Post post)
    : core_(std::make_shared<Core>(ledger, std::move(identity), clock, std::move(post))) {}

SoloSequencer::~SoloSequencer() {
  stop();
}

void SoloSequencer::stop() {
  std::deque<Waiting> left;
  {
    std::unique_lock lock(core_->mutex);
    core_->stopped = true;
    core_->idle.wait(lock, [this] { return !core_->running; });
    left = std::exchange(core_->waiting, {});
  }
  for (Waiting& entry : left) {
    entry.done(fail(ledger_stopping()));
  }
}

void SoloSequencer::submit(Bytes operation, Done done) {
  std::unique_lock lock(core_->mutex);
  if (auto refused = core_->refusal()) {
    lock.unlock();
    done(fail(*std::move(refused)));
    return;
  }
  core_->waiting.push_back({.operation = std::move(operation), .done = std::move(done)});
  const bool start = !std::exchange(core_->scheduled, true);
  lock.unlock();
  if (start) {
    core_->post([core = core_] { core->run(); });
  }
}

}  // namespace i2::fleet
