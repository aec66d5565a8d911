#include <i2/fleet/ledger.h>
#include <i2/wire/reader.h>

#include <format>

#include "layout.h"

namespace i2::fleet {
namespace {

namespace fs = std::filesystem;
using store::KeyValueStore;

// First bytes of the keys of the database.
constexpr std::uint8_t kMeta = 'm';
constexpr std::uint8_t kHead = 'h';
constexpr std::uint8_t kBlock = 'b';
constexpr std::uint8_t kSeal = 'e';
constexpr std::uint8_t kLink = 'l';
constexpr std::uint8_t kIndex = 'i';
constexpr std::uint8_t kState = 's';
constexpr std::uint32_t kFormat = 2;

Bytes key(std::uint8_t what, ByteView rest = {}) {
  Bytes out{what};
  append(out, rest);
  return out;
}

Bytes key_at(std::uint8_t what, std::uint64_t height) {
  Bytes out{what};
  wire::Writer(out).u64(height);
  return out;
}

Bytes meta(const ChainId& chain) {
  Bytes out;
  wire::Writer w(out);
  w.u32(kFormat);
  w.bytes(chain.view());
  return out;
}

std::unexpected<Error> damaged(const std::string& what) {
  return fail("fleet.ledger_damaged",
              "the ledger is damaged (" + what + "): restore the data directory from a backup");
}

store::Head head_of(const Chain& chain) {
  return {.sequence = chain.head.height, .digest = tip(chain).bytes};
}

void put_state(store::Batch& batch, const StateTree& state) {
  state.scan({}, {}, [&batch](ByteView k, ByteView value) {
    batch.put(key(kState, k), to_bytes(value));
    return true;
  });
}

// The one whose last block it is.
Result<EpochNumber> ended_epoch(const EpochLink& link) {
  I2_TRY_VALUE(const Bytes value, read_proof(link.boundary.header.state, epoch_key(), link.proof));
  I2_TRY_VALUE(const EpochRecord next, decode_epoch_record(value));
  return next.number - 1;
}

// A validator that is alone signs blocks as itself, with Falcon too.
bool wants_confirmation(const EpochLink& link) {
  return link.confirmations.empty() && std::holds_alternative<consensus::Seal>(link.boundary.seal);
}

Result<void> create_files(const fs::path& data_dir, const Chain& chain,
                          std::span<const EpochLink> links,
                          const std::optional<SealedHeader>& head) {
  std::error_code error;
  fs::remove_all(data_dir / kStateDir, error);
  if (error) {
    return fail(errno_error("store.failed", "cannot remove what is left of an earlier attempt",
                            error.value()));
  }
  I2_TRY_VALUE(const auto store,
               KeyValueStore::open(data_dir / kStateDir, KeyValueStore::Mode::kCreate));
  store::Batch batch;
  batch.put(key(kMeta), meta(chain.head.chain_id));
  if (head) {
    batch.put(key(kHead), encode(*head));
  }
  for (const EpochLink& link : links) {
    batch.put(key_at(kLink, link.boundary.header.height), encode(link));
  }
  put_state(batch, chain.state);
  I2_TRY(store->commit(batch));
  I2_TRY(store::HeadFile::create(data_dir / kHeadFile, chain.head.chain_id.bytes, head_of(chain)));
  return {};
}

}  // namespace

Result<void> Ledger::create(const fs::path& data_dir, const Genesis& genesis) {
  I2_TRY_VALUE(const Chain chain, StateMachine::begin(genesis));
  return create_files(data_dir, chain, {}, std::nullopt);
}

Result<void> Ledger::create(const fs::path& data_dir, const Genesis& genesis,
                            std::span<const EpochLink> links, const SealedHeader& head,
                            const StateTree& state) {
  Authority authority = Authority::of(genesis);
  for (const EpochLink& link : links) {
    I2_TRY_VALUE(authority, authority.after(link));
  }
  I2_TRY_VALUE(const EpochRecord epoch, sealing_epoch(FleetState(state), head.header.height));
  I2_TRY_VALUE(authority, authority.in(epoch));
  I2_TRY(authority.verify(head));
  I2_TRY_VALUE(const Genesis inside, FleetState(state).genesis());
  if (head.header.chain_id != chain_id(genesis) || chain_id(inside) != chain_id(genesis) ||
      head.header.state != state.root()) {
    return fail("fleet.snapshot_invalid", "the state is not the one that its header names");
  }
  return create_files(data_dir, {.state = state, .head = head.header}, links, head);
}

Ledger::Ledger(const StateMachine& machine, std::unique_ptr<KeyValueStore> store,
               store::HeadFile head_file)
    : machine_(machine), store_(std::move(store)), head_file_(std::move(head_file)) {}

Result<std::unique_ptr<Ledger>> Ledger::open(const fs::path& data_dir, const StateMachine& machine,
                                             const ChainId& chain) {
  I2_TRY_VALUE(auto head_file, store::HeadFile::open(data_dir / kHeadFile, chain.bytes));
  I2_TRY_VALUE(auto store,
               KeyValueStore::open(data_dir / kStateDir, KeyValueStore::Mode::kExisting));
  std::unique_ptr<Ledger> out(new Ledger(machine, std::move(store), std::move(head_file)));
  I2_TRY(out->load(chain));
  I2_TRY(out->check_head(data_dir));
  return out;
}

Result<void> Ledger::load_state(StateTree& out) const {
  return store_->scan(key(kState), [&out](ByteView k, ByteView value) {
    if (k.size() > 1 && k.size() <= 1 + ports::kStateKeySizeMax) {
      out.put(k.subspan(1), value);
    }
    return true;
  });
}

Result<void> Ledger::load(const ChainId& chain) {
  I2_TRY_VALUE(const auto found, store_->get(key(kMeta)));
  if (found && found->size() == meta(chain).size() && wire::Reader(*found).u32() != kFormat) {
    return fail("fleet.ledger_damaged",
                "the ledger was written by another version of this program, which alone can read "
                "it: make a new data directory with this one");
  }
  if (found != meta(chain)) {
    return damaged("its database is of another fleet or format");
  }
  Chain loaded;
  I2_TRY(load_state(loaded.state));
  I2_TRY_VALUE(const auto head, store_->get(key(kHead)));
  if (head) {
    auto decoded = decode_snapshot_point(*head);
    if (!decoded) {
      return damaged("its last header cannot be read");
    }
    head_ = *std::move(decoded);
    loaded.head = head_->header;
  } else {
    auto genesis = FleetState(loaded.state).genesis();
    if (!genesis) {
      return damaged("its genesis cannot be read");
    }
    I2_TRY_VALUE(const Chain begun, StateMachine::begin(*genesis));
    loaded.head = begun.head;
  }
  if (loaded.head.chain_id != chain || loaded.head.state != loaded.state.root()) {
    return damaged("its state is not the one that its last header names");
  }
  chain_ = std::make_shared<const Chain>(std::move(loaded));
  I2_TRY_VALUE(unconfirmed_, links());
  std::erase_if(unconfirmed_, [](const EpochLink& link) { return !wants_confirmation(link); });
  return {};
}

// The database may be one run ahead of the head file, when the process died between the two; it
// must never be behind.
Result<void> Ledger::check_head(const fs::path& data_dir) {
  const store::Head noted = head_file_.head();
  const store::Head present = head_of(*chain_);
  if (present == noted) {
    return {};
  }
  if (present.sequence < noted.sequence) {
    return fail("fleet.ledger_rolled_back",
                std::format("the ledger in '{}' ends with block {}, but block {} had been written: "
                            "it is an older copy or has lost writes; restore the newest backup",
                            data_dir.string(), present.sequence, noted.sequence));
  }
  if (present.sequence == noted.sequence) {
    return damaged("its last block is not the one that its head file names");
  }
  if (noted.sequence > 0) {
    I2_TRY_VALUE(const auto block, read_block(noted.sequence));
    if (block && id(block->header).bytes != noted.digest) {
      return damaged("one of its blocks is not the one that its head file names");
    }
  }
  return head_file_.advance(present);
}

std::shared_ptr<const Chain> Ledger::chain() const {
  const std::scoped_lock lock(snapshots_);
  return chain_;
}

std::optional<SealedHeader> Ledger::head() const {
  const std::scoped_lock lock(snapshots_);
  return head_;
}

Result<std::optional<Ledger::Snapshot>> Ledger::snapshot() const {
  Snapshot out;
  {
    const std::scoped_lock lock(snapshots_);
    if (!head_) {
      return std::nullopt;
    }
    out.point = *head_;
    out.chain = chain_;
  }
  const std::uint64_t height = out.point.header.height;
  I2_TRY_VALUE(out.epoch, sealing_epoch(FleetState(out.chain->state), height));
  I2_TRY_VALUE(out.links, links());
  std::erase_if(out.links,
                [height](const EpochLink& link) { return link.boundary.header.height >= height; });
  return std::optional(std::move(out));
}

Result<std::vector<EpochLink>> Ledger::links() const {
  std::vector<EpochLink> out;
  bool good = true;
  I2_TRY(store_->scan(key(kLink), [&](ByteView, ByteView value) {
    auto link = decode_link(value);
    good = link.has_value();
    if (good) {
      out.push_back(*std::move(link));
    }
    return good;
  }));
  return good ? Result<std::vector<EpochLink>>(std::move(out))
              : damaged("one of its links between epochs cannot be read");
}

Result<std::optional<Block>> Ledger::read_block(std::uint64_t height) const {
  I2_TRY_VALUE(const auto bytes, store_->get(key_at(kBlock, height)));
  if (!bytes) {
    return std::nullopt;
  }
  auto block = decode_block(*bytes);
  if (!block || block->header.height != height) {
    return damaged("block " + std::to_string(height) + " cannot be read");
  }
  return std::optional(*std::move(block));
}

Result<std::vector<Ledger::StoredBlock>> Ledger::blocks_after(std::uint64_t height,
                                                              std::size_t size_max) const {
  std::vector<StoredBlock> out;
  std::size_t size = 0;
  std::size_t sealed = 0;  // of them form whole runs
  const std::uint64_t last = this->height();
  for (std::uint64_t at = height; at < last && (sealed == 0 || size <= size_max);) {
    ++at;
    I2_TRY_VALUE(auto block, store_->get(key_at(kBlock, at)));
    if (!block) {
      return fail(
          "fleet.blocks_unavailable",
          "this node began with a later state and does not have block " + std::to_string(at));
    }
    I2_TRY_VALUE(auto seal, store_->get(key_at(kSeal, at)));
    size += block->size() + (seal ? seal->size() : 0);
    out.push_back({.block = *std::move(block), .seal = std::move(seal).value_or(Bytes{})});
    if (!out.back().seal.empty() && (sealed == 0 || size <= size_max)) {
      sealed = out.size();
    }
  }
  out.resize(sealed);
  return out;
}

Result<std::optional<ports::Receipt>> Ledger::find(const OperationId& operation) const {
  I2_TRY_VALUE(const auto bytes, store_->get(key(kIndex, operation.view())));
  if (!bytes) {
    return std::nullopt;
  }
  wire::Reader r(*bytes);
  ports::Receipt out{.operation = operation};
  out.height = r.u64();
  out.index = r.u32();
  out.time = r.u64();
  if (!r.done()) {
    return damaged("its index of operations cannot be read");
  }
  return std::optional(out);
}

void Ledger::on_change(std::function<void(const LedgerChange&)> listener) {
  listener_ = std::move(listener);
}

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

Result<void> Ledger::append(Run run) {
  const std::scoped_lock adding(adding_);
  std::vector<BlockHeader> headers;
  for (const BlockBuilder::Built& built : run.blocks) {
    headers.push_back(built.block.header);
  }
  I2_TRY_VALUE(const std::size_t there, known(headers));
  run.blocks.erase(run.blocks.begin(), run.blocks.begin() + static_cast<std::ptrdiff_t>(there));
  return run.blocks.empty() ? Result<void>{} : commit(std::move(run));
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
  I2_TRY(commit(std::move(run)));
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

Result<void> Ledger::commit(Run run) {
  if (stopped_) {
    return fail("fleet.ledger_stopped",
                "the ledger takes nothing more after a failed write: restart the daemon");
  }
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
  I2_TRY(complete_links(batch));
  I2_TRY_VALUE(auto link, link_after(chain()->state, sealed, last.state));
  if (link) {
    batch.put(key_at(kLink, sealed.header.height), encode(*link));
  }
  for (const Bytes& which : changed) {
    if (const auto value = last.state.get(which)) {
      batch.put(key(kState, which), to_bytes(*value));
    } else {
      batch.erase(key(kState, which));
    }
  }
  stopped_ = true;
  I2_TRY(store_->commit(batch));
  I2_TRY(head_file_.advance(head_of(last)));
  stopped_ = false;
  auto next = std::make_shared<const Chain>(std::move(last));
  {
    const std::scoped_lock lock(snapshots_);
    chain_ = next;
    head_ = sealed;
  }
  if (link && wants_confirmation(*link)) {
    unconfirmed_.push_back(*std::move(link));
  }
  if (listener_) {
    listener_({.chain = std::move(next), .changed = std::move(changed)});
  }
  return {};
}

}  // namespace i2::fleet
