#include <i2/base/assert.h>
#include <i2/fleet/core/state_machine.h>

#include <algorithm>

namespace i2::fleet {
namespace {

// Room for the header, its signature and the lengths of the operations.
constexpr std::size_t kBlockOverhead = 4096;
// High if one of its steps is.
constexpr ports::OperationKind kBatchKind{.kind = kBatch, .name = "batch", .alone = true};

// What one operation changes, on top of a copy of the state.
class Scratch final : public ports::StateWriter {
 public:
  Scratch(const StateTree& state, std::string_view module)
      : state_(state), prefix_(std::string(module) + "/") {}

  [[nodiscard]] std::optional<ByteView> get(ByteView key) const override { return state_.get(key); }
  void scan(ByteView prefix, ByteView after,
            const std::function<bool(ByteView, ByteView)>& visit) const override {
    state_.scan(prefix, after, visit);
  }
  [[nodiscard]] std::uint64_t count(ByteView prefix) const override { return state_.count(prefix); }
  void put(ByteView key, ByteView value) override {
    own(key);
    I2_ASSERT(value.size() <= ports::kStateValueSizeMax);
    state_.put(key, value);
    changed_.insert(to_bytes(key));
  }
  void erase(ByteView key) override {
    own(key);
    state_.erase(key);
    changed_.insert(to_bytes(key));
  }

  void take_into(StateTree& state, std::set<Bytes>& changed) && {
    state = std::move(state_);
    changed.merge(changed_);
  }

 private:
  // A module that wrote into another's keys would break that one's invariants.
  void own(ByteView key) const { I2_ASSERT(as_text(key).starts_with(prefix_)); }

  StateTree state_;
  const std::string prefix_;
  std::set<Bytes> changed_;
};

Result<void> check_times(const Operation& operation, const ports::BlockContext& block) {
  if (operation.expiry <= block.time) {
    return fail("fleet.operation_expired",
                "the operation was not submitted in time: sign it again; compare the clocks");
  }
  if (operation.expiry > block.time + kOperationLifeMsMax) {
    return fail("fleet.operation_expired", "an operation may not be valid for longer than 30 days");
  }
  if (operation.anchor_height >= block.height) {
    return fail("fleet.operation_early", "the operation refers to a state that is not there yet");
  }
  return {};
}

}  // namespace

struct StateMachine::Account {
  ports::AccountType type = ports::AccountType::kMember;
  trustchain::HybridPublicKey key;
  AccountRecord record;
};

Result<std::shared_ptr<const OperatorSet>> StateMachine::operators_of(
    const StateTree& state) const {
  const ByteView value = state.get(operators_key()).value_or(ByteView{});
  if (auto known = known_ == nullptr ? nullptr : known_->operators(value)) {
    return known;
  }
  I2_TRY_VALUE(auto read, FleetState(state).operators());
  auto out = std::make_shared<const OperatorSet>(std::move(read));
  if (known_ != nullptr) {
    known_->keep(value, out);
  }
  return out;
}

// None: it is no member.
Result<std::optional<trustchain::HybridPublicKey>> StateMachine::member_key_of(
    const StateTree& state, const AccountId& account) const {
  if (!state.get(member_key(account.view()))) {
    return std::nullopt;
  }
  if (auto known = known_ == nullptr ? std::nullopt : known_->member(account)) {
    return known;
  }
  I2_TRY_VALUE(const auto member, FleetState(state).member(NodeId{account.bytes}));
  if (known_ != nullptr) {
    known_->keep(account, member->info.identity);
  }
  return member->info.identity;
}

Result<StateMachine::Account> StateMachine::find_account(const StateTree& tree,
                                                         const OperatorSet& operators,
                                                         const AccountId& id) const {
  const FleetState state(tree);
  Account out;
  I2_TRY_VALUE(out.record, state.account(id));
  I2_TRY_VALUE(const auto member, member_key_of(tree, id));
  if (member) {
    out.key = *member;
    return out;
  }
  out.type = ports::AccountType::kOperator;
  const auto key = std::ranges::find(operators.keys, OperatorId{id.bytes}, operator_id);
  if (key != operators.keys.end()) {
    out.key = *key;
    return out;
  }
  I2_TRY_VALUE(const auto former, state.revoked(NodeId{id.bytes}));
  if (former) {
    return fail("fleet.account_revoked",
                "'" + former->name + "' is no longer a member and changes nothing any more");
  }
  return fail("fleet.account_unknown",
              "the operation is by nobody this fleet knows (account " + id.hex() + ")");
}

StateMachine::StateMachine(std::vector<const ports::StateModule*> modules, KnownKeys* known)
    : modules_(std::move(modules)), known_(known) {
  modules_.push_back(&fleet_);
  modules_.push_back(&trust_);
  kinds_.emplace(kBatch, Registered{nullptr, &kBatchKind});
  std::set<std::string_view> names;
  for (const ports::StateModule* module : modules_) {
    I2_ASSERT(names.insert(module->name()).second);
    for (const ports::OperationKind& kind : module->kinds()) {
      const bool added = kinds_.emplace(kind.kind, Registered{module, &kind}).second;
      I2_ASSERT(added);
    }
  }
}

Result<Chain> StateMachine::begin(const Genesis& genesis) {
  if (genesis.parameters.proof_policy != 0) {
    return fail("fleet.parameter_unsupported",
                "the fleet uses proof policy " + std::to_string(genesis.parameters.proof_policy) +
                    ", of which this version knows nothing: update the program");
  }
  Chain out;
  Scratch scratch(out.state, kFleetModule);
  FleetModule::begin(scratch, genesis);
  std::set<Bytes> changed;
  std::move(scratch).take_into(out.state, changed);
  out.head.chain_id = chain_id(genesis);
  out.head.time = genesis.created;
  out.head.proposer = genesis.first_member.node_id;
  out.head.state = out.state.root();
  return out;
}

const ports::OperationKind* StateMachine::find(std::uint16_t kind) const {
  const auto at = kinds_.find(kind);
  return at == kinds_.end() ? nullptr : at->second.kind;
}

const ports::OperationKind* StateMachine::find(std::string_view name) const {
  for (const auto& [number, registered] : kinds_) {
    if (registered.kind->name == name) {
      return registered.kind;
    }
  }
  return nullptr;
}

Result<Operation> StateMachine::parse(ByteView encoding, const ChainId& chain) const {
  I2_TRY_VALUE(auto operation, decode_operation(encoding));
  if (operation.chain_id != chain) {
    return fail("fleet.operation_foreign", "the operation is for another fleet");
  }
  if (operation.machine_version != kMachineVersion) {
    return fail("fleet.operation_version",
                "the operation was made for version " + std::to_string(operation.machine_version) +
                    " of the state; this fleet is at version " + std::to_string(kMachineVersion));
  }
  I2_TRY_VALUE(const auto steps, steps_of(operation));
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (auto good = check_step(steps[i], steps.size() > 1); !good) {
      return fail(at_step(good.error(), i, steps.size()));
    }
  }
  return operation;
}

