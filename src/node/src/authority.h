// The certificate authority of this node: its record, its keys and what they do. On a node without
// an authority's keys there is none.
#pragma once

#include <i2/fleet/ordinary_certificates.h>
#include <i2/fleet/trust_store.h>
#include <i2/rt/runtime.h>
#include <i2/trustchain/certificate_authority.h>
#include <i2/trustchain/revocation_service.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "own_log.h"
#include "tasks.h"

namespace i2::node {

class Authority {
 public:
  struct Parts {
    rt::Runtime& runtime;
    const fleet::TrustStore& trust;
    const fleet::OrdinaryCertificates& ordinary;
    const Clock& clock;
    std::filesystem::path data_dir;
    std::string url;             // of IssuerSet
    trustchain::LogClient* log;  // null: certificates carry no promise of a log
    const OwnLog& own_log;
    // As of RevocationService.
    std::function<void(std::span<const trustchain::RevokedCertificate>)> revoked;
  };
  // Null on a node without the keys. Errors: trust.record_invalid, store.*.
  [[nodiscard]] static Result<std::unique_ptr<Authority>> open(const Parts& parts);
  Authority(const Authority&) = delete;
  Authority& operator=(const Authority&) = delete;

  // The awaiter gets the errors of CertificateAuthority::issue().
  [[nodiscard]] Task<Result<trustchain::Issued>> issue(crypto::CertificateRequest request,
                                                       trustchain::Application application);
  // These issue from now on what the ones before have issued until now. Errors: store.*;
  // fleet.no_anchor.
  [[nodiscard]] Result<void> add_anchor();
  [[nodiscard]] Result<void> add(const trustchain::OrdinaryAuthority& ordinary);
  // A member's own leaf; the caller has authenticated it. Other errors: those of
  // TrustStore::application_for().
  [[nodiscard]] Task<Result<crypto::Certificate>> issue_leaf(crypto::CertificateRequest request,
                                                             NodeId member,
                                                             bool name_is_wish = false);
  // Likewise the one that it shows to ordinary clients; the caller vouches for `names`. PEM: leaf,
  // intermediate, root. Other errors: trust.request_name.
  [[nodiscard]] Task<Result<std::string>> issue_ordinary(crypto::CertificateRequest request,
                                                         std::string member,
                                                         fleet::OrdinaryCertificates::Names names);
  void stop() { authority_.stop(); }

  [[nodiscard]] trustchain::CertificateStore& store() { return *store_; }
  [[nodiscard]] const trustchain::IssuerSet& issuers() const { return issuers_; }
  [[nodiscard]] trustchain::RevocationService& revocations() { return revocations_; }
  [[nodiscard]] trustchain::CertificateAuthority::Stats stats() const { return authority_.stats(); }

 private:
  Authority(const Parts& parts, std::unique_ptr<trustchain::CertificateStore> store);

  const fleet::TrustStore& trust_;
  const Clock& clock_;
  const OwnLog& own_log_;
  std::unique_ptr<trustchain::CertificateStore> store_;
  trustchain::IssuerSet issuers_;
  trustchain::RevocationService revocations_;
  trustchain::CertificateAuthority authority_;
};

}  // namespace i2::node
