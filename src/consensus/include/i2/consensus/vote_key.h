// Vote keys: Ed25519, and in the hybrid suite Falcon-1024 beside it. They are made for voting
// alone; who they belong to is what a node's identity says of them.
//
// A hybrid vote holds as long as one of the two algorithms does; its signature has up to 1526 bytes
// instead of 64, and takes 0.5 ms instead of 25 us to make.
#pragma once

#include <i2/consensus/validator_set.h>
#include <i2/crypto/key.h>
#include <i2/wire/canonical.h>

namespace i2::consensus {

enum class VoteSuite : std::uint8_t { kEd25519 = 1, kHybrid = 2 };

// DER SubjectPublicKeyInfo of each.
struct VotePublicKey {
  Bytes ed25519;
  Bytes falcon;  // empty in the usual suite
  friend bool operator==(const VotePublicKey&, const VotePublicKey&) = default;
};

void write(wire::CanonicalWriter& w, const VotePublicKey& key);
// Form only.
[[nodiscard]] VotePublicKey read_vote_public_key(wire::CanonicalReader& r);

// Error: consensus.key_invalid.
[[nodiscard]] Result<std::shared_ptr<const VoteVerifier>> make_verifier(const VotePublicKey& key);

class VoteKey final : public VoteSigner {
 public:
  // Error: crypto.*.
  [[nodiscard]] static Result<VoteKey> generate(VoteSuite suite);
  // As pem() gives it. Errors: consensus.key_invalid, crypto.*.
  [[nodiscard]] static Result<VoteKey> from_pem(std::string_view pem);

  [[nodiscard]] VoteSuite suite() const {
    return falcon_ ? VoteSuite::kHybrid : VoteSuite::kEd25519;
  }
  [[nodiscard]] VotePublicKey public_key() const;
  // One "PRIVATE KEY" block after the other.
  [[nodiscard]] crypto::SecretBytes pem() const;
  [[nodiscard]] Result<Bytes> sign(ByteView message) const override;

 private:
  VoteKey(crypto::PrivateKey ed25519, crypto::PrivateKey falcon)
      : ed25519_(std::move(ed25519)), falcon_(std::move(falcon)) {}

  crypto::PrivateKey ed25519_;
  crypto::PrivateKey falcon_;
};

}  // namespace i2::consensus