Result<void> StateMachine::check_step(const Step& step, bool in_batch) const {
  const auto at = kinds_.find(step.kind);
  if (at == kinds_.end()) {
    return fail("fleet.operation_kind", "no layer of this program knows operations of kind " +
                                            std::to_string(step.kind) + ": update the program");
  }
  const auto& [module, kind] = at->second;
  if (in_batch && kind->alone) {
    return fail("fleet.operation_alone", "an operation of kind " + std::string(kind->name) +
                                             " cannot be part of a batch: submit it by itself");
  }
  return module->decode(step.kind, step.body);
}

bool StateMachine::is_high(std::span<const Step> steps) const {
  return std::ranges::any_of(steps, [this](const Step& step) {
    const ports::OperationKind* const kind = find(step.kind);
    return kind != nullptr && kind->high;
  });
}

Result<void> StateMachine::verify_author(const StateTree& tree, const Operation& operation) const {
  I2_TRY_VALUE(const auto operators, operators_of(tree));
  I2_TRY_VALUE(const Account account, find_account(tree, *operators, operation.account));
  I2_TRY_VALUE(const auto steps, steps_of(operation));
  return verify_signature(operation, account.key, is_high(steps));
}

Result<StateMachine::Executed> StateMachine::execute(const Chain& chain, const Block& block,
                                                     const IsVerified& is_verified) const {
  const BlockHeader& header = block.header;
  const auto refuse = [&](const std::string& why) {
    return fail("fleet.block_invalid",
                "block " + std::to_string(header.height) + " is not valid: " + why);
  };
  if (header.chain_id != chain.head.chain_id || header.height != chain.head.height + 1 ||
      header.previous != tip(chain) || header.time <= chain.head.time) {
    return refuse("it does not follow block " + std::to_string(chain.head.height));
  }
  I2_TRY_VALUE(const EpochRecord epoch, FleetState(chain.state).epoch());
  if (!std::ranges::contains(epoch.validators, header.proposer, &EpochValidator::node)) {
    return refuse("its proposer is not a validator");
  }
  BlockBuilder builder(*this, chain, header.time);
  for (const Bytes& operation : block.operations) {
    if (auto added = builder.add(operation, is_verified && is_verified(operation)); !added) {
      return refuse(added.error().to_string());
    }
  }
  I2_TRY_VALUE(auto built, std::move(builder).finish(header.proposer));
  if (built.block.header != header) {
    return refuse("its operations lead to another state than it says");
  }
  return std::move(built.executed);
}

