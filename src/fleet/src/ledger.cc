// A ledger on disk: making, opening and reading it. ledger_growth.cc adds to it.
#include <i2/fleet/ledger.h>

#include <format>

#include "layout.h"
#include "ledger_database.h"

namespace i2::fleet {
namespace {

namespace fs = std::filesystem;
using store::KeyValueStore;

Bytes meta(const ChainId& chain) {
  Bytes out;
  wire::Writer w(out);
  w.u32(kFormat);
  w.bytes(chain.view());
  return out;
}

void put_state(store::Batch& batch, const StateTree& state) {
  state.scan({}, {}, [&batch](ByteView k, ByteView value) {
    batch.put(key(kState, k), to_bytes(value));
    return true;
  });
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

// Whether those to whom `known` leads have sealed `head`, and it names `state`.
Result<void> check_snapshot(const Authority& known, const ChainId& chain, const SealedHeader& head,
                            const StateTree& state) {
  I2_TRY_VALUE(const EpochRecord epoch, sealing_epoch(FleetState(state), head.header.height));
  I2_TRY_VALUE(const Authority sealing, known.in(epoch));
  I2_TRY(sealing.verify(head));
  I2_TRY_VALUE(const Genesis inside, FleetState(state).genesis());
  if (head.header.chain_id != chain || chain_id(inside) != chain ||
      head.header.state != state.root()) {
    return fail("fleet.snapshot_invalid", "the state is not the one that its header names");
  }
  return {};
}

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
  I2_TRY(check_snapshot(authority, chain_id(genesis), head, state));
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

Result<std::unique_ptr<Ledger>> Ledger::view(const fs::path& data_dir, const StateMachine& machine,
                                             const ChainId& chain) {
  I2_TRY_VALUE(auto head_file, store::HeadFile::open(data_dir / kHeadFile, chain.bytes));
  I2_TRY_VALUE(auto store, KeyValueStore::open(data_dir / kStateDir, KeyValueStore::Mode::kView));
  std::unique_ptr<Ledger> out(new Ledger(machine, std::move(store), std::move(head_file)));
  I2_TRY(out->load(chain));
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
  first_block_ = chain_->head.height + 1;
  return store_->scan(key(kBlock), [this](ByteView k, ByteView) {
    first_block_ = wire::Reader(k.subspan(1)).u64();
    return false;
  });
}

// The database may be ahead of the head file, when the process died before that was written; it
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

Result<std::optional<BlockId>> Ledger::block_id(std::uint64_t height) const {
  if (const auto held = chain(); held->head.height == height && height > 0) {
    return tip(*held);
  }
  I2_TRY_VALUE(const auto block, read_block(height));
  return block ? std::optional(id(block->header)) : std::nullopt;
}

Result<std::optional<BlockSeal>> Ledger::seal(std::uint64_t height) const {
  I2_TRY_VALUE(const auto bytes, store_->get(key_at(kSeal, height)));
  if (!bytes) {
    return std::nullopt;
  }
  auto out = decode_seal(*bytes);
  return out ? Result<std::optional<BlockSeal>>(*std::move(out))
             : damaged("the seal of block " + std::to_string(height) + " cannot be read");
}

Result<std::optional<Bytes>> Ledger::account(EpochNumber epoch, consensus::View view) const {
  const Bytes wanted = account_key(epoch, view);
  const Bytes of_epoch = key_at(kAccount, epoch);
  I2_TRY_VALUE(auto found, store_->first_from(wanted, of_epoch));
  if (!found) {
    I2_TRY_VALUE(found, store_->last_to(wanted, of_epoch));
  }
  if (!found) {
    return std::nullopt;
  }
  return std::optional(to_bytes(ByteView(found->value).subspan(sizeof(std::uint64_t))));
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
      return fail("fleet.blocks_unavailable",
                  "this node has the state alone, and not block " + std::to_string(at) +
                      ", which is older than what it keeps or than what it began with");
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

}  // namespace i2::fleet
