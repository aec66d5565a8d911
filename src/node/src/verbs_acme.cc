#include "verbs_acme.h"

#include <i2/node/units.h>
#include <i2/wire/text.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "await_answer.h"
#include "verbs_json.h"

namespace i2::node {
namespace {

using nlohmann::json;
namespace acme = trustchain::acme;
using trustchain::AcmeService;

constexpr std::size_t kMacKeySize = 32;  // RFC 7518 §3.2: at least the size of the hash
constexpr std::size_t kKidSizeMax = 64;

json account_json(const acme::Account& account) {
  return {{"account", account.id},
          {"state", account.deactivated ? "deactivated" : "valid"},
          {"contacts", account.contacts},
          {"key_thumbprint", account.thumbprint},
          {"external_key", account.external_kid.empty() ? json() : json(account.external_kid)},
          {"proven", account.proven},
          {"created_at", format_time(account.created)}};
}

// As far as the record tells: an order that waits may be pending, ready or expired.
std::string_view state_of(const acme::Order& order) {
  if (!order.chain.empty()) {
    return "valid";
  }
  if (order.error) {
    return "invalid";
  }
  return order.request.empty() ? "waiting" : "processing";
}

json order_json(const acme::Order& order) {
  json out{{"order", order.id},
           {"names", order.names},
           {"state", state_of(order)},
           {"created_at", format_time(order.created)},
           {"error", order.error ? json(order.error->to_string()) : json()}};
  if (order.not_after != 0) {
    out["expires_at"] = format_time(order.not_after);
  }
  return out;
}

Result<std::string> kid_of(const AdminRequest& request) {
  I2_TRY_VALUE(std::string kid, request.text("kid"));
  const bool plain = std::ranges::all_of(kid, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
  if (kid.empty() || kid.size() > kKidSizeMax || !plain || kid.starts_with('-')) {
    return fail("admin.argument",
                "the name of a key has 1 to 64 letters, digits and any of '.', '_', '-'");
  }
  return kid;
}

}  // namespace

void AcmeVerbs::attach(AdminServer& server) {
  const auto add = [&](std::string verb, std::vector<std::string_view> arguments,
                       Task<Result<std::string>> (AcmeVerbs::*handler)(AdminCallPtr)) {
    server.add(std::move(verb), std::move(arguments),
               [this, handler](AdminCallPtr call) -> Task<Result<std::string>> {
                 if (parts_.acme == nullptr) {
                   return []() -> Task<Result<std::string>> {
                     co_return fail("acme.not_served",
                                    "this node serves no ACME: that takes '[trustchain.acme] "
                                    "enabled = true', the gateway, and the keys of an authority");
                   }();
                 }
                 return (this->*handler)(std::move(call));
               });
  };
  add("acme_status", {}, &AcmeVerbs::status);
  add("acme_account_ls", {}, &AcmeVerbs::list_accounts);
  add("acme_account_show", {"account"}, &AcmeVerbs::show_account);
  add("acme_account_deactivate", {"account"}, &AcmeVerbs::deactivate_account);
  add("acme_eab_add", {"kid"}, &AcmeVerbs::add_key);
  add("acme_eab_ls", {}, &AcmeVerbs::list_keys);
  add("acme_eab_rm", {"kid"}, &AcmeVerbs::remove_key);
}

Task<Result<std::string>> AcmeVerbs::status(AdminCallPtr) {
  const AcmeService& service = parts_.acme->service();
  const auto work = [&service] { return service.accounts(); };
  I2_CO_TRY_VALUE(const auto accounts, co_await rt::run_on(parts_.runtime.pool(), work));
  const AcmeService::Stats stats = service.stats();
  json failed = json::object();
  for (const auto& [code, count] : stats.failed_validations) {
    failed[code] = count;
  }
  co_return to_line({{"directory", service.options().base_url + "/directory"},
                     {"external_account_required", service.options().external_account_required},
                     {"accounts", accounts.size()},
                     {"requests", stats.requests},
                     {"refused_requests", stats.refused_requests},
                     {"failed_requests", stats.failed_requests},
                     {"validations", stats.validations},
                     {"failed_validations", std::move(failed)},
                     {"issued", stats.issued},
                     {"refused_orders", stats.refused_orders},
                     {"revoked", stats.revoked},
                     {"waiting", stats.waiting},
                     {"closed", stats.closed}});
}

Task<Result<std::string>> AcmeVerbs::list_accounts(AdminCallPtr) {
  const auto work = [this] { return parts_.acme->service().accounts(); };
  I2_CO_TRY_VALUE(auto accounts, co_await rt::run_on(parts_.runtime.pool(), work));
  std::ranges::sort(accounts, {}, &acme::Account::created);
  json out = json::array();
  for (const acme::Account& one : accounts) {
    out.push_back(account_json(one));
  }
  co_return to_line({{"accounts", std::move(out)}});
}

Task<Result<std::string>> AcmeVerbs::account_text(std::string id) {
  const auto work = [this, &id]() -> Result<std::string> {
    I2_TRY_VALUE(const auto accounts, parts_.acme->service().accounts());
    const auto found = std::ranges::find(accounts, id, &acme::Account::id);
    if (found == accounts.end()) {
      return fail("acme.account_unknown", "there is no account '" + id + "'");
    }
    I2_TRY_VALUE(auto orders, parts_.acme->service().orders(id));
    std::ranges::sort(orders, {}, &acme::Order::created);
    json out = account_json(*found);
    out["orders"] = json::array();
    for (const acme::Order& one : orders) {
      out["orders"].push_back(order_json(one));
    }
    return to_line(out);
  };
  co_return co_await rt::run_on(parts_.runtime.pool(), work);
}

Task<Result<std::string>> AcmeVerbs::show_account(AdminCallPtr call) {
  I2_CO_TRY_VALUE(std::string id, call->request.text("account"));
  co_return co_await account_text(std::move(id));
}

Task<Result<std::string>> AcmeVerbs::deactivate_account(AdminCallPtr call) {
  I2_CO_TRY_VALUE(std::string id, call->request.text("account"));
  const auto start = [this, &id](const AcmeService::Done& done) {
    parts_.acme->service().deactivate_account(id, done);
  };
  I2_CO_TRY(co_await answer_of<Result<void>>(start));
  co_return co_await account_text(std::move(id));
}

Task<Result<std::string>> AcmeVerbs::add_key(AdminCallPtr call) {
  I2_CO_TRY_VALUE(std::string kid, kid_of(call->request));
  crypto::SecretBytes key(kMacKeySize);
  parts_.rng.fill(key.mutable_view());
  const std::string text = wire::to_base64url(key.view());
  const auto start = [this, &kid, &key](const AcmeService::Done& done) {
    parts_.acme->service().add_external_key(kid, std::move(key), done);
  };
  I2_CO_TRY(co_await answer_of<Result<void>>(start));
  co_return to_line({{"kid", kid}, {"hmac_key", text}, {"algorithm", "HS256"}});
}

Task<Result<std::string>> AcmeVerbs::list_keys(AdminCallPtr) {
  const auto work = [this] { return parts_.acme->service().accounts(); };
  I2_CO_TRY_VALUE(const auto accounts, co_await rt::run_on(parts_.runtime.pool(), work));
  json out = json::array();
  for (const auto& key : parts_.acme->service().external_keys()) {
    json bound = json::array();
    for (const acme::Account& one : accounts) {
      if (one.external_kid == key.kid) {
        bound.push_back(one.id);
      }
    }
    out.push_back({{"kid", key.kid},
                   {"created_at", format_time(key.created)},
                   {"accounts", std::move(bound)}});
  }
  co_return to_line({{"keys", std::move(out)}});
}

Task<Result<std::string>> AcmeVerbs::remove_key(AdminCallPtr call) {
  I2_CO_TRY_VALUE(std::string kid, kid_of(call->request));
  const auto start = [this, &kid](const AcmeService::Done& done) {
    parts_.acme->service().remove_external_key(kid, done);
  };
  I2_CO_TRY(co_await answer_of<Result<void>>(start));
  co_return to_line({{"kid", kid}});
}

}  // namespace i2::node
