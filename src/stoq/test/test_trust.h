// A fleet of two for tests: one Falcon anchor, leaves and identities made at the start of the
// process, and a registry that is a map. Real keys and signatures; only membership is a table.
#pragma once

#include <i2/base/assert.h>
#include <i2/crypto/hash.h>
#include <i2/crypto/key.h>
#include <i2/crypto/random.h>
#include <i2/crypto/x509.h>
#include <i2/ports/trust.h>
#include <i2/rt/clock.h>

#include <map>
#include <memory>
#include <string>

namespace i2::stoq::test {

inline crypto::PrivateKey make_key(crypto::SignatureAlgorithm algorithm) {
  auto key = crypto::PrivateKey::generate(algorithm, crypto::FalconArithmetic::kNativeDouble);
  I2_ASSERT(key);
  return *key;
}

inline Bytes random_serial() {
  Bytes serial(16);
  crypto::random_bytes(serial);
  serial[0] &= 0x7f;
  return serial;
}

// Who belongs to the fleet. check_leaf() and check_hello() are what a registry would answer.
class TestFleet final : public ports::PeerVerifier {
 public:
  TestFleet() : anchor_key_(make_key(crypto::SignatureAlgorithm::kFalcon1024)) {
    auto anchor = crypto::build_certificate({.subject_key = anchor_key_.public_key(),
                                             .common_name = "test anchor",
                                             .not_before = now() - 60'000,
                                             .not_after = now() + 3'600'000,
                                             .ca = true,
                                             .serial = random_serial()},
                                            nullptr, anchor_key_);
    I2_ASSERT(anchor);
    anchor_ = *anchor;
  }

  [[nodiscard]] static UnixMillis now() { return rt::SystemClock().unix_now(); }

  void add(const NodeId& id, std::string name, crypto::PublicKey ed25519) {
    members_[id] = {std::move(name), std::move(ed25519)};
  }
  // Peers that show a leaf are admitted for renewal only.
  void set_leaves_expired(bool expired) { leaves_expired_ = expired; }

  [[nodiscard]] crypto::Certificate issue(const crypto::PublicKey& key, std::string name) const {
    auto leaf = crypto::build_certificate({.subject_key = key,
                                           .common_name = std::move(name),
                                           .not_before = now() - 60'000,
                                           .not_after = now() + 3'600'000,
                                           .serial = random_serial()},
                                          &anchor_, anchor_key_);
    I2_ASSERT(leaf);
    return *leaf;
  }

  [[nodiscard]] Result<ports::LeafStanding> check_leaf(const crypto::Certificate& leaf,
                                                       UnixMillis unix_now) const override {
    if (const auto good = crypto::verify_certificate(leaf, {&anchor_, 1}, unix_now); !good) {
      return fail("trust.leaf_untrusted", good.error().message());
    }
    return leaves_expired_ ? ports::LeafStanding::kExpired : ports::LeafStanding::kValid;
  }

  [[nodiscard]] Result<ports::PeerIdentity> check_hello(const ports::HelloClaim& claim,
                                                        UnixMillis) const override {
    const auto member = members_.find(claim.node_id);
    if (member == members_.end()) {
      return fail("trust.member_unknown", "not in the test fleet");
    }
    if (!equal(claim.binding, claim.leaf.public_key().spki_sha256())) {
      return fail("trust.binding_invalid", "bound to another leaf");
    }
    if (!member->second.ed25519.verify(claim.message, claim.signature)) {
      return fail("trust.hello_signature", "not signed by the member");
    }
    return ports::PeerIdentity{claim.node_id, member->second.name};
  }

 private:
  struct Member {
    std::string name;
    crypto::PublicKey ed25519;
  };
  crypto::PrivateKey anchor_key_;
  crypto::Certificate anchor_;
  std::map<NodeId, Member> members_;
  bool leaves_expired_ = false;
};

// One member: its identity key and its leaf.
class TestNode final : public ports::CertSource {
 public:
  TestNode(TestFleet& fleet, const std::string& name)
      : ed25519_(make_key(crypto::SignatureAlgorithm::kEd25519)),
        id_{crypto::sha256({as_bytes("i2/node/v1"), ed25519_.public_key().spki()})} {
    const auto leaf_key = make_key(crypto::SignatureAlgorithm::kFalcon1024);
    auto credential = std::make_shared<ports::LeafCredential>();
    credential->certificate = fleet.issue(leaf_key.public_key(), name);
    credential->key = leaf_key;
    credential->binding = to_bytes(leaf_key.public_key().spki_sha256());
    credential_ = std::move(credential);
    fleet.add(id_, name, ed25519_.public_key());
  }

  [[nodiscard]] NodeId node_id() const override { return id_; }
  [[nodiscard]] std::shared_ptr<const ports::LeafCredential> current() const override {
    return credential_;
  }
  void sign_hello(Bytes message, std::function<void(Result<Bytes>)> done) const override {
    done(ed25519_.sign(message));
  }

 private:
  crypto::PrivateKey ed25519_;
  NodeId id_;
  std::shared_ptr<const ports::LeafCredential> credential_;  // shared as the port asks
};

}  // namespace i2::stoq::test
