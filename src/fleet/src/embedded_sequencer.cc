#include <i2/fleet/embedded_sequencer.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <set>

#include "operation_pool.h"

namespace i2::fleet {
namespace {

using consensus::Engine;
using consensus::PayloadId;
using consensus::ValidatorIndex;
using Done = ports::Sequencer::Done;

// The first byte of a frame.
constexpr std::uint8_t kEnvelopeFrame = 1;
constexpr std::uint8_t kOperationFrame = 2;

// A block from the future of this clock is refused by so much.
constexpr UnixMillis kClockToleranceMs = 10'000;
// Operations of one account that may come before their turn.
constexpr std::uint64_t kEarlyMax = 1024;
// What has waited so long without a place is looked at again.
constexpr Duration kReviewAfter = kSecond;
constexpr std::size_t kReviewsMax = 64;  // for each block
// Who waits for an operation is told after so long that it has no place yet.
constexpr Duration kAnswerWithin = 20 * kSecond;
// Others are said to be ahead once in this time.
constexpr Duration kBehindAgain = kSecond;
// With so much unsealed a leader proposes nothing but heartbeats.
constexpr std::size_t kUnsealedMax = 8 * 1024 * 1024;

Error closing() {
  return {"fleet.ledger_stopped", "the node is stopping: submit the same operation again later"};
}
Error no_quorum() {
  return {
      "fleet.no_quorum",
      "too few validators can be reached: the operation waits, and is ordered when they are back "
      "unless it has expired by then"};
}
Error not_validator() {
  return {"fleet.not_sequencer", "this node is no validator of the fleet now"};
}

struct Received {
  NodeId from;
  Bytes frame;
};
struct Connected {
  NodeId peer;
};
struct Disconnected {
  NodeId peer;
};
struct Nudge {};  // time, or the ledger
struct Submitted {
  Bytes operation;
  Done done;
};
struct KeyWanted {
  consensus::VoteSuite suite;
  std::function<void(Result<SetVoteKey>)> done;
};
using Event = std::variant<Received, Connected, Disconnected, Nudge, Submitted, KeyWanted>;

// A block that has been executed and is not sealed yet.
struct Candidate {
  BlockBuilder::Built built;
  std::vector<OperationId> operations;
  std::size_t size = 0;  // encoded
};

PayloadId payload_of(const Chain& chain) {
  return payload_id(tip(chain));
}

EmbeddedSequencer::Frame make_frame(std::uint8_t tag, ByteView content) {
  Bytes out{tag};
  append(out, content);
  return std::make_shared<const Bytes>(std::move(out));
}

}  // namespace

struct EmbeddedSequencer::Core : std::enable_shared_from_this<Core> {
  explicit Core(Parts given) : parts(std::move(given)) {}

  const Parts parts;

  // For every thread.
  mutable std::mutex mutex;
  std::condition_variable idle;
  std::deque<Event> events;
  std::map<NodeId, std::size_t> incoming;  // bytes of frames in `events`
  bool scheduled = false;                  // a job is posted or running
  bool running = false;
  bool stopped = false;
  Status status;

  // For the job alone.
  std::shared_ptr<const Chain> sealed;  // shared: the ledger's
  EpochRecord epoch;
  bool begun = false;                                  // an epoch
  std::shared_ptr<const consensus::ValidatorSet> set;  // shared: with the engine
  std::optional<Engine> engine;
  std::map<PayloadId, Candidate> candidates;
  OperationPool pool;
  std::set<NodeId> peers;
  std::optional<Timestamp> behind_said;
  bool pool_grew = false;  // or an operation's turn may have come
  bool failed = false;

  void add(Event event);
  std::deque<Event> take();
  void run();
  void settle();
  void publish();

  void on(Received event);
  void on(const Connected& event);
  void on(const Disconnected& event);
  void on(const Nudge&) {}
  void on(Submitted event);
  void on(KeyWanted event);

