// A small but real trust for transport tests: one anchor, leaves with Falcon keys, registered
// Ed25519 keys. The binding is the node's Ed25519 signature over its leaf's SPKI hash and an end of
// validity.
#pragma once

#include <i2/ports/trust.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace i2::stoq::core::testing {

class TestFleet;

// Root, intermediate and leaf on P-256, as ordinary clients want them.
struct OrdinaryChain {
  crypto::Certificate root;
  std::shared_ptr<const ports::OrdinaryCredential> credential;
};
[[nodiscard]] OrdinaryChain make_ordinary_chain(std::vector<std::string> dns_names, UnixMillis now);

class TestNode final : public ports::CertSource {
 public:
  // The leaf's Falcon key signs with native doubles: tests make many.
  TestNode(const TestFleet& fleet, std::string name, UnixMillis now,
           Duration life = 24 * 3600 * kSecond,
           crypto::SignatureAlgorithm leaf = crypto::SignatureAlgorithm::kFalcon1024);

  [[nodiscard]] NodeId node_id() const override { return id_; }
  [[nodiscard]] std::shared_ptr<const ports::LeafCredential> current() const override {
    return credential_;
  }
  [[nodiscard]] std::shared_ptr<const ports::OrdinaryCredential> ordinary() const override {
    return ordinary_;
  }
  void show_ordinary(std::shared_ptr<const ports::OrdinaryCredential> credential) {
    ordinary_ = std::move(credential);
  }
  void sign_hello(Bytes message, std::function<void(Result<Bytes>)> done) const override {
    done(sign_with_.sign(message));
  }

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const crypto::PublicKey& identity() const { return identity_.public_key(); }
  // Replaces the binding by one that ends at `not_after`.
  void bind_until(UnixMillis not_after);
  // HELLO will be signed by this key instead of the registered one.
  void sign_with(crypto::PrivateKey key) { sign_with_ = std::move(key); }

 private:
  std::string name_;
  crypto::PrivateKey identity_;
  crypto::PrivateKey sign_with_;
  NodeId id_;
  std::shared_ptr<const ports::LeafCredential> credential_;
  std::shared_ptr<const ports::OrdinaryCredential> ordinary_;
};

class TestFleet final : public ports::PeerVerifier {
 public:
  explicit TestFleet(UnixMillis now);

  void enrol(const TestNode& node) { members_[node.node_id()] = {node.name(), node.identity()}; }
  void expel(const NodeId& id) { members_.erase(id); }
  // The leaf of the node with this name is not in the fleet's log.
  void miss_in_log(std::string name) { unlogged_ = std::move(name); }
  [[nodiscard]] Result<crypto::Certificate> issue(const crypto::CertificateFields& fields) const;

  [[nodiscard]] Result<ports::LeafStanding> check_leaf(const crypto::Certificate& leaf,
                                                       UnixMillis now) const override;
  [[nodiscard]] Result<ports::PeerIdentity> check_hello(const ports::HelloClaim& claim,
                                                        UnixMillis now) const override;

 private:
  struct Member {
    std::string name;
    crypto::PublicKey identity;
  };
  crypto::PrivateKey anchor_key_;
  crypto::Certificate anchor_;
  std::map<NodeId, Member> members_;
  std::string unlogged_;
};

}  // namespace i2::stoq::core::testing
