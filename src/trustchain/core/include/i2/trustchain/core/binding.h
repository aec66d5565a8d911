// The binding: a node identity's statement that a leaf key is its own until a given time.
//
// It travels in HELLO and is what keeps a certificate authority alone from impersonating a member:
// the leaf certificate says which key speaks, the binding (Falcon and Ed25519, by the registered
// identity) says whose key it is. docs/wire/trust.md, "Binding".
#pragma once

#include <i2/base/clock.h>
#include <i2/trustchain/core/hybrid.h>

namespace i2::trustchain {

inline constexpr std::size_t kBindingSizeMax = 2048;

struct Binding {
  NodeId node_id;
  Hash256 leaf_spki_sha256{};
  UnixMillis not_after = 0;  // the binding is good before this moment
  HybridSignature signature;
};

// Error: crypto.sign.
[[nodiscard]] Result<Binding> make_binding(const HybridKey& identity, const NodeId& node,
                                           const crypto::PublicKey& leaf, UnixMillis not_after);

[[nodiscard]] Bytes encode(const Binding& binding);
// The bytes that are signed: the encoding without its signature.
[[nodiscard]] Bytes signed_part(const Binding& binding);
// Form only. Error: trust.binding_invalid.
[[nodiscard]] Result<Binding> decode_binding(ByteView encoding);

// Whether `binding` is `identity`'s own statement about `leaf` and still good at `now`.
// Errors: trust.binding_invalid, trust.binding_expired.
[[nodiscard]] Result<void> verify_binding(const Binding& binding, const NodeId& node,
                                          const HybridPublicKey& identity,
                                          const crypto::PublicKey& leaf, UnixMillis now);

}  // namespace i2::trustchain
