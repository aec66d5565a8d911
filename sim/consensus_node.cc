// One validator of the simulated fleet: its engine, its disk.
#include <algorithm>

#include "consensus_world.h"

namespace i2::sim {
namespace {

constexpr Duration kSyncAfter = 200 * kMillisecond;

}  // namespace

Bytes encode_payload(const Payload& payload) {
  Bytes out;
  wire::Writer w(out);
  w.bytes(payload.parent.view());
  w.u64(payload.height);
  w.u64(payload.author);
  w.u64(payload.number);
  return out;
}

std::optional<Payload> decode_payload(ByteView encoding) {
  wire::Reader r(encoding);
  Payload out;
  out.parent.bytes = r.array<32>();
  out.height = r.u64();
  out.author = r.u64();
  out.number = r.u64();
  return r.done() ? std::optional(out) : std::nullopt;
}

PayloadId payload_id(ByteView encoding) {
  return PayloadId{crypto::sha256(encoding)};
}

EpochNumber Node::epoch() const {
  const auto per = world_.plan().payloads_per_epoch;
  return disk_.ledger.size() / per;
}

// From its disk, in the epoch that its ledger has come to.
void Node::start() {
  const EpochNumber epoch = this->epoch();
  const auto& made = world_.set(epoch);
  Root root;
  if (!disk_.ledger.empty()) {
    const Sealed& last = *disk_.ledger.back();
    root.payload = last.id;
    if (last.epoch == epoch) {
      root.view = last.seal->proposal.view;
      root.proposal = id(*made.set, last.seal->proposal);
      root.seal = last.seal;
    }
  }
  std::vector<Record> records;
  for (const auto& [of, record] : disk_.log) {
    if (of == epoch) {
      records.push_back(record);
    }
  }
  heights_.clear();
  heights_[root.payload] = disk_.ledger.size();
  Engine::Options options{.self = self_, .timing = {}, .silent_through = 0};
  engine_ = std::make_unique<Engine>(made.set, *made.keys[self_], options, root, std::move(records),
                                     world_.now());
  engine_->set_demand(true, world_.now());
  for (std::size_t i = 0; i < world_.plan().validators; ++i) {
    engine_->handle_connected(static_cast<ValidatorIndex>(i), world_.now());
  }
  carry_out();
}

void Node::receive(ValidatorIndex from, const Envelope& envelope) {
  if (!engine_) {
    return;
  }
  if (envelope.epoch != engine_->set().epoch()) {
    if (envelope.epoch > engine_->set().epoch()) {
      world_.ask_ledger(*this);
    }
    return;
  }
  engine_->handle(from, envelope.message, world_.now());
  carry_out();
}

void Node::connected(ValidatorIndex peer) {
  if (engine_) {
    engine_->handle_connected(peer, world_.now());
    carry_out();
  }
}

void Node::want(bool demand) {
  if (engine_) {
    engine_->set_demand(demand, world_.now());
    carry_out();
  }
}

void Node::wake() {
  if (engine_ && engine_->deadline() <= world_.now()) {
    engine_->handle_time(world_.now());
  }
  planned_ = kNever;
  carry_out();
}

void Node::sync(const Ledger& ledger) {
  if (!engine_ || ledger.size() <= disk_.ledger.size()) {
    return;
  }
  for (std::size_t i = 0; i < disk_.ledger.size(); ++i) {
    if (ledger[i]->id != disk_.ledger[i]->id) {
      return;  // found by the comparison of the ledgers
    }
  }
  const EpochNumber before = epoch();
  const std::size_t first = disk_.ledger.size();
  disk_.ledger = ledger;
  disk_.synced = ledger.size();
  const EpochNumber after = epoch();
  world_.committed(*this, first);
  if (after != before) {
    start();
    return;
  }
  heights_[ledger.back()->id] = ledger.size();
  engine_->advance(*ledger.back()->seal, false, world_.now());
  carry_out();
}

std::uint64_t Node::height_of(const PayloadId& payload) const {
  const auto at = heights_.find(payload);
  return at == heights_.end() ? UINT64_MAX : at->second;
}

void Node::carry_out() {
  if (carrying_) {
    return;
  }
  carrying_ = true;
  while (engine_) {
    auto actions = engine_->poll();
    if (actions.empty()) {
      break;
    }
    carry_out(std::move(actions));
    if (engine_ && engine_->finished()) {
      carrying_ = false;
      start();
      return;
    }
  }
  carrying_ = false;
  if (engine_) {
    const Timestamp next = engine_->deadline();
    if (next != kNever && next < planned_) {
      planned_ = next;
      world_.at(next, [this] { wake(); });
    }
  }
}

void Node::carry_out(std::vector<Action> actions) {
  const EpochNumber epoch = engine_->set().epoch();
  // In the middle of the work the lights may go out: `left` actions are still carried out.
  std::size_t left = SIZE_MAX;
  if (world_.plan().crashes && world_.now() < world_.plan().trouble && world_.below(150) == 0) {
    left = world_.below(actions.size() + 1);
  }
  // Everything to remember is durable before anything is sent; a torn write loses the last ones.
  for (const Action& action : actions) {
    if (const auto* const remember = std::get_if<Remember>(&action)) {
      if (left-- == 0) {
        world_.note("torn", *this, {});
        crash();
        world_.at(world_.now() + world_.below(3 * kSecond), [this] { start(); });
        return;
      }
      disk_.log.emplace_back(epoch, remember->record);
    }
  }
  for (Action& action : actions) {
    if (left-- == 0) {
      world_.note("crash", *this, {});
      crash();
      world_.at(world_.now() + world_.below(3 * kSecond), [this] { start(); });
      return;
    }
    if (auto* const broadcast = std::get_if<Broadcast>(&action)) {
      const Envelope envelope{.epoch = epoch, .message = std::move(broadcast->message)};
      for (std::size_t i = 0; i < world_.plan().validators; ++i) {
        if (i != self_) {
          world_.send(*this, static_cast<ValidatorIndex>(i), envelope);
        }
      }
    } else if (auto* const send = std::get_if<Send>(&action)) {
      world_.send(*this, send->to, {.epoch = epoch, .message = std::move(send->message)});
    } else if (const auto* const build = std::get_if<Build>(&action)) {
      const std::uint64_t height = height_of(build->parent) + 1;
      Engine::Built built;
      built.payload = encode_payload({.parent = build->parent,
                                      .height = height,
                                      .author = number_,
                                      .number = world_.next_number()});
      built.id = payload_id(built.payload);
      built.ends_epoch = height % world_.plan().payloads_per_epoch == 0;
      heights_[built.id] = height;
      built_at_[built.id] = world_.now();
      engine_->built(build->view, std::move(built), world_.now());
    } else if (const auto* const validate = std::get_if<Validate>(&action)) {
      const auto payload = decode_payload(validate->payload);
      const std::uint64_t height = height_of(validate->parent) + 1;
      const bool good = payload && payload_id(validate->payload) == validate->id &&
                        payload->parent == validate->parent && payload->height == height;
      heights_[validate->id] = height;
      engine_->validated(validate->proposal, good, height % world_.plan().payloads_per_epoch == 0,
                         world_.now());
    } else if (auto* const sealed = std::get_if<Commit>(&action)) {
      commit(std::move(*sealed), epoch);
    } else if (const auto* const accuse = std::get_if<Accuse>(&action)) {
      world_.accused(*this, epoch, accuse->evidence);
    } else if (std::holds_alternative<CatchUp>(action)) {
      world_.ask_ledger(*this);
    } else if (std::holds_alternative<Halt>(action)) {
      world_.halted(*this);
    }
  }
}

void Node::commit(Commit action, EpochNumber epoch) {
  const std::size_t first = disk_.ledger.size();
  std::vector<Sealed> run;
  for (const ProposalMessage& message : action.chain) {
    if (!message.payload.empty()) {
      run.push_back({.id = message.proposal.proposal.payload,
                     .payload = message.payload,
                     .epoch = epoch,
                     .seal = {},
                     .chain = {}});
    }
  }
  if (run.empty()) {  // the last one once more
    run.push_back(*disk_.ledger.back());
    disk_.ledger.pop_back();
  }
  run.back().seal = action.seal;
  run.back().chain = std::move(action.chain);
  for (Sealed& sealed : run) {
    if (const auto built = built_at_.extract(sealed.id)) {
      world_.took(world_.now() - built.mapped());
    }
    disk_.ledger.push_back(std::make_shared<const Sealed>(std::move(sealed)));
  }
  world_.committed(*this, first);
  const auto synced = [this, epoch](std::size_t size) {
    disk_.synced = std::max(disk_.synced, std::min(size, disk_.ledger.size()));
    // What is not in it must not be forgotten.
    const View root = disk_.synced == 0 || disk_.ledger[disk_.synced - 1]->epoch < epoch
                          ? 0
                          : disk_.ledger[disk_.synced - 1]->seal->proposal.view;
    std::erase_if(disk_.log, [&](const auto& entry) {
      return entry.first < epoch || (entry.first == epoch && view_of(entry.second) <= root);
    });
  };
  if (this->epoch() != epoch) {
    synced(disk_.ledger.size());
  } else if (!std::exchange(sync_planned_, true)) {
    world_.at(world_.now() + kSyncAfter, [this, synced] {
      sync_planned_ = false;
      synced(disk_.ledger.size());
    });
  }
}

void Node::crash() {
  world_.crashed();
  engine_.reset();
  // Every second time the power fails for the whole machine.
  if (world_.below(2) == 0) {
    disk_.ledger.resize(disk_.synced);
  }
}

}  // namespace i2::sim
