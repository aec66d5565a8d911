// StateMachine: the modules together; what an operation and a block do to the state.
//
//   operations ──▶ BlockBuilder ──▶ Block, StateTree        (whoever orders)
//   Block, StateTree ──▶ StateMachine::execute ──▶ StateTree   (whoever follows)
//
// Pure: the same tree and block give the same tree everywhere. A machine is immutable and may be
// shared between threads.
#pragma once

#include <i2/fleet/core/batch.h>
#include <i2/fleet/core/block.h>
#include <i2/fleet/core/fleet_module.h>
#include <i2/fleet/core/seal.h>
#include <i2/fleet/core/state_tree.h>
#include <i2/trustchain/core/trust_module.h>

#include <functional>
#include <map>
#include <memory>
#include <set>

namespace i2::fleet {

// A state and the block that led to it.
struct Chain {
  StateTree state;
  BlockHeader head;  // height 0 before the first block
  friend BlockId tip(const Chain& chain) {
    return chain.head.height == 0 ? BlockId{} : id(chain.head);
  }
};

// Keys that have been read before: reading one with Falcon takes longer than to verify with it.
// Changes no result. Thread-safe when machines are shared between threads.
class KnownKeys {
 public:
  virtual ~KnownKeys() = default;
  // `value`: as the state has it. Null when it is not known. Shared: with who reads it meanwhile.
  [[nodiscard]] virtual std::shared_ptr<const OperatorSet> operators(ByteView value) const = 0;
  virtual void keep(ByteView value, std::shared_ptr<const OperatorSet> operators) = 0;
  // Of a member; its id is the key's hash.
  [[nodiscard]] virtual std::optional<trustchain::HybridPublicKey> member(
      const AccountId& id) const = 0;
  virtual void keep(const AccountId& id, const trustchain::HybridPublicKey& key) = 0;
};

class StateMachine {
 public:
  // `modules` besides those that every fleet has (FleetModule, TrustModule), and `known` keys if
  // there are any; they must outlive the machine. Two that register one kind, or have one name, are
  // a programmer's error.
  explicit StateMachine(std::vector<const ports::StateModule*> modules = {},
                        KnownKeys* known = nullptr);
  StateMachine(const StateMachine&) = delete;
  StateMachine& operator=(const StateMachine&) = delete;

  // Before the first block. Genesis has been verified. Error: fleet.parameter_unsupported: this
  // program cannot execute the operations of that fleet.
  [[nodiscard]] static Result<Chain> begin(const Genesis& genesis);
  // Null for a kind that no module registered.
  [[nodiscard]] const ports::OperationKind* find(std::uint16_t kind) const;
  [[nodiscard]] const ports::OperationKind* find(std::string_view name) const;

  // What can be said without a state: form, chain, kinds, bodies. Errors:
  // fleet.operation_malformed, fleet.operation_foreign, fleet.operation_version,
  // fleet.operation_kind, fleet.operation_alone (of such a kind, in a batch).
  [[nodiscard]] Result<Operation> parse(ByteView encoding, const ChainId& chain) const;

  // The account's signatures. Errors: fleet.account_unknown, fleet.account_revoked,
  // fleet.operation_signature, fleet.state_invalid.
  [[nodiscard]] Result<void> verify_author(const StateTree& state,
                                           const Operation& operation) const;

  struct Executed {
    Chain chain;
    std::set<Bytes> changed;  // keys that were put or erased
    bool ends_epoch = false;
  };
  // The block on top of `chain`; everything is checked but the time against the clock and that the
  // block is final (seal.h). Error: fleet.block_invalid, with the reason.
  // `is_verified`: whether the account's signatures of these very bytes have been verified before.
  using IsVerified = std::function<bool(ByteView operation)>;
  [[nodiscard]] Result<Executed> execute(const Chain& chain, const Block& block,
                                         const IsVerified& is_verified = {}) const;

 private:
  friend class BlockBuilder;
  struct Registered {
    const ports::StateModule* module;  // null for batches, which are the machine's own
    const ports::OperationKind* kind;
  };
  [[nodiscard]] Result<void> check_step(const Step& step, bool in_batch) const;
  // Whether any of them asks for Falcon too.
  [[nodiscard]] bool is_high(std::span<const Step> steps) const;
  // Shared: with the known keys.
  [[nodiscard]] Result<std::shared_ptr<const OperatorSet>> operators_of(
      const StateTree& state) const;
  [[nodiscard]] Result<std::optional<trustchain::HybridPublicKey>> member_key_of(
      const StateTree& state, const AccountId& account) const;
  struct Account;
  [[nodiscard]] Result<Account> find_account(const StateTree& state, const OperatorSet& operators,
                                             const AccountId& id) const;

  FleetModule fleet_;
  trustchain::TrustModule trust_{fleet_};
  std::vector<const ports::StateModule*> modules_;
  std::map<std::uint16_t, Registered> kinds_;
  KnownKeys* known_;
};

// Puts operations into one block, each on top of those before it.
class BlockBuilder {
 public:
  // `machine` must outlive the builder. `now`: the block's time is this or a millisecond after the
  // block before, whichever is later.
  BlockBuilder(const StateMachine& machine, Chain chain, UnixMillis now);

  // `verified`: the account's signatures have been, of these very bytes. On an error the block is
  // what it was. Errors: those of parse(), fleet.operation_expired, fleet.operation_early,
  // fleet.account_unknown, fleet.account_revoked, fleet.operation_nonce, fleet.operation_signature,
  // and those of the module.
  [[nodiscard]] Result<void> add(Bytes operation, bool verified = false);
  // Whether another operation of the largest size, with the most steps, may not fit any more.
  [[nodiscard]] bool full() const;
  [[nodiscard]] std::size_t size() const { return operations_.size(); }
  [[nodiscard]] UnixMillis time() const { return context_.time; }

  struct Built {
    Block block;
    StateMachine::Executed executed;
  };
  // Error: fleet.state_invalid.
  [[nodiscard]] Result<Built> finish(const NodeId& proposer) &&;

 private:
  // All of them, each after those before it; on an error `state` and `changed` are good for
  // nothing any more. Errors: the modules', fleet.account_revoked (steps after the one that ends
  // the author's membership).
  [[nodiscard]] Result<void> perform(StateTree& state, std::set<Bytes>& changed,
                                     ports::OperationView view, std::span<const Step> steps) const;
  void tell_of_convictions(const std::set<Bytes>& changed);

  const StateMachine& machine_;
  Chain chain_;
  BlockId previous_;
  ports::BlockContext context_;
  std::vector<Bytes> operations_;
  std::size_t bytes_ = 0;
  std::size_t steps_ = 0;
  std::set<Bytes> changed_;
};

}  // namespace i2::fleet
