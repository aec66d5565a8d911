// Identities that hold as long as one of two algorithms does: a Falcon-1024 key and an Ed25519 key
// that always sign together. Nodes, operators and the fleet root are such pairs.
//
// Every signature and every object id is taken over a domain string followed by a canonical
// encoding (docs/wire/trust.md), so that bytes signed for one purpose mean nothing for another.
//
// Values; safe to share between threads. Signing needs a real stack (crypto/key.h).
#pragma once

#include <i2/base/bytes.h>
#include <i2/base/error.h>
#include <i2/base/ids.h>
#include <i2/crypto/key.h>
#include <i2/wire/canonical.h>

#include <array>
#include <string_view>

namespace i2::trustchain {

// "i2/<type>/v1". No domain is a prefix of another one followed by the first byte of an encoding.
struct Domain {
  std::string_view text;
};
inline constexpr Domain kNodeDomain{"i2/node/v1"};
inline constexpr Domain kOperatorDomain{"i2/operator/v1"};
inline constexpr Domain kBindingDomain{"i2/binding/v1"};
inline constexpr Domain kAnchorDomain{"i2/anchor/v1"};
inline constexpr Domain kIntentDomain{"i2/intent/v1"};
inline constexpr Domain kCosignatureDomain{"i2/cosignature/v1"};
inline constexpr Domain kWitnessKeysDomain{"i2/witness-keys/v1"};

// The u16 type in front of a canonical encoding. 0x01xx belongs to this library, 0x02xx to
// fleet/core. A kind of operation is the type of its body: 0x05xx are those of this library.
inline constexpr std::uint16_t kBindingType = 0x0101;
inline constexpr std::uint16_t kAnchorType = 0x0102;
inline constexpr std::uint16_t kIntentType = 0x0120;
inline constexpr std::uint16_t kLogRoundType = 0x0130;
inline constexpr std::uint16_t kSplitViewType = 0x0131;
inline constexpr std::uint16_t kWitnessKeysType = 0x0132;
inline constexpr std::uint16_t kLogRecordType = 0x0140;
inline constexpr std::uint16_t kIndexRecordType = 0x0141;
inline constexpr std::uint16_t kRevocationRecordType = 0x0142;
inline constexpr std::uint16_t kPinRecordType = 0x0143;
inline constexpr std::uint16_t kLogEvidenceRecordType = 0x0144;
inline constexpr std::uint16_t kLogStandbysType = 0x0145;
inline constexpr std::uint16_t kAuthorityEvidenceRecordType = 0x0146;

inline constexpr std::size_t kSpkiSizeMax = 2048;  // Falcon-1024 has 1811 bytes
inline constexpr std::size_t kEd25519SignatureSize = 64;

// SHA-256(domain || encoding).
[[nodiscard]] Hash256 object_id(Domain domain, ByteView encoding);

struct HybridSignature {
  Bytes falcon;  // variable, at most 1462 bytes
  std::array<std::uint8_t, kEd25519SignatureSize> ed25519{};
  friend bool operator==(const HybridSignature&, const HybridSignature&) = default;
};

// The public half. A default-constructed one holds no keys, verifies nothing and belongs to nobody.
class HybridPublicKey {
 public:
  HybridPublicKey() = default;
  // DER SubjectPublicKeyInfo of both keys; refuses encodings that are not the canonical one.
  // Errors: crypto.key_malformed, crypto.algorithm_unknown, trust.key_algorithm.
  [[nodiscard]] static Result<HybridPublicKey> from_spki(ByteView falcon, ByteView ed25519);
  // Error: trust.key_algorithm.
  [[nodiscard]] static Result<HybridPublicKey> from_keys(crypto::PublicKey falcon,
                                                         crypto::PublicKey ed25519);

  [[nodiscard]] const crypto::PublicKey& falcon() const { return falcon_; }
  [[nodiscard]] const crypto::PublicKey& ed25519() const { return ed25519_; }
  [[nodiscard]] ByteView falcon_spki() const { return falcon_spki_; }
  [[nodiscard]] ByteView ed25519_spki() const { return ed25519_spki_; }
  // SHA-256(domain || Falcon SPKI || Ed25519 SPKI).
  [[nodiscard]] Hash256 id(Domain domain) const;
  // True only if both signatures over domain || message are valid.
  [[nodiscard]] bool verify(Domain domain, ByteView message,
                            const HybridSignature& signature) const;
  [[nodiscard]] explicit operator bool() const { return !falcon_spki_.empty(); }
  friend bool operator==(const HybridPublicKey& a, const HybridPublicKey& b) {
    return a.falcon_spki_ == b.falcon_spki_ && a.ed25519_spki_ == b.ed25519_spki_;
  }

 private:
  crypto::PublicKey falcon_;
  crypto::PublicKey ed25519_;
  Bytes falcon_spki_;
  Bytes ed25519_spki_;
};

// Both private keys. Copies share them.
class HybridKey {
 public:
  HybridKey() = default;
  // Fresh keys from the process's random generator; about 30 ms. Falcon signs in constant time.
  [[nodiscard]] static Result<HybridKey> generate();
  // Error: trust.key_algorithm.
  [[nodiscard]] static Result<HybridKey> from_keys(crypto::PrivateKey falcon,
                                                   crypto::PrivateKey ed25519);

  [[nodiscard]] const crypto::PrivateKey& falcon() const { return falcon_; }
  [[nodiscard]] const crypto::PrivateKey& ed25519() const { return ed25519_; }
  [[nodiscard]] const HybridPublicKey& public_key() const { return public_key_; }
  // Over domain || message. About 7 ms. Error: crypto.sign.
  [[nodiscard]] Result<HybridSignature> sign(Domain domain, ByteView message) const;

 private:
  crypto::PrivateKey falcon_;
  crypto::PrivateKey ed25519_;
  HybridPublicKey public_key_;
};

[[nodiscard]] NodeId node_id(const HybridPublicKey& identity);

// As fields of a canonical encoding. The readers mark `r` as failed and return an empty value when
// the field is not acceptable.
void write(wire::CanonicalWriter& w, const HybridPublicKey& key);
void write(wire::CanonicalWriter& w, const HybridSignature& signature);
[[nodiscard]] HybridPublicKey read_public_key(wire::CanonicalReader& r);
[[nodiscard]] HybridSignature read_signature(wire::CanonicalReader& r);

}  // namespace i2::trustchain
