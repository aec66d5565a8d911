// How a ledger grows: runs of its own and of others, what goes with them, a later state.
#include <format>

#include "ledger_database.h"

namespace i2::fleet {
namespace {

// Blocks that go at most when a run comes.
constexpr std::uint64_t kPrunedAtOnce = 16;

void put_changes(store::Batch& batch, const StateTree& state, const std::set<Bytes>& changed) {
  for (const Bytes& which : changed) {
    if (const auto value = state.get(which)) {
      batch.put(key(kState, which), to_bytes(*value));
    } else {
      batch.erase(key(kState, which));
    }
  }
}

// It goes with the block of `height`.
void put_account(store::Batch& batch, std::uint64_t height,
                 const std::optional<Run::Account>& account) {
  if (account) {
    Bytes value;
    wire::Writer w(value);
    w.u64(height);
    w.bytes(account->encoding);
    batch.put(account_key(account->epoch, account->view), std::move(value));
  }
}

// The one whose last block it is.
Result<EpochNumber> ended_epoch(const EpochLink& link) {
  I2_TRY_VALUE(const Bytes value, read_proof(link.boundary.header.state, epoch_key(), link.proof));
  I2_TRY_VALUE(const EpochRecord next, decode_epoch_record(value));
  return next.number - 1;
}

}  // namespace

// How many of these, which follow one another, are already there.
Result<std::size_t> Ledger::known(std::span<const BlockHeader> headers) const {
  const auto held = chain();
  std::size_t out = 0;
  for (; out < headers.size() && headers[out].height <= held->head.height; ++out) {
    const BlockHeader& header = headers[out];
    I2_TRY_VALUE(const auto there, read_block(header.height));
    if (there && id(there->header) != id(header)) {
      return fail("fleet.ledger_diverged",
                  std::format("there are two blocks of height {}: this node has {}, the other one "
                              "is {}; those who order operations have lost some of them, or lied",
                              header.height, id(there->header).hex(), id(header).hex()));
    }
  }
  if (out < headers.size() &&
      (headers[out].height != held->head.height + 1 || headers[out].previous != tip(*held))) {
    return fail("fleet.block_invalid", std::format("block {} does not follow block {}",
                                                   headers[out].height, held->head.height));
  }
  return out;
}

Result<const Authority*> Ledger::authority() {
  const FleetState state(chain()->state);
  I2_TRY_VALUE(const EpochRecord epoch, state.epoch());
  if (!authority_ || authority_->epoch() != epoch) {
    I2_TRY_VALUE(authority_, Authority::of(state));
  }
  return &*authority_;
}

Result<void> Ledger::append(Run run, Durability durability) {
  const std::scoped_lock adding(adding_);
  std::vector<BlockHeader> headers;
  for (const BlockBuilder::Built& built : run.blocks) {
    headers.push_back(built.block.header);
  }
  I2_TRY_VALUE(const std::size_t there, known(headers));
  run.blocks.erase(run.blocks.begin(), run.blocks.begin() + static_cast<std::ptrdiff_t>(there));
  if (!run.blocks.empty()) {
    return commit(std::move(run), durability);
  }
  I2_TRY(usable());
  store::Batch batch;
  put_account(batch, chain()->head.height, run.account);
  return batch.changes().empty() ? Result<void>{} : write(batch, Durability::kLater, *chain());
}

Result<bool> Ledger::follow(std::span<const Bytes> encodings, ByteView seal_encoding) {
  Run run;
  I2_TRY_VALUE(run.seal, decode_seal(seal_encoding));
  std::vector<Block> blocks;
  std::vector<BlockHeader> headers;
  for (const Bytes& encoding : encodings) {
    I2_TRY_VALUE(Block block, decode_block(encoding));
    if (!headers.empty() && block.header.previous != id(headers.back())) {
      return fail("fleet.block_invalid", "the blocks do not follow one another");
    }
    headers.push_back(block.header);
    blocks.push_back(std::move(block));
  }
  const std::scoped_lock adding(adding_);
  I2_TRY_VALUE(const std::size_t there, known(headers));
  if (there == blocks.size()) {
    return false;
  }
  // Before anything is executed: what is not final is not worth it.
  I2_TRY_VALUE(const Authority* const sealing, authority());
  I2_TRY(sealing->verify({.header = blocks.back().header, .seal = run.seal}));
  const auto held = chain();
  for (std::size_t i = there; i < blocks.size(); ++i) {
    const Chain& before = run.blocks.empty() ? *held : run.blocks.back().executed.chain;
    if (!run.blocks.empty() && run.blocks.back().executed.ends_epoch) {
      return fail("fleet.block_invalid", "the last block of an epoch is not sealed");
    }
    I2_TRY_VALUE(auto executed, machine_.execute(before, blocks[i]));
    run.blocks.push_back({.block = std::move(blocks[i]), .executed = std::move(executed)});
  }
  I2_TRY(commit(std::move(run), Durability::kSynced));
  return true;
}

// The operations by which a quorum has confirmed the end of `epoch`; none as long as there are
// fewer.
Result<std::vector<EpochLink::Confirmation>> Ledger::confirmations(const FleetState& state,
                                                                   const EpochRecord& epoch) const {
  std::vector<EpochLink::Confirmation> out;
  const std::vector<OperationId> operations = state.confirmations(epoch.number);
  if (operations.size() < quorum(epoch)) {
    return out;
  }
  for (const OperationId& which : operations) {
    I2_TRY_VALUE(const auto receipt, find(which));
    I2_TRY_VALUE(const auto block, receipt ? read_block(receipt->height)
                                           : Result<std::optional<Block>>(std::nullopt));
    if (!block || receipt->index >= block->operations.size()) {
      continue;  // from before the snapshot that this ledger began with
    }
    const Bytes& operation = block->operations[receipt->index];
    I2_TRY_VALUE(const Operation decoded, decode_operation(operation));
    I2_TRY_VALUE(const auto member, state.member(NodeId{decoded.account.bytes}));
    if (member) {
      out.push_back({.identity = member->info.identity, .operation = operation});
    }
  }
  if (out.size() < quorum(epoch)) {
    out.clear();
  }
  return out;
}

// Before a run is added: what the blocks before it have confirmed.
Result<void> Ledger::complete_links(store::Batch& batch) {
  const auto held = chain();
  const FleetState state(held->state);
  for (EpochLink& link : unconfirmed_) {
    I2_TRY_VALUE(const EpochNumber number, ended_epoch(link));
    I2_TRY_VALUE(const auto epoch, state.epoch(number));
    if (!epoch) {
      continue;
    }
    I2_TRY_VALUE(link.confirmations, confirmations(state, *epoch));
    if (!link.confirmations.empty()) {
      batch.put(key_at(kLink, link.boundary.header.height), encode(link));
    }
  }
  std::erase_if(unconfirmed_, [](const EpochLink& link) { return !link.confirmations.empty(); });
  return {};
}

// What is too old. The first block that is left.
Result<std::uint64_t> Ledger::prune(store::Batch& batch, std::uint64_t height) const {
  std::uint64_t first = first_block_;
  for (const std::uint64_t last = first + kPrunedAtOnce; first < last && height - first >= kept_;
       ++first) {
    I2_TRY_VALUE(const auto block, read_block(first));
    for (const Bytes& operation : block ? block->operations : std::vector<Bytes>{}) {
      I2_TRY_VALUE(const Operation decoded, decode_operation(operation));
      batch.erase(key(kIndex, id(decoded).view()));
    }
    batch.erase(key_at(kBlock, first));
    batch.erase(key_at(kSeal, first));
  }
  if (first > first_block_) {
    I2_TRY(store_->scan(key(kAccount), [&](ByteView k, ByteView value) {
      const bool old = wire::Reader(value).u64() < first;
      if (old) {
        batch.erase(to_bytes(k));
      }
      return old;
    }));
  }
  return first;
}

namespace {

Result<void> put_block(store::Batch& batch, const Block& block) {
  const BlockHeader& header = block.header;
  batch.put(key_at(kBlock, header.height), encode(block));
  for (std::size_t i = 0; i < block.operations.size(); ++i) {
    I2_TRY_VALUE(const Operation operation, decode_operation(block.operations[i]));
    Bytes where;
    wire::Writer w(where);
    w.u64(header.height);
    w.u32(static_cast<std::uint32_t>(i));
    w.u64(header.time);
    batch.put(key(kIndex, id(operation).view()), std::move(where));
  }
  return {};
}

// For newcomers, where others seal from then on.
Result<std::optional<EpochLink>> link_after(const StateTree& before, const SealedHeader& sealed,
                                            const StateTree& after) {
  I2_TRY_VALUE(const EpochRecord old_epoch, FleetState(before).epoch());
  I2_TRY_VALUE(const EpochRecord new_epoch, FleetState(after).epoch());
  if (old_epoch.validators == new_epoch.validators) {
    return std::nullopt;
  }
  I2_TRY_VALUE(EpochLink link, make_link(sealed, after));
  return std::optional(std::move(link));
}

}  // namespace

Result<void> Ledger::usable() const {
  return stopped_ ? fail("fleet.ledger_stopped",
                         "the ledger takes nothing more after a failed write: restart the daemon")
                  : Result<void>{};
}

Result<void> Ledger::sync() {
  const std::scoped_lock syncing(syncing_);
  const store::Head present = head_of(*chain());
  if (present.sequence <= head_file_.head().sequence) {
    return {};  // less is a run that is being added: on disk, and not shown yet
  }
  I2_TRY(usable());
  auto synced = store_->sync();
  if (synced) {
    synced = head_file_.advance(present);
  }
  if (!synced) {
    stopped_ = true;
  }
  return synced;
}

Result<void> Ledger::write(const store::Batch& batch, Durability durability, const Chain& chain) {
  auto written = store_->commit(batch, durability);
  if (written && durability == Durability::kSynced) {
    const std::scoped_lock syncing(syncing_);
    written = head_file_.advance(head_of(chain));
  }
  if (!written) {
    stopped_ = true;
  }
  return written;
}

Result<void> Ledger::commit(Run run, Durability durability) {
  I2_TRY(usable());
  store::Batch batch;
  std::set<Bytes> changed;
  for (BlockBuilder::Built& built : run.blocks) {
    I2_TRY(put_block(batch, built.block));
    changed.merge(built.executed.changed);
  }
  Chain& last = run.blocks.back().executed.chain;
  const SealedHeader sealed{.header = last.head, .seal = std::move(run.seal)};
  batch.put(key_at(kSeal, sealed.header.height), encode(sealed.seal));
  batch.put(key(kHead), encode(sealed));
  put_account(batch, sealed.header.height, run.account);
  I2_TRY(complete_links(batch));
  I2_TRY_VALUE(auto link, link_after(chain()->state, sealed, last.state));
  if (link) {
    batch.put(key_at(kLink, sealed.header.height), encode(*link));
  }
  put_changes(batch, last.state, changed);
  I2_TRY_VALUE(const std::uint64_t first, prune(batch, last.head.height));
  I2_TRY(write(batch, durability, last));
  first_block_ = first;
  if (link && wants_confirmation(*link)) {
    unconfirmed_.push_back(*std::move(link));
  }
  moved_to(std::make_shared<const Chain>(std::move(last)), sealed, std::move(changed));
  return {};
}

void Ledger::moved_to(std::shared_ptr<const Chain> chain, SealedHeader head,
                      std::set<Bytes> changed) {
  {
    const std::scoped_lock lock(snapshots_);
    chain_ = chain;
    head_ = std::move(head);
  }
  if (listener_) {
    listener_({.chain = std::move(chain), .changed = std::move(changed)});
  }
}

namespace {

// Keys whose values differ.
std::set<Bytes> differences(const StateTree& before, const StateTree& after) {
  std::set<Bytes> out;
  const auto compare = [&out](const StateTree& in, const StateTree& with) {
    in.scan({}, {}, [&](ByteView k, ByteView value) {
      const auto other = with.get(k);
      if (!other || !equal(*other, value)) {
        out.insert(to_bytes(k));
      }
      return true;
    });
  };
  compare(before, after);
  compare(after, before);
  return out;
}

}  // namespace

Result<bool> Ledger::adopt(std::span<const EpochLink> links, const SealedHeader& head,
                           const StateTree& state) {
  const std::scoped_lock adding(adding_);
  const auto held = chain();
  if (head.header.height <= held->head.height) {
    return false;
  }
  // From what this node knows already, not from the genesis: old keys count for nothing here.
  I2_TRY_VALUE(Authority sealing, Authority::of(FleetState(held->state)));
  for (const EpochLink& link : links) {
    if (link.boundary.header.height > held->head.height) {
      I2_TRY_VALUE(sealing, sealing.after(link));
    }
  }
  I2_TRY(check_snapshot(sealing, held->head.chain_id, head, state));
  I2_TRY(usable());
  store::Batch batch;
  for (const std::uint8_t what : {kBlock, kSeal, kIndex, kLink}) {
    batch.erase_all(key(what));
  }
  for (const EpochLink& link : links) {
    batch.put(key_at(kLink, link.boundary.header.height), encode(link));
  }
  batch.put(key(kHead), encode(head));
  std::set<Bytes> changed = differences(held->state, state);
  put_changes(batch, state, changed);
  auto next = std::make_shared<const Chain>(Chain{.state = state, .head = head.header});
  I2_TRY(write(batch, Durability::kSynced, *next));
  first_block_ = head.header.height + 1;
  authority_.reset();
  unconfirmed_.assign(links.begin(), links.end());
  std::erase_if(unconfirmed_, [](const EpochLink& link) { return !wants_confirmation(link); });
  moved_to(std::move(next), head, std::move(changed));
  return true;
}

}  // namespace i2::fleet
