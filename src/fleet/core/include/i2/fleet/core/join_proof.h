// The join proof: a newcomer's request for membership, signed by the invite's key and by both keys
// of its new identity. Whoever holds it and the state can verify it, so any member may submit it.
// docs/wire/join.md.
#pragma once

#include <i2/fleet/core/fleet_state.h>

namespace i2::fleet {

inline constexpr trustchain::Domain kJoinDomain{"i2/join/v1"};

struct JoinProof {
  ChainId chain_id;
  NodeId node_id;  // the hash of the identity
  trustchain::HybridPublicKey identity;
  Hash256 request_sha256{};      // of the DER of the certificate request
  crypto::PublicKey invite_key;  // Ed25519; the state knows its hash
  std::array<std::uint8_t, trustchain::kEd25519SignatureSize> invite_signature{};
  trustchain::HybridSignature identity_signature;
};

// Both over {chain id, node id, both SPKIs, digest of the request}. Error: crypto.sign.
[[nodiscard]] Result<JoinProof> make_join_proof(const ChainId& chain,
                                                const trustchain::HybridKey& identity,
                                                ByteView certificate_request,
                                                const crypto::PrivateKey& invite_key);
// That all three signatures are there and valid, for `chain`. Error: trust.join_proof.
[[nodiscard]] Result<void> verify_join_proof(const JoinProof& proof, const ChainId& chain);

// As fields of another encoding. The reader marks `r` as failed.
void write(wire::CanonicalWriter& w, const JoinProof& proof);
[[nodiscard]] JoinProof read_join_proof(wire::CanonicalReader& r);

}  // namespace i2::fleet
