#include "verbs_cert.h"

#include <i2/node/units.h>
#include <i2/wire/text.h>

#include <nlohmann/json.hpp>

#include "verbs_json.h"

namespace i2::node {
namespace {

using nlohmann::json;

constexpr std::int64_t kEntriesMax = 500;

Result<std::string> line_of(const Result<json>& result) {
  return result.transform([](const json& value) { return to_line(value); });
}

// The argument, or nothing.
Result<std::string> optional_text(const AdminRequest& request, std::string_view name) {
  return request.args.contains(name) ? request.text(name) : Result<std::string>();
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const auto end = std::min(text.find(','), text.size());
    out.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

Result<crypto::CertificateRequest> csr_of(const AdminRequest& request) {
  I2_TRY_VALUE(const std::string csr, request.text("csr"));
  const auto der = wire::from_base64(csr);
  if (!der) {
    return fail("admin.argument", "'csr' wants DER in base64");
  }
  return crypto::CertificateRequest::from_der(*der);
}

json leaf_json(const crypto::Certificate& leaf) {
  return {{"serial_number", to_hex(leaf.serial())},
          {"common_name", leaf.subject_common_name()},
          {"expires_at", format_time(leaf.not_after())}};
}

}  // namespace

void CertVerbs::attach(AdminServer& server) {
  const auto add = [&](std::string verb, std::vector<std::string_view> arguments,
                       Task<Result<std::string>> (CertVerbs::*handler)(AdminCallPtr)) {
    server.add(std::move(verb), std::move(arguments),
               [this, handler](AdminCallPtr call) { return (this->*handler)(std::move(call)); });
  };
  add("cert_issue", {"csr", "common_name", "names"}, &CertVerbs::issue);
  add("cert_newcomer", {"csr", "name"}, &CertVerbs::newcomer);
  add("cert_show", {"serial"}, &CertVerbs::show);
  add("cert_list", {"name", "requester", "limit", "after"}, &CertVerbs::list);
  add("cert_revoke", {"serial", "reason"}, &CertVerbs::revoke);
  add("cert_audit", {"from", "limit", "verify", "actor", "action", "since"}, &CertVerbs::audit);
  add("cert_rotate", {}, &CertVerbs::rotate);
}

Task<Result<std::string>> CertVerbs::issue(AdminCallPtr call) {
  AuthorityCalls::Wish wish;
  I2_CO_TRY_VALUE(wish.request, csr_of(call->request));
  I2_CO_TRY_VALUE(wish.common_name, call->request.text("common_name"));
  I2_CO_TRY_VALUE(const std::string names, optional_text(call->request, "names"));
  wish.names = split(names);
  co_return line_of(co_await parts_.calls.issue(std::move(wish), console()));
}

// For `i2 provision`, which has the operator's key and registers the member with this certificate.
Task<Result<std::string>> CertVerbs::newcomer(AdminCallPtr call) {
  I2_CO_TRY_VALUE(auto request, csr_of(call->request));
  I2_CO_TRY_VALUE(const std::string name, call->request.text("name"));
  const auto members = parts_.trust.members();
  if (members->find(std::string_view(name)) != nullptr) {
    co_return fail("fleet.name_taken", "the name '" + name + "' belongs to another member");
  }
  if (parts_.calls.authority() == nullptr) {
    co_return fail(no_authority());
  }
  I2_CO_TRY_VALUE(auto application,
                  trustchain::application_for(
                      request, trustchain::LeafTerms{.node_name = name,
                                                     .fleet_name = members->genesis().fleet_name,
                                                     .serial = {}}));
  const auto issued =
      co_await parts_.calls.authority()->issue(std::move(request), std::move(application));
  if (!issued) {
    co_return fail(issued.error());
  }
  co_return to_line(json{{"certificate", wire::to_base64(issued->certificate.der())}});
}

Task<Result<std::string>> CertVerbs::show(AdminCallPtr call) {
  if (call->request.args.contains("serial")) {
    I2_CO_TRY_VALUE(std::string serial, call->request.text("serial"));
    co_return line_of(co_await parts_.calls.show(std::move(serial), console()));
  }
  json out{{"node", leaf_json(parts_.trust.current()->certificate)}};
  if (const auto shown = parts_.ordinary.current(); shown != nullptr) {
    out["ordinary"] = leaf_json(shown->certificate);
  }
  co_return to_line(out);
}

Task<Result<std::string>> CertVerbs::list(AdminCallPtr call) {
  I2_CO_TRY_VALUE(std::string name, optional_text(call->request, "name"));
  I2_CO_TRY_VALUE(std::string requester, optional_text(call->request, "requester"));
  I2_CO_TRY_VALUE(std::string after, optional_text(call->request, "after"));
  I2_CO_TRY_VALUE(const std::int64_t limit, call->request.integer("limit", 100, 1, kEntriesMax));
  co_return line_of(co_await parts_.calls.list(std::move(name), std::move(requester),
                                               static_cast<std::size_t>(limit), std::move(after),
                                               console()));
}

Task<Result<std::string>> CertVerbs::revoke(AdminCallPtr call) {
  I2_CO_TRY_VALUE(std::string serial, call->request.text("serial"));
  I2_CO_TRY_VALUE(std::string reason, call->request.text("reason"));
  co_return line_of(co_await parts_.calls.revoke(std::move(serial), std::move(reason), console()));
}

Task<Result<std::string>> CertVerbs::audit(AdminCallPtr call) {
  I2_CO_TRY_VALUE(const bool verify, call->request.flag("verify"));
  if (verify) {
    co_return line_of(co_await parts_.calls.verify_audit(console()));
  }
  I2_CO_TRY_VALUE(const std::int64_t from, call->request.integer("from", 1, 1, INT64_MAX));
  I2_CO_TRY_VALUE(const std::int64_t limit, call->request.integer("limit", 100, 1, kEntriesMax));
  I2_CO_TRY_VALUE(std::string actor, optional_text(call->request, "actor"));
  I2_CO_TRY_VALUE(std::string action, optional_text(call->request, "action"));
  I2_CO_TRY_VALUE(const std::int64_t since, call->request.integer("since", 0, 0, INT64_MAX));
  AuthorityCalls::AuditQuery query{.from = static_cast<std::uint64_t>(from),
                                   .limit = static_cast<std::size_t>(limit),
                                   .actor = std::move(actor),
                                   .action = std::move(action),
                                   .since = static_cast<UnixMillis>(since)};
  co_return line_of(co_await parts_.calls.audit(std::move(query), console()));
}

Task<Result<std::string>> CertVerbs::rotate(AdminCallPtr) {
  I2_CO_TRY(co_await parts_.calls.permit(console(), trustchain::Permission::kIssueOwn,
                                         parts_.trust.name()));
  I2_CO_TRY(co_await parts_.renewal.loop().renew_now());
  I2_CO_TRY(co_await parts_.ordinary_renewal.loop().renew_now());
  json out{{"node", leaf_json(parts_.trust.current()->certificate)}};
  out["ordinary"] = leaf_json(parts_.ordinary.current()->certificate);
  co_return to_line(out);
}

}  // namespace i2::node
