// The invite token: one string with which a machine may join a fleet. docs/wire/join.md, "Token".
//
//   i2join1_ + base32 of {chain id, root fingerprint, where to ask, key seed, expiry, checksum}
//
// It contains a secret, the seed of the invite's key: whoever has the string may join in its place.
#pragma once

#include <i2/crypto/secret.h>
#include <i2/fleet/core/fleet_state.h>
#include <i2/fleet/core/peer_hint.h>

namespace i2::fleet {

inline constexpr std::string_view kTokenPrefix = "i2join1_";
inline constexpr std::size_t kTokenPeersMax = 8;
inline constexpr std::size_t kTokenSizeMax = 1024;  // characters

struct InviteToken {
  ChainId chain_id;
  Hash256 root_fingerprint{};   // SHA-256("i2/root/v1" || Falcon SPKI || Ed25519 SPKI)
  std::vector<PeerHint> peers;  // 1..kTokenPeersMax
  crypto::SecretBytes seed;     // 32 bytes: of the Ed25519 key
  UnixMillis expiry = 0;        // as the ledger says; here so that it can be said early
};

[[nodiscard]] Hash256 root_fingerprint(const trustchain::HybridPublicKey& root);

[[nodiscard]] std::string encode_token(const InviteToken& token);
// White space around it is ignored. Errors: trust.invite_malformed (no token, or of a newer
// program), trust.invite_altered (a character is wrong or missing).
[[nodiscard]] Result<InviteToken> decode_token(std::string_view text);
// Error: crypto.key_malformed.
[[nodiscard]] Result<crypto::PrivateKey> invite_key(const InviteToken& token);

}  // namespace i2::fleet
