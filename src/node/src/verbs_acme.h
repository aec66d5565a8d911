// What the daemon does for `i2 acme`.
#pragma once

#include "acme.h"
#include "admin_server.h"

namespace i2::node {

class AcmeVerbs {
 public:
  struct Parts {
    rt::Runtime& runtime;
    Acme* acme;  // null: this node serves no ACME, and the verbs say so
    Rng& rng;
  };
  explicit AcmeVerbs(Parts parts) : parts_(parts) {}
  AcmeVerbs(const AcmeVerbs&) = delete;
  AcmeVerbs& operator=(const AcmeVerbs&) = delete;

  // acme_status; acme_account_ls, acme_account_show {account}, acme_account_deactivate {account};
  // acme_eab_add {kid}, acme_eab_ls, acme_eab_rm {kid}.
  void attach(AdminServer& server);

 private:
  [[nodiscard]] Task<Result<std::string>> status(AdminCallPtr call);
  [[nodiscard]] Task<Result<std::string>> list_accounts(AdminCallPtr call);
  [[nodiscard]] Task<Result<std::string>> show_account(AdminCallPtr call);
  [[nodiscard]] Task<Result<std::string>> deactivate_account(AdminCallPtr call);
  [[nodiscard]] Task<Result<std::string>> add_key(AdminCallPtr call);
  [[nodiscard]] Task<Result<std::string>> list_keys(AdminCallPtr call);
  [[nodiscard]] Task<Result<std::string>> remove_key(AdminCallPtr call);
  // The account and its orders, as JSON text.
  [[nodiscard]] Task<Result<std::string>> account_text(std::string id);

  Parts parts_;
};

}  // namespace i2::node
