#include <i2/crypto/hash.h>
#include <i2/fleet/core/join_proof.h>

#include <algorithm>

namespace i2::fleet {
namespace {

constexpr std::uint16_t kProofVersion = 1;
constexpr std::uint16_t kProofType = 0x020b;

Bytes signed_part(const JoinProof& proof) {
  wire::CanonicalWriter w(kProofType, kProofVersion);
  w.fixed(proof.chain_id.view());
  w.fixed(proof.node_id.view());
  write(w, proof.identity);
  w.fixed(proof.request_sha256);
  return std::move(w).take();
}

Bytes message(const JoinProof& proof) {
  Bytes out = to_bytes(as_bytes(kJoinDomain.text));
  append(out, signed_part(proof));
  return out;
}

}  // namespace

Result<JoinProof> make_join_proof(const ChainId& chain, const trustchain::HybridKey& identity,
                                  ByteView certificate_request,
                                  const crypto::PrivateKey& invite_key) {
  JoinProof out{.chain_id = chain,
                .node_id = trustchain::node_id(identity.public_key()),
                .identity = identity.public_key(),
                .request_sha256 = crypto::sha256(certificate_request),
                .invite_key = invite_key.public_key(),
                .invite_signature = {},
                .identity_signature = {}};
  I2_TRY_VALUE(const Bytes signature, invite_key.sign(message(out)));
  if (signature.size() != out.invite_signature.size()) {
    return fail("crypto.sign", "an invite's key must be an Ed25519 key");
  }
  std::ranges::copy(signature, out.invite_signature.begin());
  I2_TRY_VALUE(out.identity_signature, identity.sign(kJoinDomain, signed_part(out)));
  return out;
}

Result<void> verify_join_proof(const JoinProof& proof, const ChainId& chain) {
  if (proof.chain_id != chain) {
    return fail("trust.join_proof", "the request to join is for another fleet");
  }
  if (!proof.invite_key.verify(message(proof), proof.invite_signature)) {
    return fail("trust.join_proof", "the request to join is not signed by the key of its invite");
  }
  if (!proof.identity.verify(kJoinDomain, signed_part(proof), proof.identity_signature)) {
    return fail("trust.join_proof", "the request to join is not signed by the identity it names");
  }
  return {};
}

void write(wire::CanonicalWriter& w, const JoinProof& proof) {
  w.fixed(proof.chain_id.view());
  w.fixed(proof.node_id.view());
  write(w, proof.identity);
  w.fixed(proof.request_sha256);
  w.bytes(proof.invite_key.spki());
  w.fixed(proof.invite_signature);
  write(w, proof.identity_signature);
}

JoinProof read_join_proof(wire::CanonicalReader& r) {
  JoinProof out;
  out.chain_id.bytes = r.fixed<32>();
  out.node_id.bytes = r.fixed<32>();
  out.identity = trustchain::read_public_key(r);
  out.request_sha256 = r.fixed<32>();
  const ByteView spki = r.bytes(trustchain::kSpkiSizeMax);
  out.invite_signature = r.fixed<trustchain::kEd25519SignatureSize>();
  out.identity_signature = trustchain::read_signature(r);
  if (!r.ok()) {
    return out;
  }
  auto key = crypto::PublicKey::from_spki(spki);
  if (!key || key->algorithm() != crypto::SignatureAlgorithm::kEd25519 ||
      !equal(key->spki(), spki) || out.node_id != trustchain::node_id(out.identity)) {
    r.fail();
    return out;
  }
  out.invite_key = *std::move(key);
  return out;
}

}  // namespace i2::fleet
