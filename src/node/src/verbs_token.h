// The admin verbs of `i2 token`: who may ask over HTTP, and as what.
#pragma once

#include "admin_server.h"
#include "authority_calls.h"
#include "token_store.h"

namespace i2::node {

class TokenVerbs {
 public:
  struct Parts {
    rt::Runtime& runtime;
    TokenStore& tokens;
    AuthorityCalls& calls;
    const Clock& clock;
    Rng& rng;
  };
  explicit TokenVerbs(Parts parts) : parts_(parts) {}
  TokenVerbs(const TokenVerbs&) = delete;
  TokenVerbs& operator=(const TokenVerbs&) = delete;

  // token_add {name, role}, token_list, token_remove {name}.
  void attach(AdminServer& server);

 private:
  [[nodiscard]] Task<Result<std::string>> add(AdminCallPtr call);
  [[nodiscard]] Task<Result<std::string>> list(AdminCallPtr call);
  [[nodiscard]] Task<Result<std::string>> remove(AdminCallPtr call);

  Parts parts_;
};

}  // namespace i2::node
