// Who may ask, and by which name: the checks that come before any resource.
//
// Web pages run in the browsers of people who work on the node's machine, so an address is not
// enough: Host must be a name of this node (DNS rebinding), Origin must be one too (requests across
// sites), and what proxies claim about a client is not believed.
#pragma once

#include <i2/gateway/http.h>
#include <i2/gateway/router.h>

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace i2::gateway {

struct Token {
  std::string name;
  Role role = Role::kAnyone;
};

struct AccessConfig {
  // Names and addresses by which this node is reached, lower case; "localhost" and "::1" always.
  std::set<std::string, std::less<>> hosts{};
  // Clients on this machine need no token to write, when the connection is encrypted.
  bool open_loopback = false;
  // The token whose SHA-256 this is, now. Null: there is none.
  std::function<std::optional<Token>(const Hash256&)> find_token{};
  // Whether a client's certificate is that of a member of the fleet, now. Null: none is.
  std::function<bool(const Client&)> is_member{};
};

// What a client may do, and by what it has shown that.
struct Caller {
  Role role = Role::kAnyone;
  std::string token{};  // the name of its token; empty: it sent none
  bool member = false;  // its certificate is a member's
};

class Access {
 public:
  explicit Access(AccessConfig config);

  // Errors: gateway.host_invalid, gateway.host_refused, gateway.origin_refused, gateway.forwarded.
  [[nodiscard]] Result<void> check_names(const Request& request) const;
  // Error: gateway.token_invalid.
  [[nodiscard]] Result<Caller> identify(const Request& request) const;
  // Errors: gateway.credentials_missing, gateway.role_insufficient.
  [[nodiscard]] static Result<void> require(Role wanted, Role held);

 private:
  [[nodiscard]] bool is_own(std::string_view host) const;

  AccessConfig config_;
};

}  // namespace i2::gateway