BlockBuilder::BlockBuilder(const StateMachine& machine, Chain chain, UnixMillis now)
    : machine_(machine),
      chain_(std::move(chain)),
      previous_(tip(chain_)),
      context_{.chain_id = chain_.head.chain_id,
               .height = chain_.head.height + 1,
               .time = std::max(now, chain_.head.time + 1)} {}

bool BlockBuilder::full() const {
  return operations_.size() >= kBlockOperationsMax || steps_ + kBatchStepsMax > kBlockStepsMax ||
         bytes_ + kOperationSizeMax + kBlockOverhead > kBlockSizeMax;
}

Result<void> BlockBuilder::add(Bytes encoding, bool verified) {
  if (full()) {
    return fail("fleet.overloaded", "the block is full");
  }
  I2_TRY_VALUE(const Operation operation, machine_.parse(encoding, context_.chain_id));
  I2_TRY(check_times(operation, context_));
  I2_TRY_VALUE(const auto operators, machine_.operators_of(chain_.state));
  I2_TRY_VALUE(auto account, machine_.find_account(chain_.state, *operators, operation.account));
  if (operation.nonce != account.record.next_nonce) {
    return fail("fleet.operation_nonce", "the account's next operation has nonce " +
                                             std::to_string(account.record.next_nonce) +
                                             ", this one has " + std::to_string(operation.nonce));
  }
  I2_TRY_VALUE(const auto steps, steps_of(operation));
  if (!verified) {
    I2_TRY(verify_signature(operation, account.key, machine_.is_high(steps)));
  }
  I2_TRY_VALUE(auto approvals, verify_approvals(operation, operators->keys));
  if (account.type == ports::AccountType::kOperator &&
      !std::ranges::contains(approvals, operation.account)) {
    approvals.push_back(operation.account);
  }
  const ports::OperationView view{.id = id(operation),
                                  .account = operation.account,
                                  .account_type = account.type,
                                  .kind = operation.kind,
                                  .body = operation.body,
                                  .approvals = approvals};
  StateTree state = chain_.state;
  std::set<Bytes> changed;
  I2_TRY(perform(state, changed, view, steps));
  chain_.state = std::move(state);
  tell_of_convictions(changed);
  changed_.merge(changed);
  account.record = {.next_nonce = operation.nonce + 1, .last = view.id};
  const Bytes key = account_key(operation.account);
  chain_.state.put(key, encode(account.record));
  changed_.insert(key);
  steps_ += steps.size();
  bytes_ += encoding.size() + sizeof(std::uint32_t);
  operations_.push_back(std::move(encoding));
  return {};
}

Result<void> BlockBuilder::perform(StateTree& state, std::set<Bytes>& changed,
                                   ports::OperationView view, std::span<const Step> steps) const {
  const auto perform_one = [&](const Step& step) -> Result<void> {
    if (view.account_type == ports::AccountType::kMember &&
        !state.get(member_key(view.account.view()))) {
      return fail("fleet.account_revoked", "the step before has ended its author's membership");
    }
    const ports::StateModule& module = *machine_.kinds_.at(step.kind).module;
    view.kind = step.kind;
    view.body = step.body;
    I2_TRY(module.validate(state, view, context_));
    Scratch scratch(state, module.name());
    I2_TRY(module.apply(scratch, view, context_));
    std::move(scratch).take_into(state, changed);
    return {};
  };
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (auto done = perform_one(steps[i]); !done) {
      return fail(at_step(done.error(), i, steps.size()));
    }
  }
  return {};
}

void BlockBuilder::tell_of_convictions(const std::set<Bytes>& changed) {
  const Bytes prefix = offence_key({});
  for (auto at = changed.lower_bound(prefix);
       at != changed.end() && as_text(*at).starts_with(as_text(prefix)); ++at) {
    NodeId offender;
    std::copy(at->begin() + static_cast<std::ptrdiff_t>(prefix.size()), at->end(),
              offender.bytes.begin());
    for (const ports::StateModule* const module : machine_.modules_) {
      Scratch scratch(chain_.state, module->name());
      module->on_conviction(scratch, offender, context_);
      std::move(scratch).take_into(chain_.state, changed_);
    }
  }
}

Result<BlockBuilder::Built> BlockBuilder::finish(const NodeId& proposer) && {
  Scratch scratch(chain_.state, kFleetModule);
  I2_TRY_VALUE(const bool ends_epoch, FleetModule::end_block(scratch, context_, previous_));
  std::move(scratch).take_into(chain_.state, changed_);
  Built out;
  out.block.header = {.chain_id = context_.chain_id,
                      .height = context_.height,
                      .previous = previous_,
                      .time = context_.time,
                      .proposer = proposer,
                      .operations = operations_hash(operations_),
                      .state = chain_.state.root()};
  out.block.operations = std::move(operations_);
  out.executed = {.chain = {.state = std::move(chain_.state), .head = out.block.header},
                  .changed = std::move(changed_),
                  .ends_epoch = ends_epoch};
  return out;
}

}  // namespace i2::fleet
