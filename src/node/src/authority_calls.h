// What people ask of the certificate authority of this node, over HTTP or with `i2 cert`: arguments
// and answers as JSON. On the control executor; the disk is read on the pool.
//
// Every call is decided by the role of who asks (trustchain/core/roles.h), and the decision is in
// the authority's audit log, whether it was yes or no.
#pragma once

#include <i2/trustchain/core/roles.h>

#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "authority.h"
#include "rate_limit.h"

namespace i2::node {

class AuthorityCalls {
 public:
  struct Parts {
    rt::Runtime& runtime;
    fleet::TrustStore& trust;
    std::function<std::shared_ptr<const fleet::Chain>()> chain;  // the newest that is known here
    Authority* authority;  // null: every call but show() is answered with trust.no_issuer
    const Clock& clock;
  };
  explicit AuthorityCalls(Parts parts) : parts_(std::move(parts)) {}
  AuthorityCalls(const AuthorityCalls&) = delete;
  AuthorityCalls& operator=(const AuthorityCalls&) = delete;

  // Who asks.
  struct Caller {
    std::string actor;  // as in the audit log: "console", "token NAME", a member's name
    trustchain::AuthorityRole role = trustchain::AuthorityRole::kGuest;
    std::string member{};  // the name of a member that asks for itself
  };
  // A server's certificate, as an operator of the fleet asks for it; or one of a member's own.
  struct Wish {
    crypto::CertificateRequest request;
    std::string common_name;
    std::vector<std::string> names;      // DNS names and IPv6 addresses; the common name is one
    std::vector<std::string> addresses;  // more IPv6 addresses
  };
  // Errors of all of these: gateway.credentials_missing, gateway.role_insufficient, trust.*,
  // crypto.*, store.*, admin.argument.
  [[nodiscard]] Task<Result<nlohmann::json>> issue(Wish wish, Caller caller);
  // What another authority has issued is shown as the fleet's index has it, without the DER.
  [[nodiscard]] Task<Result<nlohmann::json>> show(std::string serial, Caller caller);
  // `after`: `next` of the page before, in hexadecimal digits.
  [[nodiscard]] Task<Result<nlohmann::json>> list(std::string name, std::string requester,
                                                  std::size_t limit, std::string after,
                                                  Caller caller);
  [[nodiscard]] Task<Result<nlohmann::json>> revoke(std::string serial, std::string reason,
                                                    Caller caller);
  struct AuditQuery {
    std::uint64_t from = 1;  // a number
    std::size_t limit = 100;
    std::string actor{};   // empty: any
    std::string action{};  // likewise
    UnixMillis since = 0;
  };
  [[nodiscard]] Task<Result<nlohmann::json>> audit(AuditQuery query, Caller caller);
  [[nodiscard]] Task<Result<nlohmann::json>> verify_audit(Caller caller);
  // For what is done elsewhere; `subject` is for the audit log.
  [[nodiscard]] Task<Result<void>> permit(Caller caller, trustchain::Permission permission,
                                          std::string subject);

  [[nodiscard]] Authority* authority() const { return parts_.authority; }
  [[nodiscard]] rt::Runtime& runtime() const { return parts_.runtime; }

 private:
  // `work` on the pool, where there is an authority.
  using Work = std::function<Result<nlohmann::json>(Authority&)>;
  [[nodiscard]] Task<Result<nlohmann::json>> run(Work work);
  // On the pool.
  [[nodiscard]] Result<void> decide(const Caller& caller, trustchain::Permission permission,
                                    std::string subject);
  [[nodiscard]] bool is_noted(const Caller& caller, bool allowed);
  [[nodiscard]] Result<trustchain::Application> application_of(const Wish& wish,
                                                               const Caller& caller) const;

  Parts parts_;
  std::mutex mutex_;
  // Under `mutex_`, by the clock that is never set: 60 at once, and as many in an hour.
  RateLimit guests_{60, 60 * kSecond};
};

[[nodiscard]] Error no_authority();
// Whoever may use the admin socket.
[[nodiscard]] AuthorityCalls::Caller console();

}  // namespace i2::node
