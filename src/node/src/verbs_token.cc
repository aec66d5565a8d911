#include "verbs_token.h"

#include <i2/node/units.h>

#include <nlohmann/json.hpp>

#include "verbs_json.h"

namespace i2::node {
namespace {

using nlohmann::json;

}  // namespace

void TokenVerbs::attach(AdminServer& server) {
  server.add("token_add", {"name", "role"},
             [this](AdminCallPtr call) { return add(std::move(call)); });
  server.add("token_list", {}, [this](AdminCallPtr call) { return list(std::move(call)); });
  server.add("token_remove", {"name"},
             [this](AdminCallPtr call) { return remove(std::move(call)); });
}

Task<Result<std::string>> TokenVerbs::add(AdminCallPtr call) {
  I2_CO_TRY_VALUE(const std::string name, call->request.text("name"));
  I2_CO_TRY_VALUE(const std::string role, call->request.text("role"));
  I2_CO_TRY(co_await parts_.calls.permit(console(), trustchain::Permission::kGrant,
                                         "token " + name + " " + role));
  const auto work = [&] {
    return parts_.tokens.add(name, role, parts_.clock.unix_now(), parts_.rng);
  };
  const auto token = co_await rt::run_on(parts_.runtime.pool(), work);
  if (!token) {
    co_return fail(token.error());
  }
  co_return to_line({{"name", name}, {"role", role}, {"token", *token}});
}

Task<Result<std::string>> TokenVerbs::list(AdminCallPtr) {
  json all = json::array();
  for (const TokenStore::Token& one : parts_.tokens.list()) {
    all.push_back({{"name", one.name},
                   {"role", trustchain::name(one.role)},
                   {"created", format_time(one.created)}});
  }
  co_return to_line({{"tokens", std::move(all)}});
}

Task<Result<std::string>> TokenVerbs::remove(AdminCallPtr call) {
  I2_CO_TRY_VALUE(const std::string name, call->request.text("name"));
  I2_CO_TRY(co_await parts_.calls.permit(console(), trustchain::Permission::kGrant,
                                         "token " + name + " none"));
  const auto work = [&] { return parts_.tokens.remove(name); };
  const auto removed = co_await rt::run_on(parts_.runtime.pool(), work);
  if (!removed) {
    co_return fail(removed.error());
  }
  co_return to_line({{"name", name}});
}

}  // namespace i2::node
