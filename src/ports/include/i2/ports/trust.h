// What the transport needs to know about trust, and nothing of how it is kept.
//
// CertSource: what this node presents. PeerVerifier: whether a peer may speak.
// Both are called on transport threads during handshakes and must answer from memory.
#pragma once

#include <i2/base/clock.h>
#include <i2/base/error.h>
#include <i2/base/ids.h>
#include <i2/crypto/key.h>
#include <i2/crypto/x509.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace i2::ports {

// A leaf certificate, its key, and the identity's binding to it (docs/wire/session.md).
struct LeafCredential {
  crypto::Certificate certificate;
  crypto::PrivateKey key;
  Bytes binding;
};

// What software without post-quantum signatures is shown: a P-256 leaf, its key, and the
// certificates between it and the root, the leaf's issuer first.
struct OrdinaryCredential {
  crypto::Certificate certificate;
  crypto::PrivateKey key;
  std::vector<crypto::Certificate> chain;
};

class CertSource {
 public:
  virtual ~CertSource() = default;
  [[nodiscard]] virtual NodeId node_id() const = 0;
  // The credential for new handshakes. Shared: a renewal swaps it while handshakes still hold the
  // old one.
  [[nodiscard]] virtual std::shared_ptr<const LeafCredential> current() const = 0;
  // As current(), for ordinary clients. Null while there is none: they are then refused.
  [[nodiscard]] virtual std::shared_ptr<const OrdinaryCredential> ordinary() const {
    return nullptr;
  }
  // Signs with the node's registered Ed25519 key. `done` may run now or later, on any thread: a key
  // may live in a token.
  virtual void sign_hello(Bytes message, std::function<void(Result<Bytes>)> done) const = 0;
};

enum class LeafStanding : std::uint8_t {
  kValid,
  // The identity may still be good: admitted for certificate renewal only.
  kExpired,
  kUnlogged,  // the fleet's log has not promised to include it
};

struct HelloClaim {
  NodeId node_id;
  const crypto::Certificate& leaf;
  ByteView binding;
  ByteView message;    // what the signature is over: exporter value, role and node id
  ByteView signature;  // Ed25519
};

struct PeerIdentity {
  NodeId node_id;
  std::string name;
  crypto::Certificate leaf{};  // that it showed, to be checked again when the state changes
  bool pin_missed = false;     // it broke a pin that is only reported
};

class PeerVerifier {
 public:
  virtual ~PeerVerifier() = default;
  // Chain, validity, log. Errors: trust.leaf_untrusted, trust.leaf_not_yet_valid.
  [[nodiscard]] virtual Result<LeafStanding> check_leaf(const crypto::Certificate& leaf,
                                                        UnixMillis now) const = 0;
  // Binding, registered keys, signature; then what the state says of the leaf: revocation, pins.
  // Errors: trust.binding_invalid, trust.binding_expired, trust.member_unknown,
  // trust.member_revoked, trust.hello_signature, trust.certificate_revoked, trust.pin_mismatch.
  [[nodiscard]] virtual Result<PeerIdentity> check_hello(const HelloClaim& claim,
                                                         UnixMillis now) const = 0;
};

}  // namespace i2::ports
