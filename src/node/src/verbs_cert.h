// The admin verbs of `i2 cert`.
#pragma once

#include "admin_server.h"
#include "authority_calls.h"
#include "ordinary_renewal.h"
#include "renewal.h"

namespace i2::node {

class CertVerbs {
 public:
  struct Parts {
    AuthorityCalls& calls;
    Renewal& renewal;
    OrdinaryRenewal& ordinary_renewal;
    fleet::TrustStore& trust;
    fleet::OrdinaryCertificates& ordinary;
  };
  explicit CertVerbs(Parts parts) : parts_(parts) {}
  CertVerbs(const CertVerbs&) = delete;
  CertVerbs& operator=(const CertVerbs&) = delete;

  void attach(AdminServer& server);

 private:
  [[nodiscard]] Task<Result<std::string>> issue(AdminCallPtr call);
  [[nodiscard]] Task<Result<std::string>> newcomer(AdminCallPtr call);
  [[nodiscard]] Task<Result<std::string>> show(AdminCallPtr call);
  [[nodiscard]] Task<Result<std::string>> list(AdminCallPtr call);
  [[nodiscard]] Task<Result<std::string>> revoke(AdminCallPtr call);
  [[nodiscard]] Task<Result<std::string>> audit(AdminCallPtr call);
  [[nodiscard]] Task<Result<std::string>> rotate(AdminCallPtr call);

  Parts parts_;
};

}  // namespace i2::node
