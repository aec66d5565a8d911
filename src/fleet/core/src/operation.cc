#include <i2/fleet/core/operation.h>

#include <algorithm>

namespace i2::fleet {
namespace {

constexpr std::uint16_t kOperationVersion = 1;
constexpr std::uint16_t kApprovalType = 0x0207;

// What operators approve: everything that says what the operation does and when.
wire::CanonicalWriter core(const Operation& operation) {
  wire::CanonicalWriter w(kOperationType, kOperationVersion);
  w.fixed(operation.chain_id.view());
  w.u32(operation.machine_version);
  w.fixed(operation.account.view());
  w.u64(operation.nonce);
  w.u16(operation.kind);
  w.bytes(operation.body);
  w.u64(operation.anchor_height);
  w.u64(operation.expiry);
  return w;
}

wire::CanonicalWriter with_proofs(const Operation& operation) {
  wire::CanonicalWriter w = core(operation);
  w.count(operation.proofs.size());
  for (const Proof& proof : operation.proofs) {
    w.u16(static_cast<std::uint16_t>(proof.type));
    w.bytes(proof.data);
  }
  return w;
}

struct Approval {
  OperatorId by;
  trustchain::HybridSignature signature;
};

Bytes encode(const Approval& approval) {
  wire::CanonicalWriter w(kApprovalType, kOperationVersion);
  w.fixed(approval.by.view());
  write(w, approval.signature);
  return std::move(w).take();
}

std::optional<Approval> decode_approval(ByteView encoding) {
  wire::CanonicalReader r(encoding, kApprovalType, kOperationVersion);
  Approval out;
  out.by.bytes = r.fixed<32>();
  out.signature = trustchain::read_signature(r);
  return r.finish() ? std::optional(std::move(out)) : std::nullopt;
}

Bytes message(trustchain::Domain domain, ByteView encoding) {
  Bytes out = to_bytes(as_bytes(domain.text));
  append(out, encoding);
  return out;
}

std::unexpected<Error> malformed_operation(std::string why) {
  return fail("fleet.operation_malformed", "the operation is malformed: " + std::move(why));
}

}  // namespace

Bytes encode(const Operation& operation) {
  wire::CanonicalWriter w = with_proofs(operation);
  w.fixed(operation.ed25519);
  w.bytes(operation.falcon);
  return std::move(w).take();
}

OperationId id(const Operation& operation) {
  return OperationId{trustchain::object_id(kOperationDomain, with_proofs(operation).take())};
}

Result<Operation> decode_operation(ByteView encoding) {
  if (encoding.size() > kOperationSizeMax) {
    return malformed_operation("it has more than " + std::to_string(kOperationSizeMax) + " bytes");
  }
  wire::CanonicalReader r(encoding, kOperationType, kOperationVersion);
  Operation out;
  out.chain_id.bytes = r.fixed<32>();
  out.machine_version = r.u32();
  out.account.bytes = r.fixed<32>();
  out.nonce = r.u64();
  out.kind = r.u16();
  out.body = to_bytes(r.bytes(kOperationBodyMax));
  out.anchor_height = r.u64();
  out.expiry = r.u64();
  const std::size_t count = r.count(kProofsMax);
  for (std::size_t i = 0; i < count && r.ok(); ++i) {
    Proof proof{.type = ProofType{r.u16()}, .data = to_bytes(r.bytes(kProofSizeMax))};
    if (proof.type != ProofType::kApproval || !decode_approval(proof.data) ||
        (!out.proofs.empty() && proof <= out.proofs.back())) {
      r.fail();
    }
    out.proofs.push_back(std::move(proof));
  }
  out.ed25519 = r.fixed<trustchain::kEd25519SignatureSize>();
  out.falcon =
      to_bytes(r.bytes(crypto::info(crypto::SignatureAlgorithm::kFalcon1024).signature_size_max));
  if (!r.finish()) {
    return malformed_operation("its encoding is not canonical, or has a proof of an unknown type");
  }
  return out;
}

Result<void> sign_operation(Operation& operation, const trustchain::HybridKey& key, bool high) {
  const Bytes encoding = with_proofs(operation).take();
  if (high) {
    I2_TRY_VALUE(auto pair, key.sign(kOperationDomain, encoding));
    operation.ed25519 = pair.ed25519;
    operation.falcon = std::move(pair.falcon);
    return {};
  }
  I2_TRY_VALUE(const Bytes signature, key.ed25519().sign(message(kOperationDomain, encoding)));
  if (signature.size() != operation.ed25519.size()) {
    return fail("crypto.sign", "an Ed25519 signature must have 64 bytes");
  }
  std::ranges::copy(signature, operation.ed25519.begin());
  operation.falcon.clear();
  return {};
}

Result<void> verify_signature(const Operation& operation, const trustchain::HybridPublicKey& key,
                              bool high) {
  const Bytes encoding = with_proofs(operation).take();
  const bool good =
      high ? key.verify(kOperationDomain, encoding,
                        {.falcon = operation.falcon, .ed25519 = operation.ed25519})
           : operation.falcon.empty() && key &&
                 key.ed25519().verify(message(kOperationDomain, encoding), operation.ed25519);
  if (!good) {
    return fail("fleet.operation_signature",
                high ? "the operation is not signed by both keys of its account"
                     : "the operation is not signed by its account's Ed25519 key alone");
  }
  return {};
}

Result<void> approve_operation(Operation& operation, const trustchain::HybridKey& operator_key) {
  Approval approval{.by = operator_id(operator_key.public_key()), .signature = {}};
  I2_TRY_VALUE(approval.signature, operator_key.sign(kApprovalDomain, core(operation).take()));
  std::erase_if(operation.proofs, [&](const Proof& proof) {
    const auto held = decode_approval(proof.data);
    return held && held->by == approval.by;
  });
  if (operation.proofs.size() >= kProofsMax) {
    return malformed_operation("it has more than " + std::to_string(kProofsMax) + " proofs");
  }
  Proof proof{.type = ProofType::kApproval, .data = encode(approval)};
  operation.proofs.insert(std::ranges::lower_bound(operation.proofs, proof), std::move(proof));
  return {};
}

Result<std::vector<AccountId>> verify_approvals(
    const Operation& operation, std::span<const trustchain::HybridPublicKey> operators) {
  std::vector<AccountId> out;
  if (operation.proofs.empty()) {
    return out;
  }
  const Bytes encoding = core(operation).take();
  for (const Proof& proof : operation.proofs) {
    const auto approval = decode_approval(proof.data);
    const auto signer =
        approval ? std::ranges::find(operators, approval->by, operator_id) : operators.end();
    if (signer == operators.end() ||
        !signer->verify(kApprovalDomain, encoding, approval->signature)) {
      return fail("fleet.operation_signature",
                  "the operation carries an approval that is not a valid one of an operator of "
                  "this fleet");
    }
    const AccountId by = account_of(approval->by);
    // Proofs ascend, and an approval begins with its operator: the same one twice is adjacent.
    if (!out.empty() && by <= out.back()) {
      return fail("fleet.operation_signature",
                  "the operation carries one operator's approval twice");
    }
    out.push_back(by);
  }
  return out;
}

}  // namespace i2::fleet
