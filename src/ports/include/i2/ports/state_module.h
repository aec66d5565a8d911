// StateModule: one layer's part of the replicated state.
//
// The state of a fleet is a sorted map from keys to values that every member computes for itself
// from the same operations in the same order. A module owns the keys that begin with its name and a
// '/', and registers the kinds of operation that change them. Everything here is pure: the same
// state, operation and block give the same bytes on every machine and compiler. No clocks, no
// randomness, no floating point, no iteration over unordered containers.
#pragma once

#include <i2/base/clock.h>
#include <i2/base/error.h>
#include <i2/base/ids.h>

#include <functional>
#include <optional>
#include <span>
#include <string_view>

namespace i2::ports {

// Who answers for an operation: the bytes of a member's node id or of an operator's id.
using AccountId = Id256<struct AccountIdTag>;
using OperationId = Id256<struct OperationIdTag>;

enum class AccountType : std::uint8_t { kMember = 1, kOperator = 2 };

inline constexpr std::size_t kStateKeySizeMax = 255;
inline constexpr std::size_t kStateValueSizeMax = 128 * 1024;

class StateReader {
 public:
  virtual ~StateReader() = default;
  // Valid until the state changes.
  [[nodiscard]] virtual std::optional<ByteView> get(ByteView key) const = 0;
  // Pairs whose key begins with `prefix` and is greater than `after`, ascending, until `visit`
  // says false.
  virtual void scan(ByteView prefix, ByteView after,
                    const std::function<bool(ByteView key, ByteView value)>& visit) const = 0;
  // How many keys begin with `prefix`.
  [[nodiscard]] virtual std::uint64_t count(ByteView prefix) const = 0;
};

class StateWriter : public StateReader {
 public:
  // A key has 1 to kStateKeySizeMax bytes, a value at most kStateValueSizeMax.
  virtual void put(ByteView key, ByteView value) = 0;
  // Nothing happens when it is not there.
  virtual void erase(ByteView key) = 0;
};

// An operation whose form, signatures, nonce, expiry and proofs have been checked.
struct OperationView {
  OperationId id;  // of the whole batch, when this is a step of one
  AccountId account;
  AccountType account_type = AccountType::kMember;
  std::uint16_t kind = 0;
  ByteView body;
  // The operators who signed it, each once: those whose approvals it carries, and its own account
  // when that is an operator.
  std::span<const AccountId> approvals;
};

// The block in which an operation is executed.
struct BlockContext {
  ChainId chain_id;
  std::uint64_t height = 0;  // the first block has height 1
  UnixMillis time = 0;       // later than the time of the block before
};

struct OperationKind {
  std::uint16_t kind = 0;  // also the type in front of the body's encoding
  std::string_view name;   // "member.admit"
  bool high = false;       // signed with Falcon too
  bool alone = false;      // never a step of a batch
};

class StateModule {
 public:
  virtual ~StateModule() = default;
  // 1 to 32 of [a-z0-9]; with a '/' the prefix of its keys.
  [[nodiscard]] virtual std::string_view name() const = 0;
  [[nodiscard]] virtual std::span<const OperationKind> kinds() const = 0;
  // Whether `body` has the form that `kind` asks for; needs no state. Costs no more than the size
  // of the body suggests: anybody can send one.
  [[nodiscard]] virtual Result<void> decode(std::uint16_t kind, ByteView body) const = 0;
  // Whether the operation may be applied to this state in this block.
  [[nodiscard]] virtual Result<void> validate(const StateReader& state,
                                              const OperationView& operation,
                                              const BlockContext& block) const = 0;
  // Changes keys of this module only. What validate() accepted for the same state succeeds; on an
  // error the caller discards every change.
  [[nodiscard]] virtual Result<void> apply(StateWriter& state, const OperationView& operation,
                                           const BlockContext& block) const = 0;
  // A validator has just been convicted of lying: what that means for this module's keys, for
  // instance for what the offender had at stake. After the operation that carried the proof.
  virtual void on_conviction(StateWriter& /*state*/, const NodeId& /*offender*/,
                             const BlockContext& /*block*/) const {}
};

}  // namespace i2::ports
