// Operations that wait for a place in a block, and whoever waits for them.
#include <algorithm>

#include "embedded_core.h"

namespace i2::fleet {
namespace {

using consensus::PayloadId;
using Done = ports::Sequencer::Done;

// Operations of one account that may come before their turn, and blocks that their author may have
// seen before this node.
constexpr std::uint64_t kEarlyMax = 1024;
// What has waited so long without a place is looked at again.
constexpr Duration kReviewAfter = kSecond;
constexpr std::size_t kReviewsMax = 64;  // for each block
// The others are told again of an operation that somebody waits for: at first after so long, then
// after twice as long as it has waited.
constexpr Duration kTellAgain = kSecond;
constexpr std::size_t kTellAgainMax = 256 * 1024;  // at once
// Who waits for an operation is told after so long that it has no place yet.
constexpr Duration kAnswerWithin = 20 * kSecond;

Error no_quorum() {
  return {
      "fleet.no_quorum",
      "too few validators can be reached: the operation waits, and is ordered when they are back "
      "unless it has expired by then"};
}

// What may be otherwise after another block.
bool is_of_turn(const Error& error) {
  return error.is("fleet.operation_nonce") || error.is("fleet.operation_early");
}

// Of an operation or a pool's entry.
bool is_early(const auto& operation, std::uint64_t next_nonce, std::uint64_t height) {
  return operation.nonce > next_nonce || operation.anchor_height > height;
}

}  // namespace

void EmbeddedSequencer::Core::on(Submitted event) {
  if (!engine) {
    event.done(fail(failed ? ledger_stopping() : not_validator()));
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
                                          .anchor_height = decoded.anchor_height,
                                          .done = {},
                                          .asked = parts.clock.now(),
                                          .told = parts.clock.now(),
                                          .since = parts.clock.now(),
                                          .early = early});
  pool_grew = true;
  if (done) {
    entry.done.push_back(std::move(done));
    broadcast(make_frame(kOperationFrame, entry.operation));
  }
}

// Whether it could be ordered after `chain`. `early`: not before others of its account, or before
// the blocks that its author has seen.
Result<void> EmbeddedSequencer::Core::check(const Chain& chain, const Bytes& operation,
                                            bool verified, bool& early) const {
  early = false;
  BlockBuilder builder(parts.ledger.machine(), chain, parts.clock.unix_now());
  auto added = builder.add(operation, verified);
  if (added || !is_of_turn(added.error())) {
    return added;
  }
  I2_TRY_VALUE(const Operation decoded, decode_operation(operation));
  I2_TRY_VALUE(const AccountRecord account, FleetState(chain.state).account(decoded.account));
  early = is_early(decoded, account.next_nonce, chain.head.height) &&
          decoded.nonce <= account.next_nonce + kEarlyMax &&
          decoded.anchor_height <= chain.head.height + kEarlyMax;
  if (!early) {
    return added;
  }
  auto author =
      verified ? Result<void>{} : parts.ledger.machine().verify_author(chain.state, decoded);
  const bool newer = !author && author.error().is("fleet.account_unknown") &&
                     decoded.anchor_height > chain.head.height;
  return newer ? added : author;
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
  bool early = false;
  if (is_of_turn(error) && check(*sealed, entry->operation, true, early)) {
    entry->early = early;
    return;
  }
  if (error.is("fleet.operation_nonce")) {
    settle_old(which);
    return;
  }
  for (const Done& done : pool.remove(which)) {
    done(fail(error));
  }
}

// Whoever waits for anything.
void EmbeddedSequencer::Core::refuse_all(const Error& error) {
  for (OperationPool::Entry& entry : pool.clear()) {
    for (const Done& done : entry.done) {
      done(fail(error));
    }
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
    entry.early = is_early(entry, at->second, sealed->head.height);
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

// What somebody waits for: tells the others again, and whoever has waited too long that it did.
// When to look again.
Timestamp EmbeddedSequencer::Core::remind(Timestamp now) {
  Timestamp next = kNever;
  std::size_t told = 0;
  for (OperationPool::Entry& entry : pool.entries()) {
    if (entry.done.empty()) {
      continue;
    }
    if (entry.asked + kAnswerWithin > now) {
      const auto again = [&entry] {
        return entry.told + std::max(kTellAgain, entry.told - std::min(entry.told, entry.asked));
      };
      if (engine && !entry.early && again() <= now) {
        entry.told = now;
        if (told < kTellAgainMax) {  // the others at their next time
          told += entry.operation.size();
          broadcast(make_frame(kOperationFrame, entry.operation));
        }
      }
      next = std::min({next, entry.early ? kNever : again(), entry.asked + kAnswerWithin});
      continue;
    }
    for (const Done& done : std::exchange(entry.done, {})) {
      done(fail(no_quorum()));
    }
  }
  return next;
}

}  // namespace i2::fleet
