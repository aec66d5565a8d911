// Orders and their certificates (RFC 8555 §7.4).
#include <i2/crypto/hash.h>
#include <i2/trustchain/acme/server.h>
#include <i2/wire/text.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "call.h"
#include "names.h"
#include "problem.h"

namespace i2::trustchain::acme {
namespace {

constexpr std::size_t kChainSizeMax = 64 * 1024;
// An authorization that ends earlier is not used again: the client needs time for its order.
constexpr UnixMillis kTimeForOrderMs = 3600 * 1000ULL;
constexpr std::string_view kPollAgainS = "1";

// The names of a new order in lower case, sorted. What is wrong with single ones goes into
// `refused`.
Result<std::vector<std::string>> read_names(const nlohmann::json& payload, std::size_t count_max,
                                            std::vector<NamedError>& refused) {
  const auto list = payload.find("identifiers");
  if (list == payload.end() || !list->is_array() || list->empty() || list->size() > count_max) {
    return fail("acme.malformed", "an order has 'identifiers', 1 to " + std::to_string(count_max));
  }
  std::vector<std::string> out;
  for (const nlohmann::json& entry : *list) {
    const std::string* const type = entry.is_object() ? text_member(entry, "type") : nullptr;
    const std::string* const value = entry.is_object() ? text_member(entry, "value") : nullptr;
    if (type == nullptr || value == nullptr || value->size() > 256) {
      return fail("acme.malformed", "an identifier has a 'type' and a 'value'");
    }
    if (*type != "dns") {
      refused.emplace_back(*value, Error("acme.unsupported_identifier",
                                         "identifiers have the type 'dns', not '" + *type + "'"));
    } else if (std::string name = lower(*value); is_orderable(name)) {
      out.push_back(std::move(name));
    } else {
      refused.emplace_back(*value,
                           Error("acme.rejected_identifier", "'" + *value + "' is no host name"));
    }
  }
  sort_unique(out);
  return out;
}

// RFC 8555 §6.7.1: one problem about all names, or the one there is.
Response refusal(std::vector<NamedError> refused) {
  const bool same = std::ranges::all_of(refused, [&](const NamedError& entry) {
    return entry.second.code() == refused.front().second.code();
  });
  if (refused.size() == 1) {
    return problem(refused.front().second, refused);
  }
  const std::string detail = std::to_string(refused.size()) + " of the names cannot be ordered";
  return problem(same && refused.front().second.is("acme.unsupported_identifier")
                     ? Error("acme.unsupported_identifier", detail)
                     : Error("acme.rejected_identifier", detail),
                 refused);
}

std::unexpected<Error> bad_csr(std::string what) {
  return fail("acme.bad_csr", std::move(what));
}

// §7.4: the request asks for exactly the names of the order, with a key of its own.
Result<Bytes> check_request(const std::string& text, const Order& order, const Account& account) {
  auto der = wire::from_base64url(text);
  if (!der) {
    return bad_csr("the certificate request is not base64url of its DER form");
  }
  const auto request = crypto::CertificateRequest::from_der(*der);
  if (!request) {
    return bad_csr(request.error().message());
  }
  if (!request->verify_possession()) {
    return bad_csr("the certificate request is not signed by the key it contains");
  }
  if (!request->ip_addresses().empty() || !request->other_names().empty()) {
    return bad_csr("the certificate request is for more than host names");
  }
  std::vector<std::string> names = request->dns_names();
  if (std::string common_name = request->subject_common_name(); !common_name.empty()) {
    names.push_back(std::move(common_name));  // acme-tiny and uacme may name one there only
  }
  std::ranges::transform(names, names.begin(), lower);
  sort_unique(names);
  if (names != order.names) {
    return bad_csr("the certificate request is for other names than the order");
  }
  // §11.1: the account's key must not be that of a certificate.
  if (equal(request->public_key().spki(), account.key.spki())) {
    return bad_csr("the certificate request has the account's key; make one of its own");
  }
  return std::move(*der);
}

bool have_common(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  return std::ranges::any_of(
      a, [&](const std::string& name) { return std::ranges::find(b, name) != b.end(); });
}

}  // namespace

// --- what an order is ----------------------------------------------------------------------------

std::string_view Server::status_of(const Order& order, UnixMillis now) {
  if (!order.chain.empty()) {
    return "valid";
  }
  if (order.error) {
    return "invalid";
  }
  if (!order.request.empty()) {
    return "processing";
  }
  if (order.expires <= now) {
    return "invalid";
  }
  std::string_view out = "ready";
  for (const std::string& id : order.authorizations) {
    const Authorization* const row = store_->authorization(id);
    if (row == nullptr || row->expires <= now ||
        (row->state != AuthorizationState::kPending && row->state != AuthorizationState::kValid)) {
      return "invalid";
    }
    if (row->state == AuthorizationState::kPending) {
      out = "pending";
    }
  }
  return out;
}

Response Server::order_response(const Order& order, int status, UnixMillis now) {
  const std::string_view state = status_of(order, now);
  nlohmann::json body{{"status", state},
                      {"expires", time_text(order.expires)},
                      {"identifiers", nlohmann::json::array()},
                      {"authorizations", nlohmann::json::array()},
                      {"finalize", url("order", order.id, "finalize")}};
  for (const std::string& name : order.names) {
    body["identifiers"].push_back({{"type", "dns"}, {"value", name}});
  }
  for (const std::string& id : order.authorizations) {
    body["authorizations"].push_back(url("authorization", id));
  }
  if (!order.profile.empty()) {
    body["profile"] = order.profile;
  }
  if (!order.replaces.empty()) {
    body["replaces"] = order.replaces;
  }
  if (order.error) {
    body["error"] = problem_json(*order.error);
  }
  if (!order.chain.empty()) {
    body["certificate"] = url("certificate", order.id);
  }
  Response out = json_response(body, status);
  // §7.4 has it on 201; clients on golang.org/x/crypto/acme look for it on all.
  out.headers.emplace_back("location", url("order", order.id));
  if (state == "processing") {
    out.headers.emplace_back("retry-after", kPollAgainS);
  }
  return out;
}

Result<Order*> Server::find_order(const Call& call) {
  Order* const row = store_->order(call.id);
  if (row == nullptr) {
    return fail("acme.not_found", "there is no such order (any more)");
  }
  if (row->account != call.account->id) {
    return fail("acme.unauthorized", "this is somebody else's order");
  }
  return row;
}

// --- requests ------------------------------------------------------------------------------------

Result<void> Server::check_rates(const Call& call) const {
  const UnixMillis wait =
      std::max(call.account->new_orders.wait(options_.new_orders, call.now),
               call.account->failed_validations.wait(options_.failed_validations, call.now));
  if (wait > 0) {
    const auto seconds = static_cast<std::int64_t>((wait + 999) / 1000);
    return fail("acme.rate_limited",
                "too many new orders or failed validations of this account; again in " +
                    std::to_string(seconds) + " s",
                seconds);
  }
  return {};
}

// RFC 9773 §5. A predecessor that is not known (any more) is not held against the client: the
// order is an ordinary one then.
Result<std::string> Server::replaced_by(const Call& call, const std::vector<std::string>& names) {
  const auto member = call.payload->find("replaces");
  if (member == call.payload->end()) {
    return std::string{};
  }
  const auto* const text = member->get_ptr<const std::string*>();
  if (text == nullptr || !parse_certificate_id(*text)) {
    return fail("acme.malformed", "'replaces' is no identifier of a certificate");
  }
  const Order* const row = store_->order_by_certificate(*text);
  if (row == nullptr) {
    return std::string{};
  }
  if (row->account != call.account->id || !have_common(row->names, names)) {
    return fail("acme.malformed",
                "the certificate to be replaced is another account's or has none of these names");
  }
  if (row->replaced) {
    return fail("acme.already_replaced", "the certificate was replaced already");
  }
  return *text;
}

Result<Response> Server::new_order(Call& call) {
  if (call.is_post_as_get()) {
    return fail("acme.malformed", "a new order needs a payload");
  }
  if (call.payload->contains("notBefore") || call.payload->contains("notAfter")) {
    return fail("acme.malformed", "'notBefore' and 'notAfter' are not supported");
  }
  I2_TRY(check_rates(call));
  std::vector<NamedError> refused;
  I2_TRY_VALUE(auto names, read_names(*call.payload, options_.names_max, refused));
  for (const std::string& name : names) {
    if (const auto allowed = authority_.check_name(*call.account, name); !allowed) {
      refused.emplace_back(name,
                           Error("acme.rejected_identifier", shown(allowed.error()).message()));
    }
  }
  if (!refused.empty()) {
    return refusal(std::move(refused));
  }
  const std::string* const profile = text_member(*call.payload, "profile");
  if (call.payload->contains("profile") &&
      (profile == nullptr || !options_.profiles.contains(*profile))) {
    return fail("acme.invalid_profile", "there is no such profile; the directory lists them");
  }
  I2_TRY_VALUE(std::string replaces, replaced_by(call, names));
  if (!store_->has_room_for_order(names.size())) {
    return busy();
  }
  call.account->new_orders.take(options_.new_orders, call.now);
  Order order{.id = make_id(),
              .account = call.account->id,
              .names = std::move(names),
              .profile = profile != nullptr ? *profile : std::string{},
              .replaces = std::move(replaces),
              .created = call.now,
              .expires = call.now + options_.pending_life_ms};
  authorize(order, call.now);
  return order_response(store_->add(std::move(order)), 201, call.now);
}

// Valid authorizations are used again; for other names there are new ones. The order ends with the
// first of them.
void Server::authorize(Order& order, UnixMillis now) {
  for (const std::string& name : order.names) {
    Authorization* row = store_->valid_authorization(order.account, name, now + kTimeForOrderMs);
    if (row == nullptr) {
      row = &store_->add(Authorization{.id = make_id(),
                                       .account = order.account,
                                       .name = std::string(without_wildcard(name)),
                                       .wildcard = is_wildcard(name),
                                       .token = make_id(),
                                       .created = now,
                                       .expires = now + options_.pending_life_ms});
    }
    order.authorizations.push_back(row->id);
    order.expires = std::min(order.expires, row->expires);
  }
}

Result<Response> Server::order(const Call& call) {
  I2_TRY_VALUE(const Order* const row, find_order(call));
  if (!call.is_post_as_get()) {
    return fail("acme.malformed", "an order can only be read");
  }
  return order_response(*row, 200, call.now);
}

Result<Response> Server::finalize(const Call& call) {
  I2_TRY_VALUE(Order* const row, find_order(call));
  const std::string_view state = status_of(*row, call.now);
  if (state != "ready") {
    return fail("acme.order_not_ready", "the order is " + std::string(state) + ", not ready");
  }
  const std::string* const csr = call.payload ? text_member(*call.payload, "csr") : nullptr;
  if (csr == nullptr) {
    return fail("acme.malformed", "the payload needs 'csr'");
  }
  if (issuances_.size() >= options_.orders_max) {
    return busy();
  }
  I2_TRY_VALUE(row->request, check_request(*csr, *row, *call.account));
  store_->changed(*row);
  issuances_.push_back(row->id);
  return order_response(*row, 200, call.now);
}

Result<Response> Server::certificate(const Call& call) {
  I2_TRY_VALUE(const Order* const row, find_order(call));
  if (row->chain.empty()) {
    return fail("acme.not_found", "the order has no certificate (yet)");
  }
  if (!call.is_post_as_get()) {
    return fail("acme.malformed", "a certificate can only be read");
  }
  return Response{
      .status = 200, .content_type = "application/pem-certificate-chain", .body = row->chain};
}

// --- issuance ------------------------------------------------------------------------------------

std::optional<Issuance> Server::poll_issuance() {
  while (!issuances_.empty()) {
    const Order* const row = store_->order(issuances_.front());
    issuances_.pop_front();
    if (row != nullptr && row->chain.empty() && !row->error) {
      return Issuance{.order = row->id,
                      .account = row->account,
                      .request = row->request,
                      .names = row->names,
                      .profile = row->profile};
    }
  }
  return std::nullopt;
}

bool Server::handle_issued(std::string_view order, const Issued& issued, UnixMillis now) {
  Order* const row = store_->order(order);
  if (row == nullptr || status_of(*row, now) != "processing" || issued.chain.empty()) {
    return false;
  }
  std::string chain;
  for (const crypto::Certificate& certificate : issued.chain) {
    chain += certificate.pem();
  }
  if (chain.size() > kChainSizeMax) {
    return false;
  }
  const crypto::Certificate& leaf = issued.chain.front();
  row->chain = std::move(chain);
  row->leaf = crypto::sha256(leaf.der());
  row->certificate =
      to_text({.authority_key_id = leaf.authority_key_id(), .serial = leaf.serial()});
  row->not_after = leaf.not_after();
  store_->changed(*row);
  if (Order* const old = store_->order_by_certificate(row->replaces); old != nullptr) {
    old->replaced = true;
    store_->changed(*old);
  }
  return true;
}

bool Server::handle_refused(std::string_view order, const Error& error) {
  Order* const row = store_->order(order);
  if (row == nullptr || row->request.empty() || !row->chain.empty()) {
    return false;
  }
  row->error = shown(error);
  store_->changed(*row);
  return true;
}

void Server::handle_deferred(std::string_view order) {
  issuances_.emplace_back(order);
}

}  // namespace i2::trustchain::acme
