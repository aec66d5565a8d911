// Operation: a signed request to change the replicated state. docs/wire/operation.md.
//
// An operation names the account that answers for it and carries that account's next nonce, so it
// is executed at most once. It is decoded and its signatures are checked before any module sees it.
#pragma once

#include <i2/fleet/core/member.h>
#include <i2/ports/state_module.h>

#include <string>
#include <vector>

namespace i2::fleet {

using ports::AccountId;
using ports::OperationId;

inline constexpr trustchain::Domain kOperationDomain{"i2/operation/v1"};
inline constexpr trustchain::Domain kApprovalDomain{"i2/approval/v1"};
inline constexpr std::uint16_t kOperationType = 0x0206;

inline constexpr std::size_t kOperationSizeMax = 64 * 1024;  // encoded
inline constexpr std::size_t kOperationBodyMax = 52 * 1024;
inline constexpr std::size_t kProofsMax = 32;
inline constexpr std::size_t kProofSizeMax = 16 * 1024;
// An operation that nobody submitted within this time has to be signed anew.
inline constexpr UnixMillis kOperationLifeMsMax = 30ULL * 24 * 3600 * 1000;

[[nodiscard]] inline AccountId account_of(const NodeId& node) {
  return AccountId{node.bytes};
}
[[nodiscard]] inline AccountId account_of(const OperatorId& id) {
  return AccountId{id.bytes};
}

enum class ProofType : std::uint16_t {
  kApproval = 1,  // an operator's signature
};

struct Proof {
  ProofType type = ProofType::kApproval;
  Bytes data;
  friend auto operator<=>(const Proof&, const Proof&) = default;
};

struct Operation {
  ChainId chain_id;
  std::uint32_t machine_version = 1;
  AccountId account;
  std::uint64_t nonce = 0;  // of the account: 0, 1, 2, ...
  std::uint16_t kind = 0;
  Bytes body;                       // canonical, of type `kind`
  std::uint64_t anchor_height = 0;  // of the state that its author saw
  UnixMillis expiry = 0;            // executed in a block of an earlier time, or never
  std::vector<Proof> proofs;        // strictly ascending
  std::array<std::uint8_t, trustchain::kEd25519SignatureSize> ed25519{};
  Bytes falcon;  // of kinds marked high; else empty
  friend bool operator==(const Operation&, const Operation&) = default;
};

[[nodiscard]] Bytes encode(const Operation& operation);
// Of the encoding without the account's signatures: signing again does not make another operation.
[[nodiscard]] OperationId id(const Operation& operation);
// Form only. Error: fleet.operation_malformed.
[[nodiscard]] Result<Operation> decode_operation(ByteView encoding);

// Signs as the account; call it last, it covers the proofs. `high`: with Falcon too. Error:
// crypto.sign.
[[nodiscard]] Result<void> sign_operation(Operation& operation, const trustchain::HybridKey& key,
                                          bool high);
// Error: fleet.operation_signature: not the account's signature, or not the ones that `high` asks
// for.
[[nodiscard]] Result<void> verify_signature(const Operation& operation,
                                            const trustchain::HybridPublicKey& key, bool high);

// Adds (or replaces) one operator's approval: its signature over everything but proofs and the
// account's signatures. Operators take turns over one operation until there are enough of them.
// Errors: crypto.sign, fleet.operation_malformed (too many proofs).
[[nodiscard]] Result<void> approve_operation(Operation& operation,
                                             const trustchain::HybridKey& operator_key);
// The operators whose approvals the operation carries, ascending. Error:
// fleet.operation_signature: of somebody who is not one of `operators`, or not a valid one.
[[nodiscard]] Result<std::vector<AccountId>> verify_approvals(
    const Operation& operation, std::span<const trustchain::HybridPublicKey> operators);

}  // namespace i2::fleet