  // The engine and what it wants.
  void refresh();
  [[nodiscard]] Result<void> begin_epoch(EpochRecord next);
  void rest();
  void carry_out(std::vector<consensus::Action> actions);
  void on(const consensus::Remember&) {}  // has been done
  void on(const consensus::Broadcast& action);
  void on(const consensus::Send& action);
  void on(const consensus::Build& action);
  void on(const consensus::Validate& action);
  void on(const consensus::Commit& action);
  void on(const consensus::Accuse& action);
  void on(const consensus::CatchUp&) { report_behind(); }
  void on(const consensus::Halt& action);
  [[nodiscard]] Result<const Candidate*> execute(const PayloadId& payload, ByteView encoding);
  [[nodiscard]] Result<void> commit(const consensus::Commit& action);
  void send(ValidatorIndex to, const Frame& frame);
  void broadcast(const Frame& frame);
  [[nodiscard]] Frame frame_of(const consensus::Message& message) const;
  void report_behind();
  void fail_with(Error reason);

  // Operations.
  void admit(const Operation& decoded, Bytes operation, Done done);
  [[nodiscard]] Result<void> check(const Chain& chain, const Bytes& operation, bool verified,
                                   bool& early) const;
  void refuse(const OperationId& which, const Error& error);
  void settle_old(const OperationId& which);
  void answer(const Candidate& candidate);
  void review();
  [[nodiscard]] Timestamp answer_late(Timestamp now);
  [[nodiscard]] bool has_demand() const;
  [[nodiscard]] const Chain* chain_of(const PayloadId& payload) const;
  [[nodiscard]] std::set<OperationId> ordered_up_to(PayloadId payload) const;
};

// --- jobs

void EmbeddedSequencer::Core::add(Event event) {
  std::unique_lock lock(mutex);
  if (stopped) {
    lock.unlock();
    if (auto* const submitted = std::get_if<Submitted>(&event)) {
      submitted->done(fail(closing()));
    } else if (auto* const wanted = std::get_if<KeyWanted>(&event)) {
      wanted->done(fail(closing()));
    }
    return;
  }
  events.push_back(std::move(event));
  const bool start = !std::exchange(scheduled, true);
  lock.unlock();
  if (start) {
    parts.post([core = shared_from_this()] { core->run(); });
  }
}

std::deque<Event> EmbeddedSequencer::Core::take() {
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
  const Timestamp late = answer_late(parts.clock.now());
  parts.alarm(engine ? std::min(engine->deadline(), late) : kNever);
  publish();
}

// When somebody has waited too long; before that time nobody has.
Timestamp EmbeddedSequencer::Core::answer_late(Timestamp now) {
  Timestamp next = kNever;
  for (OperationPool::Entry& entry : pool.entries()) {
    if (entry.done.empty()) {
      continue;
    }
    if (entry.asked + kAnswerWithin > now) {
      next = std::min(next, entry.asked + kAnswerWithin);
      continue;
    }
    for (const Done& done : std::exchange(entry.done, {})) {
      done(fail(no_quorum()));
    }
  }
  return next;
}

void EmbeddedSequencer::Core::publish() {
  Status next;
  next.epoch = epoch.number;
  next.pending = pool.size();
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

// --- the engine

// Where the ledger is now: this node has got there itself, or others have told it.
void EmbeddedSequencer::Core::refresh() {
  const auto held = parts.ledger.chain();
  if (failed || (sealed != nullptr && sealed->head == held->head)) {
    return;
  }
  sealed = held;
  auto present = FleetState(sealed->state).epoch();
  if (!present) {
    fail_with(present.error());
    return;
  }
  if (!begun || present->number != epoch.number) {
    begun = true;
    if (auto ready = begin_epoch(*std::move(present)); !ready) {
      fail_with(ready.error());
      return;
    }
  } else if (engine) {
    const auto head = parts.ledger.head();
    const auto* const seal = head ? std::get_if<consensus::Seal>(&head->seal) : nullptr;
    if (seal != nullptr && seal->proposal.view > engine->root().view) {
      engine->advance(*seal, false, parts.clock.now());
    }
  }
  std::erase_if(candidates, [this](const auto& entry) {
    return entry.second.built.block.header.height <= sealed->head.height;
  });
  review();
}

// Others order what waited here.
void EmbeddedSequencer::Core::rest() {
  for (OperationPool::Entry& entry : pool.clear()) {
    for (const Done& done : entry.done) {
      done(fail(not_validator()));
    }
  }
}

Result<void> EmbeddedSequencer::Core::begin_epoch(EpochRecord next) {
  engine.reset();
  set.reset();
  candidates.clear();
  epoch = std::move(next);
  const auto own = std::ranges::find(epoch.validators, parts.self, &EpochValidator::node);
  if (epoch.validators.size() < 2 || own == epoch.validators.end()) {
    rest();
    return {};
  }
  const consensus::VoteKey* const key = parts.memory.key();
  if (key == nullptr || key->public_key() != own->key) {
    // Not for ever: the next epoch may have the key that is here.
    rest();
    parts.report(
        Stopped{.reason = Error(
                    "fleet.vote_key_invalid",
                    "this node is a validator, but its data directory does not have the key that "
                    "it is known to vote with: it stays silent until `i2 validator add` has made "
                    "its new key known")});
    return {};
  }
  I2_TRY_VALUE(auto validators, validator_set(sealed->head.chain_id, epoch));
  set = std::make_shared<const consensus::ValidatorSet>(std::move(validators));
  consensus::Root root;
  root.payload = payload_of(*sealed);
  const auto head = parts.ledger.head();
  if (head && head->header.height >= epoch.first_height) {
    if (const auto* const seal = std::get_if<consensus::Seal>(&head->seal)) {
      root.view = seal->proposal.view;
      root.proposal = consensus::id(*set, seal->proposal);
      root.seal = *seal;
    }
  }
  parts.memory.forget(epoch.number, root.view);
  I2_TRY_VALUE(auto recalled, parts.memory.recall(epoch.number));
  const auto index = static_cast<ValidatorIndex>(own - epoch.validators.begin());
  const Timestamp now = parts.clock.now();
  engine.emplace(
      set, *key,
      Engine::Options{.self = index, .timing = {}, .silent_through = recalled.silent_through},
      std::move(root), std::move(recalled.records), now);
  for (const NodeId& peer : peers) {
    if (const auto at = set->find(peer)) {
      engine->handle_connected(*at, now);
    }
  }
  return {};
}

// First what has to be durable, in one write; then the rest in its order.
void EmbeddedSequencer::Core::carry_out(std::vector<consensus::Action> actions) {
  std::vector<consensus::Record> records;
  for (consensus::Action& action : actions) {
    if (auto* const remember = std::get_if<consensus::Remember>(&action)) {
      records.push_back(std::move(remember->record));
    }
  }
  if (!records.empty()) {
    if (auto written = parts.memory.remember(epoch.number, records); !written) {
      fail_with(written.error());
      return;
    }
  }
  for (const consensus::Action& action : actions) {
    if (!engine) {
      return;
    }
    std::visit([this](const auto& one) { on(one); }, action);
  }
}

EmbeddedSequencer::Frame EmbeddedSequencer::Core::frame_of(
    const consensus::Message& message) const {
  return make_frame(kEnvelopeFrame, consensus::encode(consensus::Envelope{.epoch = epoch.number,
                                                                          .message = message}));
}

void EmbeddedSequencer::Core::send(ValidatorIndex to, const Frame& frame) {
  parts.send(set->at(to).node, frame);
}

void EmbeddedSequencer::Core::broadcast(const Frame& frame) {
  for (const EpochValidator& validator : epoch.validators) {
    if (validator.node != parts.self) {
      parts.send(validator.node, frame);
    }
  }
}

void EmbeddedSequencer::Core::on(const consensus::Broadcast& action) {
  broadcast(frame_of(action.message));
}

void EmbeddedSequencer::Core::on(const consensus::Send& action) {
  send(action.to, frame_of(action.message));
}

void EmbeddedSequencer::Core::on(const consensus::Build& action) {
  const auto decline = [&] { engine->built(action.view, std::nullopt, parts.clock.now()); };
  const Chain* const base = chain_of(action.parent);
  if (base == nullptr) {
    decline();
    return;
  }
  std::size_t unsealed = 0;
  for (const auto& [id, candidate] : candidates) {
    unsealed += candidate.size;
  }
  const std::set<OperationId> ordered = ordered_up_to(action.parent);
  BlockBuilder builder(parts.ledger.machine(), *base, parts.clock.unix_now());
  Candidate made;
  // Operations of one account may have come in any order: again, as long as that helps.
  std::vector<const OperationPool::Entry*> left;
  for (const OperationPool::Entry& entry : pool.entries()) {
    if (unsealed <= kUnsealedMax && !ordered.contains(entry.id)) {
      left.push_back(&entry);
    }
  }
  std::vector<std::pair<OperationId, Error>> refused;
  for (std::size_t before = SIZE_MAX; before != left.size() && !builder.full();) {
    before = left.size();
    std::erase_if(left, [&](const OperationPool::Entry* entry) {
      if (builder.full()) {
        return false;
      }
      const auto added = builder.add(entry->operation, true);
      if (added) {
        made.operations.push_back(entry->id);
      } else if (base == sealed.get() && builder.size() == 0) {
        // Nothing that could still change says so.
        refused.emplace_back(entry->id, added.error());
      }
      return added || !added.error().is("fleet.operation_nonce");
    });
  }
  for (const auto& [which, error] : refused) {
    refuse(which, error);
  }
  if (builder.size() == 0 && !action.may_be_empty) {
    decline();
    return;
  }
  auto built = std::move(builder).finish(parts.self);
  if (!built) {
    fail_with(built.error());
    return;
  }
  Bytes encoding = encode(built->block);
  const PayloadId id = payload_id(fleet::id(built->block.header));
  const bool ends_epoch = built->executed.ends_epoch;
  made.built = *std::move(built);
  made.size = encoding.size();
  candidates.insert_or_assign(id, std::move(made));
  engine->built(action.view,
                Engine::Built{.id = id, .payload = std::move(encoding), .ends_epoch = ends_epoch},
                parts.clock.now());
}

Result<const Candidate*> EmbeddedSequencer::Core::execute(const PayloadId& payload,
                                                          ByteView encoding) {
  if (const auto at = candidates.find(payload); at != candidates.end()) {
    return &at->second;
  }
  I2_TRY_VALUE(Block block, decode_block(encoding));
  const Chain* const base = chain_of(payload_id(block.header.previous));
  if (payload_id(id(block.header)) != payload || base == nullptr) {
    return fail("fleet.block_invalid", "the block is another one, or does not follow");
  }
  // What the pool has was verified when it came.
  const auto in_pool = [this](ByteView operation) {
    const auto decoded = decode_operation(operation);
    const OperationPool::Entry* const entry = decoded ? pool.find(id(*decoded)) : nullptr;
    return entry != nullptr && equal(entry->operation, operation);
  };
  I2_TRY_VALUE(auto executed, parts.ledger.machine().execute(*base, block, in_pool));
  Candidate made{.built = {}, .operations = {}, .size = encoding.size()};
  for (const Bytes& operation : block.operations) {
    I2_TRY_VALUE(const Operation decoded, decode_operation(operation));
    made.operations.push_back(id(decoded));
  }
  made.built = {.block = std::move(block), .executed = std::move(executed)};
  return &candidates.insert_or_assign(payload, std::move(made)).first->second;
}

void EmbeddedSequencer::Core::on(const consensus::Validate& action) {
  const auto executed = execute(action.id, action.payload);
  bool good = false;
  bool ends_epoch = false;
  if (executed) {
    const BlockHeader& header = (*executed)->built.block.header;
    // The smallest step is allowed whatever this clock says: it may have been set back.
    const Chain* const base = chain_of(action.parent);
    good = payload_id(header.previous) == action.parent && base != nullptr &&
           header.time <= std::max(parts.clock.unix_now() + kClockToleranceMs, base->head.time + 1);
    ends_epoch = (*executed)->built.executed.ends_epoch;
  }
  engine->validated(action.proposal, good, ends_epoch, parts.clock.now());
}

void EmbeddedSequencer::Core::on(const consensus::Commit& action) {
  if (auto committed = commit(action); !committed) {
    fail_with(committed.error());
  }
}

Result<void> EmbeddedSequencer::Core::commit(const consensus::Commit& action) {
  Run run{.blocks = {}, .seal = action.seal};
  std::vector<Candidate> done;
  for (const consensus::ProposalMessage& message : action.chain) {
    const PayloadId payload = message.proposal.proposal.payload;
    if (message.payload.empty()) {
      continue;  // the parent's once more
    }
    const auto known = candidates.find(payload);
    if (known == candidates.end()) {
      continue;  // the ledger has been faster
    }
    done.push_back(known->second);
    run.blocks.push_back(known->second.built);
  }
  parts.memory.forget(epoch.number, action.seal.proposal.view);
  if (run.blocks.empty()) {
    return {};
  }
  I2_TRY(parts.ledger.append(std::move(run)));
  for (const Candidate& candidate : done) {
    answer(candidate);
  }
  return {};
}

void EmbeddedSequencer::Core::on(const consensus::Accuse& action) {
  parts.report(Caught{.proof = {.epoch = epoch.number, .evidence = action.evidence}});
}

void EmbeddedSequencer::Core::on(const consensus::Halt& action) {
  fail_with(Error("fleet.ledger_diverged",
                  "a third of the validators or more have lied: views " +
                      std::to_string(action.ours.proposal.view) + " and " +
                      std::to_string(action.theirs.proposal.view) + " of epoch " +
                      std::to_string(epoch.number) +
                      " are sealed with different blocks. This node orders nothing any more"));
}

void EmbeddedSequencer::Core::report_behind() {
  const Timestamp now = parts.clock.now();
  if (!behind_said || *behind_said + kBehindAgain <= now) {
    behind_said = now;
    parts.report(Behind{});
  }
}

void EmbeddedSequencer::Core::fail_with(Error reason) {
  failed = true;
  engine.reset();
  for (OperationPool::Entry& entry : pool.clear()) {
    for (const Done& done : entry.done) {
      done(fail(Error("fleet.ledger_stopped", reason.message())));
    }
  }
  parts.report(Stopped{.reason = std::move(reason)});
}

// --- what others say

void EmbeddedSequencer::Core::on(Received event) {
  if (event.frame.empty() || !engine) {
    return;
  }
  const ByteView content = ByteView(event.frame).subspan(1);
  if (event.frame.front() == kOperationFrame) {
    if (const auto operation = decode_operation(content)) {
      admit(*operation, to_bytes(content), {});
    }
    return;
  }
  if (event.frame.front() != kEnvelopeFrame) {
    return;
  }
  auto envelope = consensus::decode_envelope(content);
  if (!envelope || envelope->epoch < epoch.number) {
    return;
  }
  if (envelope->epoch > epoch.number) {
    report_behind();
    return;
  }
  if (const auto from = set->find(event.from)) {
    engine->handle(*from, std::move(envelope->message), parts.clock.now());
  }
}

void EmbeddedSequencer::Core::on(const Connected& event) {
  peers.insert(event.peer);
  const auto at = engine ? set->find(event.peer) : std::nullopt;
  if (!at) {
    return;
  }
  engine->handle_connected(*at, parts.clock.now());
  for (const OperationPool::Entry& entry : pool.entries()) {
    if (!entry.done.empty()) {
      parts.send(event.peer, make_frame(kOperationFrame, entry.operation));
    }
  }
}

void EmbeddedSequencer::Core::on(const Disconnected& event) {
  peers.erase(event.peer);
}

void EmbeddedSequencer::Core::on(KeyWanted event) {
  const auto make = [&]() -> Result<SetVoteKey> {
    I2_TRY(parts.memory.make_key(event.suite));
    SetVoteKey out{.key = parts.memory.key()->public_key(), .possession = {}};
    I2_TRY_VALUE(out.possession, parts.memory.key()->sign(possession_message(
                                     parts.ledger.chain()->head.chain_id, parts.self)));
    return out;
  };
  event.done(make());
}

// --- operations

void EmbeddedSequencer::Core::on(Submitted event) {
  if (!engine) {
    event.done(fail(failed ? closing() : not_validator()));
    return;
  }
  const auto operation = decode_operation(event.operation);
  if (!operation) {
    event.done(fail(operation.error()));
    return;
  }
  admit(*operation, std::move(event.operation), std::move(event.done));
}

void EmbeddedSequencer::Core::admit(const Operation& decoded, Bytes operation, Done done) {
  const OperationId which = id(decoded);
  const auto answer_with = [&done](Result<ports::Receipt> result) {
    if (done) {
      done(std::move(result));
    }
  };
  if (OperationPool::Entry* const entry = pool.find(which)) {
    if (done) {
      entry->done.push_back(std::move(done));
      entry->asked = parts.clock.now();
    }
    return;
  }
  auto before = parts.ledger.find(which);
  if (!before) {
    answer_with(fail(before.error()));
    return;
  }
  if (*before) {
    (*before)->repeated = true;
    answer_with(**before);
    return;
  }
  if (!pool.fits(operation.size())) {
    answer_with(fail("fleet.overloaded", "too many operations wait for their turn: try again"));
    return;
  }
  bool early = false;
  if (auto checked = check(*sealed, operation, false, early); !checked) {
    answer_with(fail(checked.error()));
    return;
  }
  OperationPool::Entry& entry = pool.add({.id = which,
                                          .operation = std::move(operation),
                                          .account = decoded.account,
                                          .nonce = decoded.nonce,
                                          .done = {},
                                          .asked = parts.clock.now(),
                                          .since = parts.clock.now(),
                                          .early = early});
  pool_grew = true;
  if (done) {
    entry.done.push_back(std::move(done));
    broadcast(make_frame(kOperationFrame, entry.operation));
  }
}

// Whether it could be ordered after `chain`. `early`: not before others of its account.
Result<void> EmbeddedSequencer::Core::check(const Chain& chain, const Bytes& operation,
                                            bool verified, bool& early) const {
  early = false;
  BlockBuilder builder(parts.ledger.machine(), chain, parts.clock.unix_now());
  auto added = builder.add(operation, verified);
  if (added || !added.error().is("fleet.operation_nonce")) {
    return added;
  }
  I2_TRY_VALUE(const Operation decoded, decode_operation(operation));
  I2_TRY_VALUE(const AccountRecord account, FleetState(chain.state).account(decoded.account));
  early = decoded.nonce > account.next_nonce && decoded.nonce <= account.next_nonce + kEarlyMax;
  if (!early) {
    return added;
  }
  return verified ? Result<void>{} : parts.ledger.machine().verify_author(chain.state, decoded);
}

// Its turn has passed: it was executed, or another one with its nonce was.
void EmbeddedSequencer::Core::settle_old(const OperationId& which) {
  const auto there = parts.ledger.find(which);
  for (const Done& done : pool.remove(which)) {
    if (there && *there) {
      done(**there);
    } else {
      done(fail("fleet.operation_nonce", "another operation of the account came first"));
    }
  }
}

void EmbeddedSequencer::Core::refuse(const OperationId& which, const Error& error) {
  OperationPool::Entry* const entry = pool.find(which);
  if (entry == nullptr) {
    return;
  }
  if (error.is("fleet.operation_nonce")) {
    bool early = false;
    if (check(*sealed, entry->operation, true, early)) {
      entry->early = early;
    } else {
      settle_old(which);
    }
    return;
  }
  for (const Done& done : pool.remove(which)) {
    done(fail(error));
  }
}

void EmbeddedSequencer::Core::answer(const Candidate& candidate) {
  const BlockHeader& header = candidate.built.block.header;
  for (std::size_t i = 0; i < candidate.operations.size(); ++i) {
    bool repeated = false;
    for (const Done& done : pool.remove(candidate.operations[i])) {
      done(ports::Receipt{.operation = candidate.operations[i],
                          .height = header.height,
                          .index = static_cast<std::uint32_t>(i),
                          .time = header.time,
                          .repeated = std::exchange(repeated, true)});
    }
  }
}

// After every run: what has been ordered, whose turn it is, and what can never be ordered any more.
void EmbeddedSequencer::Core::review() {
  const FleetState state(sealed->state);
  std::map<AccountId, std::uint64_t> next;
  std::vector<OperationId> passed;
  std::vector<OperationId> old;
  const Timestamp now = parts.clock.now();
  pool_grew = true;
  for (OperationPool::Entry& entry : pool.entries()) {
    const auto [at, added] = next.try_emplace(entry.account);
    if (added) {
      const auto account = state.account(entry.account);
      at->second = account ? account->next_nonce : 0;
    }
    entry.early = entry.nonce > at->second;
    if (entry.nonce < at->second) {
      passed.push_back(entry.id);
    } else if (entry.since + kReviewAfter <= now && old.size() < kReviewsMax) {
      entry.since = now;
      old.push_back(entry.id);
    }
  }
  for (const OperationId& which : passed) {
    settle_old(which);
  }
  for (const OperationId& which : old) {
    bool early = false;
    if (auto checked = check(*sealed, pool.find(which)->operation, true, early); !checked) {
      for (const Done& done : pool.remove(which)) {
        done(fail(checked.error()));
      }
    }
  }
}

bool EmbeddedSequencer::Core::has_demand() const {
  if (pool.size() == 0) {
    return false;
  }
  const std::set<OperationId> ordered = ordered_up_to(engine->tip());
  return std::ranges::any_of(pool.entries(), [&ordered](const OperationPool::Entry& entry) {
    return !entry.early && !ordered.contains(entry.id);
  });
}

const Chain* EmbeddedSequencer::Core::chain_of(const PayloadId& payload) const {
  if (payload == payload_of(*sealed)) {
    return sealed.get();
  }
  const auto at = candidates.find(payload);
  return at == candidates.end() ? nullptr : &at->second.built.executed.chain;
}

// Not counting what is sealed.
std::set<OperationId> EmbeddedSequencer::Core::ordered_up_to(PayloadId payload) const {
  std::set<OperationId> out;
  for (auto at = candidates.find(payload); at != candidates.end();
       at = candidates.find(payload_id(at->second.built.block.header.previous))) {
    out.insert(at->second.operations.begin(), at->second.operations.end());
  }
  return out;
}

// --- the handle

EmbeddedSequencer::EmbeddedSequencer(Parts parts)
    : core_(std::make_shared<Core>(std::move(parts))) {
  core_->add(Nudge{});
}

EmbeddedSequencer::~EmbeddedSequencer() {
  stop();
}

void EmbeddedSequencer::stop() {
  std::deque<Event> left;
  {
    std::unique_lock lock(core_->mutex);
    core_->stopped = true;
    core_->idle.wait(lock, [this] { return !core_->running; });
    left = std::exchange(core_->events, {});
  }
  for (Event& event : left) {
    if (auto* const submitted = std::get_if<Submitted>(&event)) {
      submitted->done(fail(closing()));
    } else if (auto* const wanted = std::get_if<KeyWanted>(&event)) {
      wanted->done(fail(closing()));
    }
  }
  for (OperationPool::Entry& entry : core_->pool.clear()) {
    for (const Done& done : entry.done) {
      done(fail(closing()));
    }
  }
}

void EmbeddedSequencer::submit(Bytes operation, Done done) {
  core_->add(Submitted{.operation = std::move(operation), .done = std::move(done)});
}

bool EmbeddedSequencer::receive(const NodeId& from, Bytes frame) {
  {
    const std::scoped_lock lock(core_->mutex);
    core_->incoming[from] += frame.size();
  }
  core_->add(Received{.from = from, .frame = std::move(frame)});
  return has_room(from);
}

bool EmbeddedSequencer::has_room(const NodeId& from) const {
  const std::scoped_lock lock(core_->mutex);
  const auto at = core_->incoming.find(from);
  return at == core_->incoming.end() || at->second < kIncomingSizeMax;
}

void EmbeddedSequencer::connected(const NodeId& peer) {
  core_->add(Connected{.peer = peer});
}

void EmbeddedSequencer::disconnected(const NodeId& peer) {
  core_->add(Disconnected{.peer = peer});
}

void EmbeddedSequencer::wake() {
  core_->add(Nudge{});
}

void EmbeddedSequencer::ledger_changed() {
  core_->add(Nudge{});
}

void EmbeddedSequencer::make_key(consensus::VoteSuite suite,
                                 std::function<void(Result<SetVoteKey>)> done) {
  core_->add(KeyWanted{.suite = suite, .done = std::move(done)});
}

EmbeddedSequencer::Status EmbeddedSequencer::status() const {
  const std::scoped_lock lock(core_->mutex);
  return core_->status;
}

}  // namespace i2::fleet
