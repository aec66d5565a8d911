// The engine of an epoch: beginning it, what it wants, what others tell it.
#include <i2/consensus/account.h>

#include <algorithm>

#include "embedded_core.h"

namespace i2::fleet {
namespace {

using consensus::Engine;
using consensus::PayloadId;
using consensus::ValidatorIndex;

// A block from the future of this clock is refused by so much.
constexpr UnixMillis kClockToleranceMs = 10'000;
// Others are said to be ahead once in this time.
constexpr Duration kBehindAgain = kSecond;
// With so much unsealed a leader proposes nothing but heartbeats.
constexpr std::size_t kUnsealedMax = 8 * 1024 * 1024;
// What is sealed is on disk in the ledger too after so long; until then a quorum's memories have
// it.
constexpr Duration kSyncAfter = 200 * kMillisecond;
// Or at once with so much in this one's.
constexpr std::size_t kMemoryMax = 4 * 1024 * 1024;

}  // namespace

// Where the ledger is now: this node has got there itself, or others have told it.
void EmbeddedSequencer::Core::refresh() {
  const auto held = parts.ledger.chain();
  if (failed || (sealed != nullptr && sealed->head == held->head)) {
    return;
  }
  sealed = held;
  seen_height = sealed->head.height;
  auto present = FleetState(sealed->state).epoch();
  if (!present) {
    fail_with(present.error());
    return;
  }
  if (epoch.validators.empty() || present->number != epoch.number) {
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

Result<void> EmbeddedSequencer::Core::begin_epoch(EpochRecord next) {
  engine.reset();
  set.reset();
  candidates.clear();
  unsynced.reset();  // the end of an epoch has been synced
  sync_at = kNever;
  epoch = std::move(next);
  others.clear();
  for (const EpochValidator& validator : epoch.validators) {
    if (validator.node != parts.self) {
      others.push_back(validator.node);
    }
  }
  const auto own = std::ranges::find(epoch.validators, parts.self, &EpochValidator::node);
  if (epoch.validators.size() < 2 || own == epoch.validators.end()) {
    refuse_all(not_validator());
    return {};
  }
  const consensus::VoteKey* const key = parts.memory.key();
  if (key == nullptr || key->public_key() != own->key) {
    // Not for ever: the next epoch may have the key that is here.
    refuse_all(not_validator());
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
  parts.send(std::span(&set->at(to).node, 1), frame);
}

void EmbeddedSequencer::Core::broadcast(const Frame& frame) {
  parts.send(others, frame);
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

Result<const EmbeddedSequencer::Core::Candidate*> EmbeddedSequencer::Core::execute(
    const PayloadId& payload, ByteView encoding) {
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

// Whether the block may follow `parent`.
Result<const EmbeddedSequencer::Core::Candidate*> EmbeddedSequencer::Core::validate(
    const consensus::Validate& action) {
  I2_TRY_VALUE(const Candidate* const made, execute(action.id, action.payload));
  const BlockHeader& header = made->built.block.header;
  const Chain* const base = chain_of(action.parent);
  if (base == nullptr || payload_id(header.previous) != action.parent) {
    return fail("fleet.block_invalid", "the block does not follow the one that it should");
  }
  // The smallest step is allowed whatever this clock says: it may have been set back.
  if (header.time > std::max(parts.clock.unix_now() + kClockToleranceMs, base->head.time + 1)) {
    return fail("fleet.block_invalid", "the block is from the future of this node's clock");
  }
  return made;
}

void EmbeddedSequencer::Core::on(const consensus::Validate& action) {
  const auto made = validate(action);
  if (!made) {
    ++refused_proposals;
    parts.report(Refused{.leader = set->at(set->leader(action.view)).node,
                         .view = action.view,
                         .reason = made.error()});
  }
  engine->validated(action.proposal, made.has_value(), made && (*made)->built.executed.ends_epoch,
                    parts.clock.now());
}

void EmbeddedSequencer::Core::on(const consensus::Commit& action) {
  if (auto committed = commit(action); !committed) {
    fail_with(committed.error());
  }
}

std::optional<Run::Account> EmbeddedSequencer::Core::account_of(
    const consensus::Commit& action) const {
  auto encoding = consensus::encode_account(action.chain, action.seal);
  if (!encoding) {
    return std::nullopt;
  }
  return Run::Account{
      .epoch = epoch.number, .view = action.seal.proposal.view, .encoding = *std::move(encoding)};
}

Result<void> EmbeddedSequencer::Core::commit(const consensus::Commit& action) {
  Run run{.blocks = {}, .seal = action.seal, .account = account_of(action)};
  std::vector<const Candidate*> done;
  for (const consensus::ProposalMessage& message : action.chain) {
    const PayloadId payload = message.proposal.proposal.payload;
    if (message.payload.empty()) {
      continue;  // the parent's once more
    }
    const auto known = candidates.find(payload);
    if (known == candidates.end()) {
      continue;  // the ledger has been faster
    }
    done.push_back(&known->second);
    run.blocks.push_back(known->second.built);
  }
  if (!unsynced) {
    sync_at = parts.clock.now() + kSyncAfter;
  }
  unsynced = action.seal.proposal.view;
  if (run.blocks.empty()) {
    return parts.ledger.append(std::move(run));
  }
  // The memory is that of one epoch, and has room for so much.
  const bool ends_epoch = run.blocks.back().executed.ends_epoch;
  const bool later = !ends_epoch && parts.memory.size() < kMemoryMax;
  I2_TRY(parts.ledger.append(std::move(run),
                             later ? Ledger::Durability::kLater : Ledger::Durability::kSynced));
  if (!later) {
    forget_sealed();
  }
  for (const Candidate* const candidate : done) {
    answer(*candidate);
  }
  return {};
}

void EmbeddedSequencer::Core::forget_sealed() {
  sync_at = kNever;
  parts.memory.forget(epoch.number, *std::exchange(unsynced, std::nullopt));
}

void EmbeddedSequencer::Core::sync_later() {
  if (!unsynced || sync_posted || sync_at > parts.clock.now()) {
    return;
  }
  sync_at = kNever;
  sync_posted = true;
  parts.post([core = shared_from_this(), of = epoch.number,
              view = *std::exchange(unsynced, std::nullopt)] { core->sync(of, view); });
}

// In a job of its own: the engine goes on meanwhile.
void EmbeddedSequencer::Core::sync(consensus::EpochNumber of, consensus::View view) {
  {
    const std::scoped_lock lock(mutex);
    if (stopped) {
      return;
    }
    syncing = true;
  }
  auto result = parts.ledger.sync();
  {
    const std::scoped_lock lock(mutex);
    syncing = false;
    idle.notify_all();
  }
  add(Synced{.epoch = of, .view = view, .result = std::move(result)});
}

void EmbeddedSequencer::Core::on(const Synced& event) {
  sync_posted = false;
  if (!event.result) {
    fail_with(event.result.error());
  } else if (event.epoch == epoch.number) {
    parts.memory.forget(event.epoch, event.view);
  }
}

void EmbeddedSequencer::Core::on(const consensus::Accuse& action) {
  parts.report(Caught{.proof = {.epoch = epoch.number, .evidence = action.evidence}});
}

void EmbeddedSequencer::Core::on(const consensus::Halt& action) {
  parts.report(Forked{.epoch = epoch.number, .proof = action.proof});
  fail_with(Error("fleet.ledger_diverged",
                  "a third of the validators or more have lied: views " +
                      std::to_string(action.ours.proposal.view) + " and " +
                      std::to_string(action.theirs.proposal.view) + " of epoch " +
                      std::to_string(epoch.number) +
                      " are sealed with different blocks. This node orders nothing any more"));
}

void EmbeddedSequencer::Core::on(HaltWanted event) {
  if (!failed) {
    fail_with(std::move(event.reason));
  }
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
  refuse_all(Error("fleet.ledger_stopped", reason.message()));
  parts.report(Stopped{.reason = std::move(reason)});
}

void EmbeddedSequencer::Core::on(Received event) {
  if (event.frame.empty() || failed) {
    return;
  }
  if (!engine) {
    report_behind();  // it may be a validator without its key, to whom nobody else tells of blocks
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
      parts.send(std::span(&event.peer, 1), make_frame(kOperationFrame, entry.operation));
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

}  // namespace i2::fleet
