#include <algorithm>

#include "embedded_core.h"

namespace i2::fleet {

void EmbeddedSequencer::Core::add(Event event) {
  std::unique_lock lock(mutex);
  if (stopped) {
    lock.unlock();
    turn_away(event);
    return;
  }
  events.push_back(std::move(event));
  const bool start = !std::exchange(scheduled, true);
  lock.unlock();
  if (start) {
    parts.post([core = shared_from_this()] { core->run(); });
  }
}

// Whoever waits for its answer.
void EmbeddedSequencer::Core::turn_away(const Event& event) {
  if (const auto* const submitted = std::get_if<Submitted>(&event)) {
    submitted->done(fail(ledger_stopping()));
  } else if (const auto* const wanted = std::get_if<KeyWanted>(&event)) {
    wanted->done(fail(ledger_stopping()));
  }
}

std::deque<EmbeddedSequencer::Core::Event> EmbeddedSequencer::Core::take() {
  const std::scoped_lock lock(mutex);
  running = !stopped && !events.empty();
  if (!running) {
    scheduled = false;
    idle.notify_all();
    return {};
  }
  incoming.clear();
  return std::exchange(events, {});
}

void EmbeddedSequencer::Core::run() {
  for (auto batch = take(); !batch.empty(); batch = take()) {
    refresh();
    for (Event& event : batch) {
      std::visit([this](auto& one) { on(std::move(one)); }, event);
    }
    settle();
  }
}

// Until the engine wants nothing more.
void EmbeddedSequencer::Core::settle() {
  for (;;) {
    refresh();
    if (!engine) {
      break;
    }
    const Timestamp now = parts.clock.now();
    engine->set_demand(has_demand(), now);
    if (std::exchange(pool_grew, false)) {
      engine->ask_again(now);
    }
    engine->handle_time(now);
    auto actions = engine->poll();
    if (actions.empty()) {
      break;
    }
    carry_out(std::move(actions));
  }
  sync_later();
  const Timestamp next = remind(parts.clock.now());
  parts.alarm(std::min(sync_at, engine ? std::min(engine->deadline(), next) : kNever));
  publish();
}

void EmbeddedSequencer::Core::publish() {
  Status next;
  next.epoch = epoch.number;
  next.pending = pool.size();
  next.refused_proposals = refused_proposals;
  if (engine) {
    next.votes = true;
    next.view = engine->view();
    next.sealed = engine->root().view;
    next.leader = set->at(set->leader(engine->view())).node;
    next.ready = engine->may_sign();
    next.halted = engine->halted();
  }
  next.halted = next.halted || failed;
  const std::scoped_lock lock(mutex);
  status = next;
}

EmbeddedSequencer::EmbeddedSequencer(Parts parts)
    : core_(std::make_shared<Core>(std::move(parts))) {
  core_->add(Core::Nudge{});
}

EmbeddedSequencer::~EmbeddedSequencer() {
  stop();
}

void EmbeddedSequencer::stop() {
  std::deque<Core::Event> left;
  {
    std::unique_lock lock(core_->mutex);
    core_->stopped = true;
    core_->idle.wait(lock, [this] { return !core_->running && !core_->syncing; });
    left = std::exchange(core_->events, {});
  }
  for (const Core::Event& event : left) {
    Core::turn_away(event);
  }
  core_->refuse_all(ledger_stopping());
  // Otherwise the memory has it after the next start.
  static_cast<void>(core_->parts.ledger.sync());
}

void EmbeddedSequencer::submit(Bytes operation, Done done) {
  core_->add(Core::Submitted{.operation = std::move(operation), .done = std::move(done)});
}

bool EmbeddedSequencer::receive(const NodeId& from, Bytes frame) {
  {
    const std::scoped_lock lock(core_->mutex);
    core_->incoming[from] += frame.size();
  }
  core_->add(Core::Received{.from = from, .frame = std::move(frame)});
  return has_room(from);
}

bool EmbeddedSequencer::has_room(const NodeId& from) const {
  const std::scoped_lock lock(core_->mutex);
  const auto at = core_->incoming.find(from);
  return at == core_->incoming.end() || at->second < kIncomingSizeMax;
}

void EmbeddedSequencer::connected(const NodeId& peer) {
  core_->add(Core::Connected{.peer = peer});
}

void EmbeddedSequencer::disconnected(const NodeId& peer) {
  core_->add(Core::Disconnected{.peer = peer});
}

void EmbeddedSequencer::wake() {
  core_->add(Core::Nudge{});
}

void EmbeddedSequencer::ledger_changed() {
  // Mostly it is this sequencer that has changed it.
  if (core_->seen_height != core_->parts.ledger.chain()->head.height) {
    core_->add(Core::Nudge{});
  }
}

void EmbeddedSequencer::make_key(consensus::VoteSuite suite,
                                 std::function<void(Result<SetVoteKey>)> done) {
  core_->add(Core::KeyWanted{.suite = suite, .done = std::move(done)});
}

void EmbeddedSequencer::halt(Error reason) {
  core_->add(Core::HaltWanted{.reason = std::move(reason)});
}

EmbeddedSequencer::Status EmbeddedSequencer::status() const {
  const std::scoped_lock lock(core_->mutex);
  return core_->status;
}

}  // namespace i2::fleet
