// Issuing anchors: the certificate authorities of a fleet, each made valid by a record that the
// fleet root signed. Peers trust the anchors of the current set directly, so a TLS chain is the
// leaf alone and the root can be offline. docs/wire/trust.md, "Anchor record".
#pragma once

#include <i2/base/clock.h>
#include <i2/crypto/x509.h>
#include <i2/trustchain/core/hybrid.h>

#include <string>

namespace i2::trustchain {

inline constexpr UnixMillis kAnchorLifeMs = 365ULL * 24 * 3600 * 1000;
inline constexpr std::size_t kCertificateSizeMax = 8192;

struct AnchorConstraints {
  std::string dns_suffix;           // every DNS name of a leaf is a child of it; 1..253 characters
  UnixMillis leaf_life_ms_max = 0;  // not_after - not_before of a leaf
  friend bool operator==(const AnchorConstraints&, const AnchorConstraints&) = default;
};

struct AnchorRecord {
  ChainId chain_id;
  NodeId holder;  // the node that has the key: whom to ask for a certificate
  crypto::Certificate certificate;
  UnixMillis not_before = 0;
  UnixMillis not_after = 0;
  AnchorConstraints constraints;
  HybridSignature root_signature;
};

// A self-signed CA certificate (path length 0) for `key`. What makes it trusted is its record.
// `serial`: 16 random bytes. Error: crypto.certificate_build.
[[nodiscard]] Result<crypto::Certificate> make_anchor_certificate(const crypto::PrivateKey& key,
                                                                  UnixMillis not_before,
                                                                  UnixMillis not_after,
                                                                  Bytes serial);

// Sets `record.root_signature`. Error: crypto.sign.
[[nodiscard]] Result<void> sign_anchor(AnchorRecord& record, const HybridKey& root);

[[nodiscard]] Bytes encode(const AnchorRecord& record);
// The object id: of the encoding without its signature.
[[nodiscard]] Hash256 id(const AnchorRecord& record);
// Form only: a CA certificate, a window that is not empty. Error: trust.anchor_invalid.
[[nodiscard]] Result<AnchorRecord> decode_anchor(ByteView encoding);
// Error: trust.anchor_invalid, for another chain or a signature that is not the root's.
[[nodiscard]] Result<void> verify_anchor(const AnchorRecord& record, const ChainId& chain,
                                         const HybridPublicKey& root);

// A certificate as a field inside another encoding. Marks `r` as failed when it is none.
[[nodiscard]] crypto::Certificate read_certificate(wire::CanonicalReader& r);

// Whether `leaf` was issued by this anchor within its record, its constraints and the leaf's own
// validity, judged at `at`. Errors: trust.leaf_untrusted, trust.leaf_not_yet_valid,
// trust.leaf_expired.
[[nodiscard]] Result<void> check_leaf(const AnchorRecord& record, const crypto::Certificate& leaf,
                                      UnixMillis at);

}  // namespace i2::trustchain
