// What people ask of the certificate authority of this node, over HTTP or with `i2 cert`: arguments
// and answers as JSON. On the control executor; the disk is read on the pool.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "authority.h"

namespace i2::node {

class AuthorityCalls {
 public:
  struct Parts {
    rt::Runtime& runtime;
    fleet::TrustStore& trust;
    std::function<std::shared_ptr<const fleet::Chain>()> chain;  // the newest that is known here
    Authority* authority;  // null: every call but show() is answered with trust.no_issuer
  };
  explicit AuthorityCalls(Parts parts) : parts_(std::move(parts)) {}
  AuthorityCalls(const AuthorityCalls&) = delete;
  AuthorityCalls& operator=(const AuthorityCalls&) = delete;

  // A server's certificate, as an operator of the fleet asks for it.
  struct Wish {
    crypto::CertificateRequest request;
    std::string common_name;
    std::vector<std::string> names;      // DNS names and IPv6 addresses; the common name is one
    std::vector<std::string> addresses;  // more IPv6 addresses
  };
  // Errors of all of these: trust.*, crypto.*, store.*, admin.argument.
  [[nodiscard]] Task<Result<nlohmann::json>> issue(Wish wish, std::string actor);
  // What another authority has issued is shown as the fleet's index has it, without the DER.
  [[nodiscard]] Task<Result<nlohmann::json>> show(std::string serial);
  // `after`: `next` of the page before, in hexadecimal digits.
  [[nodiscard]] Task<Result<nlohmann::json>> list(std::string name, std::string requester,
                                                  std::size_t limit, std::string after);
  [[nodiscard]] Task<Result<nlohmann::json>> revoke(std::string serial, std::string reason,
                                                    std::string actor);
  // Entries from number `from` on.
  [[nodiscard]] Task<Result<nlohmann::json>> audit(std::uint64_t from, std::size_t limit);
  [[nodiscard]] Task<Result<nlohmann::json>> verify_audit();

  [[nodiscard]] Authority* authority() const { return parts_.authority; }
  [[nodiscard]] rt::Runtime& runtime() const { return parts_.runtime; }

 private:
  // `work` on the pool, where there is an authority.
  using Work = std::function<Result<nlohmann::json>(Authority&)>;
  [[nodiscard]] Task<Result<nlohmann::json>> run(Work work);

  Parts parts_;
};

[[nodiscard]] Error no_authority();

}  // namespace i2::node
