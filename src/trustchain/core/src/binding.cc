#include <i2/trustchain/core/binding.h>

namespace i2::trustchain {
namespace {

constexpr std::uint16_t kBindingVersion = 1;

wire::CanonicalWriter fields(const Binding& binding) {
  wire::CanonicalWriter w(kBindingType, kBindingVersion);
  w.fixed(binding.node_id.view());
  w.fixed(binding.leaf_spki_sha256);
  w.u64(binding.not_after);
  return w;
}

}  // namespace

Bytes signed_part(const Binding& binding) {
  return fields(binding).take();
}

Bytes encode(const Binding& binding) {
  wire::CanonicalWriter w = fields(binding);
  write(w, binding.signature);
  return std::move(w).take();
}

Result<Binding> make_binding(const HybridKey& identity, const NodeId& node,
                             const crypto::PublicKey& leaf, UnixMillis not_after) {
  Binding out{.node_id = node,
              .leaf_spki_sha256 = leaf.spki_sha256(),
              .not_after = not_after,
              .signature = {}};
  I2_TRY_VALUE(out.signature, identity.sign(kBindingDomain, signed_part(out)));
  return out;
}

Result<Binding> decode_binding(ByteView encoding) {
  wire::CanonicalReader r(encoding, kBindingType, kBindingVersion);
  Binding out;
  out.node_id.bytes = r.fixed<32>();
  out.leaf_spki_sha256 = r.fixed<32>();
  out.not_after = r.u64();
  out.signature = read_signature(r);
  if (const auto done = r.finish(); !done) {
    return fail("trust.binding_invalid", "the binding is malformed");
  }
  return out;
}

Result<void> verify_binding(const Binding& binding, const NodeId& node,
                            const HybridPublicKey& identity, const crypto::PublicKey& leaf,
                            UnixMillis now) {
  if (binding.node_id != node) {
    return fail("trust.binding_invalid", "the binding was made by another node");
  }
  if (!leaf || binding.leaf_spki_sha256 != leaf.spki_sha256()) {
    return fail("trust.binding_invalid", "the binding is for another leaf key");
  }
  if (!identity.verify(kBindingDomain, signed_part(binding), binding.signature)) {
    return fail("trust.binding_invalid",
                "the binding does not carry both signatures of the registered identity");
  }
  if (binding.not_after <= now) {
    return fail(
        "trust.binding_expired",
        "the binding has expired; the peer must sign a new one (its clock or ours may be wrong)");
  }
  return {};
}

}  // namespace i2::trustchain
