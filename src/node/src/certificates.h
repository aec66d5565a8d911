// What the transport presents: the node's Falcon leaf to members, its P-256 leaf to ordinary
// clients.
#pragma once

#include <i2/fleet/ordinary_certificates.h>
#include <i2/fleet/trust_store.h>

namespace i2::node {

class Certificates final : public ports::CertSource {
 public:
  Certificates(const fleet::TrustStore& trust, const fleet::OrdinaryCertificates& ordinary)
      : trust_(trust), ordinary_(ordinary) {}

  [[nodiscard]] NodeId node_id() const override { return trust_.node_id(); }
  [[nodiscard]] std::shared_ptr<const ports::LeafCredential> current() const override {
    return trust_.current();
  }
  [[nodiscard]] std::shared_ptr<const ports::OrdinaryCredential> ordinary() const override {
    return ordinary_.current();
  }
  void sign_hello(Bytes message, std::function<void(Result<Bytes>)> done) const override {
    trust_.sign_hello(std::move(message), std::move(done));
  }

 private:
  const fleet::TrustStore& trust_;
  const fleet::OrdinaryCertificates& ordinary_;
};

}  // namespace i2::node
