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
constexpr std::uint8_t kIndex = 'i';
constexpr std::uint8_t kState = 's';
constexpr std::uint32_t kFormat = 1;

Bytes key(std::uint8_t what, ByteView rest = {}) {
  Bytes out{what};
  append(out, rest);
  return out;
}

Bytes block_key(std::uint64_t height) {
  Bytes out{kBlock};
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

Result<void> create_files(const fs::path& data_dir, const Chain& chain,
                          const std::optional<SignedHeader>& head) {
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
  put_state(batch, chain.state);
  I2_TRY(store->commit(batch));
  I2_TRY(store::HeadFile::create(data_dir / kHeadFile, chain.head.chain_id.bytes, head_of(chain)));
  return {};
}

}  // namespace

Result<void> Ledger::create(const fs::path& data_dir, const Genesis& genesis) {
  I2_TRY_VALUE(const Chain chain, StateMachine::begin(genesis));
  return create_files(data_dir, chain, std::nullopt);
}

Result<void> Ledger::create(const fs::path& data_dir, const Genesis& genesis,
                            const SignedHeader& head, const StateTree& state) {
  I2_TRY(verify_header(head, genesis.first_member.identity));
  I2_TRY_VALUE(const Genesis inside, FleetState(state).genesis());
  if (head.header.chain_id != chain_id(genesis) || chain_id(inside) != chain_id(genesis) ||
      head.header.state != state.root()) {
    return fail("fleet.snapshot_invalid", "the state is not the one that its header names");
  }
  return create_files(data_dir, {.state = state, .head = head.header}, head);
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
  return {};
}

// The database may be one block ahead of the head file, when the process died between the two; it
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
    if (block && id(block->head.header).bytes != noted.digest) {
      return damaged("one of its blocks is not the one that its head file names");
    }
  }
  return head_file_.advance(present);
}

std::shared_ptr<const Chain> Ledger::chain() const {
  const std::scoped_lock lock(snapshots_);
  return chain_;
}

std::optional<Ledger::Snapshot> Ledger::snapshot() const {
  const std::scoped_lock lock(snapshots_);
  return head_ ? std::optional(Snapshot{.point = *head_, .chain = chain_}) : std::nullopt;
}

Result<std::optional<Block>> Ledger::read_block(std::uint64_t height) const {
  I2_TRY_VALUE(const auto bytes, store_->get(block_key(height)));
  if (!bytes) {
    return std::nullopt;
  }
  auto block = decode_block(*bytes);
  if (!block || block->head.header.height != height) {
    return damaged("block " + std::to_string(height) + " cannot be read");
  }
  return std::optional(*std::move(block));
}

Result<std::vector<Bytes>> Ledger::blocks_after(std::uint64_t height, std::size_t size_max) const {
  std::vector<Bytes> out;
  std::size_t size = 0;
  const std::uint64_t last = this->height();
  for (std::uint64_t at = height; at < last;) {
    ++at;
    I2_TRY_VALUE(auto bytes, store_->get(block_key(at)));
    if (!bytes) {
      return fail("fleet.blocks_unavailable",
                  "this node began with a later state and does not have "
                  "block " +
                      std::to_string(at));
    }
    size += bytes->size();
    if (!out.empty() && size > size_max) {
      break;
    }
    out.push_back(*std::move(bytes));
  }
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

Result<void> Ledger::append(const BlockBuilder::Built& built) {
  const std::scoped_lock adding(adding_);
  const auto held = chain();
  if (built.block.head.header.height != held->head.height + 1 ||
      built.block.head.header.previous != tip(*held)) {
    return fail("fleet.block_invalid", "the block was built on another one than the last");
  }
  return commit(built.block, built.executed);
}

Result<bool> Ledger::follow(ByteView encoding) {
  I2_TRY_VALUE(const Block block, decode_block(encoding));
  const std::scoped_lock adding(adding_);
  const auto held = chain();
  const std::uint64_t height = block.head.header.height;
  if (height <= held->head.height) {
    I2_TRY_VALUE(const auto there, read_block(height));
    if (there && id(there->head.header) != id(block.head.header)) {
      return fail("fleet.ledger_diverged",
                  std::format("there are two blocks of height {}: this node has {}, the other one "
                              "is {}; the member that orders operations has lost some of them",
                              height, id(there->head.header).hex(), id(block.head.header).hex()));
    }
    return false;
  }
  I2_TRY_VALUE(const MemberRecord sequencer, sequencer_of(held->state));
  I2_TRY_VALUE(const auto executed, machine_.execute(*held, block, sequencer.info.node_id));
  I2_TRY(commit(block, executed));
  return true;
}

Result<void> Ledger::commit(const Block& block, const StateMachine::Executed& executed) {
  if (stopped_) {
    return fail("fleet.ledger_stopped",
                "the ledger takes nothing more after a failed write: restart the daemon");
  }
  const BlockHeader& header = block.head.header;
  store::Batch batch;
  batch.put(block_key(header.height), encode(block));
  batch.put(key(kHead), encode(block.head));
  for (std::size_t i = 0; i < block.operations.size(); ++i) {
    I2_TRY_VALUE(const Operation operation, decode_operation(block.operations[i]));
    Bytes where;
    wire::Writer w(where);
    w.u64(header.height);
    w.u32(static_cast<std::uint32_t>(i));
    w.u64(header.time);
    batch.put(key(kIndex, id(operation).view()), std::move(where));
  }
  for (const Bytes& changed : executed.changed) {
    if (const auto value = executed.chain.state.get(changed)) {
      batch.put(key(kState, changed), to_bytes(*value));
    } else {
      batch.erase(key(kState, changed));
    }
  }
  stopped_ = true;
  I2_TRY(store_->commit(batch));
  I2_TRY(head_file_.advance(head_of(executed.chain)));
  stopped_ = false;
  auto next = std::make_shared<const Chain>(executed.chain);
  {
    const std::scoped_lock lock(snapshots_);
    chain_ = next;
    head_ = block.head;
  }
  if (listener_) {
    listener_({.chain = std::move(next), .changed = executed.changed});
  }
  return {};
}

}  // namespace i2::fleet
