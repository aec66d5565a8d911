// How a member becomes a certificate authority: it asks with public keys, and whoever has the fleet
// root's keys answers with what they sign. Both travel as files, in the clear: neither holds a
// secret. docs/wire/authority.md.
#pragma once

#include <i2/fleet/core/genesis.h>
#include <i2/trustchain/core/anchor.h>
#include <i2/trustchain/core/ordinary.h>

namespace i2::fleet {

inline constexpr trustchain::Domain kAuthorityRequestDomain{"i2/authority-request/v1"};
inline constexpr std::size_t kAuthorityRequestSizeMax = 32 * 1024;
inline constexpr std::size_t kAuthorityGrantSizeMax = 64 * 1024;

struct AuthorityRequest {
  ChainId chain_id;
  trustchain::HybridPublicKey identity;   // of the member
  crypto::Certificate anchor;             // self-signed: proves that it has the key
  crypto::CertificateRequest ordinary;    // of the P-256 intermediate; proves likewise
  trustchain::HybridSignature signature;  // by the identity
};

// Error: crypto.sign.
[[nodiscard]] Result<void> sign_request(AuthorityRequest& request,
                                        const trustchain::HybridKey& identity);
[[nodiscard]] Bytes encode(const AuthorityRequest& request);
// Error: fleet.authority_request_invalid: form, keys of another kind, or one of the three
// signatures.
[[nodiscard]] Result<AuthorityRequest> decode_authority_request(ByteView encoding);

struct AuthorityGrant {
  trustchain::AnchorRecord anchor;
  crypto::Certificate ordinary;       // the intermediate
  crypto::Certificate ordinary_root;  // under which it is
};
struct RootKeys {
  trustchain::HybridKey pair;
  crypto::PrivateKey ecdsa;
  crypto::Certificate certificate;  // of the last one, that clients know
};
// For a year from `now`. `serial` gives 16 random bytes at each call.
// Errors: fleet.authority_request_invalid (of another fleet), fleet.root_absent (these are not the
// keys of the fleet's root), crypto.*.
[[nodiscard]] Result<AuthorityGrant> make_grant(const AuthorityRequest& request,
                                                const Genesis& genesis, const RootKeys& root,
                                                UnixMillis now, Bytes (*serial)());

[[nodiscard]] Bytes encode(const AuthorityGrant& grant);
// Form. Error: fleet.authority_grant_invalid.
[[nodiscard]] Result<AuthorityGrant> decode_authority_grant(ByteView encoding);
// That it is the root's, for this node and these keys. Error: fleet.authority_grant_invalid.
[[nodiscard]] Result<void> verify_grant(const AuthorityGrant& grant, const Genesis& genesis,
                                        const NodeId& node, const crypto::PublicKey& anchor_key,
                                        const crypto::PublicKey& ordinary_key);

}  // namespace i2::fleet
