#include <i2/base/assert.h>
#include <i2/trustchain/acme/server.h>
#include <i2/wire/text.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "call.h"
#include "names.h"
#include "nonces.h"
#include "problem.h"

namespace i2::trustchain::acme {
namespace {

struct Route {
  std::string_view path;  // of one segment; what has an id has it as the next one
  Resource resource;
  bool has_id = false;
  std::string_view tail{};  // a third segment; "*": any
};

constexpr std::array<Route, 14> kRoutes{{
    {"directory", Resource::kDirectory},
    {"new-nonce", Resource::kNewNonce},
    {"new-account", Resource::kNewAccount},
    {"new-order", Resource::kNewOrder},
    {"revoke-cert", Resource::kRevokeCertificate},
    {"key-change", Resource::kKeyChange},
    {"renewal-info", Resource::kRenewalInfo, true},
    {"account", Resource::kAccount, true},
    {"account", Resource::kAccountOrders, true, "orders"},
    {"order", Resource::kOrder, true},
    {"order", Resource::kFinalize, true, "finalize"},
    {"certificate", Resource::kCertificate, true},
    {"authorization", Resource::kAuthorization, true},
    {"challenge", Resource::kChallenge, true, "*"},
}};

// The text before the next '/', which is taken away with it.
std::string_view next_segment(std::string_view& rest) {
  const std::size_t slash = rest.find('/');
  const std::string_view segment = rest.substr(0, slash);
  rest = slash == std::string_view::npos ? std::string_view{} : rest.substr(slash + 1);
  return segment;
}

bool is_got(Resource resource) {
  return resource == Resource::kDirectory || resource == Resource::kNewNonce ||
         resource == Resource::kRenewalInfo;
}

// RFC 9110 §8.3.1: parameters may follow, and case does not matter.
bool is_jose(std::string_view content_type) {
  std::string_view type = content_type.substr(0, content_type.find(';'));
  while (type.ends_with(' ')) {
    type.remove_suffix(1);
  }
  return lower(type) == "application/jose+json";
}

}  // namespace

Result<void> check(const Options& options) {
  const std::string_view url = options.base_url;
  const std::string_view host = url.substr(std::min<std::size_t>(url.size(), 8));
  if (!url.starts_with("https://") || url.ends_with('/') || !wire::is_utf8(url) ||
      !is_orderable(lower(host.substr(0, host.find_first_of(":/"))))) {
    return fail("acme.options_invalid",
                "the address of the ACME server is https://, a host name (no address), and a path "
                "without a slash at its end");
  }
  if (options.names_max == 0 || options.names_max > kNamesMax || options.accounts_max == 0 ||
      options.orders_max == 0 || options.authorizations_max < options.names_max) {
    return fail("acme.options_invalid",
                "the ACME server's tables hold at least one order, and an order at most " +
                    std::to_string(kNamesMax) + " names");
  }
  return {};
}

Server::Server(Options options, const Authority& authority, Rng& rng)
    : options_(std::move(options)),
      authority_(authority),
      rng_(rng),
      nonces_(std::make_unique<Nonces>(rng)),
      store_(std::make_unique<Store>(options_)) {
  I2_ASSERT(check(options_));
}

Server::~Server() = default;

std::string Server::url(std::string_view path, std::string_view id, std::string_view tail) const {
  std::string out = options_.base_url;
  for (const std::string_view segment : {path, id, tail}) {
    if (!segment.empty()) {
      out += '/';
      out += segment;
    }
  }
  return out;
}

std::string Server::make_id() {
  // Letters and digits: a token or a file name that begins with '-' is read as an option by
  // clients that are shell scripts. 160 bits; RFC 8555 §11.3 asks for 128 in a token.
  std::array<std::uint8_t, 20> random{};
  rng_.fill(random);
  return wire::to_base32(random);
}

// --- requests ------------------------------------------------------------------------------------

Response Server::handle(const Request& request, UnixMillis now) {
  Call call{.request = request, .now = now};
  Result<Response> response = respond(call);
  return finished(response ? std::move(*response) : problem(response.error()), &call);
}

Response Server::finished(Response response, const Call* call) {
  if (call == nullptr || call->resource != Resource::kDirectory) {
    add_link(response, url("directory"), "index");  // RFC 8555 §7.1
  }
  constexpr int kMethodNotAllowed = 405;  // RFC 9110 §15.5.6 asks for Allow
  if (response.status == kMethodNotAllowed && call != nullptr) {
    response.headers.emplace_back("allow", is_got(call->resource) ? "GET, HEAD, POST" : "POST");
  }
  // RFC 8555 §6.5: on every answer to a POST, errors too; here on all.
  response.headers.emplace_back("replay-nonce", nonces_->issue());
  response.headers.emplace_back("cache-control", "no-store");
  return response;
}

Result<Response> Server::respond(Call& call) {
  std::string_view rest = call.request.target;
  if (const std::size_t mark = rest.find('?'); mark != std::string_view::npos) {
    call.query = rest.substr(mark + 1);
    rest = rest.substr(0, mark);
  }
  const bool rooted = rest.starts_with('/');
  rest.remove_prefix(rooted ? 1 : 0);
  const bool closed = !rest.ends_with('/');
  const std::string_view path = next_segment(rest);
  call.id = next_segment(rest);
  call.tail = rest;
  const auto* const route = std::ranges::find_if(kRoutes, [&](const Route& entry) {
    return entry.path == path && entry.has_id == !call.id.empty() &&
           (entry.tail == call.tail || (entry.tail == "*" && !call.tail.empty()));
  });
  if (!rooted || !closed || route == kRoutes.end()) {
    return fail("acme.not_found", "there is nothing at this address; begin with the directory");
  }
  call.resource = route->resource;
  const std::string_view method = call.request.method;
  const bool is_read = method == "GET" || method == "HEAD";
  if (is_read && is_got(call.resource)) {
    return respond_to_get(call);
  }
  if (method != "POST") {
    return fail("acme.method", is_read
                                   ? "to read this, POST an empty payload (RFC 8555 section 6.3)"
                                   : "the resources of ACME answer POST, some GET and HEAD");
  }
  I2_TRY(authenticate(call));
  if (is_got(call.resource) && !call.is_post_as_get()) {
    return fail("acme.malformed", "this resource can only be read");
  }
  return respond_to_post(call);
}

Result<Response> Server::respond_to_get(const Call& call) const {
  switch (call.resource) {
    case Resource::kNewNonce:
      // RFC 8555 §7.2: HEAD is answered 200, GET 204.
      return Response{.status = call.request.method == "HEAD" ? 200 : 204};
    case Resource::kRenewalInfo:
      return renewal_info(call);
    default:
      return directory();
  }
}

Response Server::directory() const {
  nlohmann::json meta{{"externalAccountRequired", options_.external_account_required}};
  if (!options_.website.empty()) {
    meta["website"] = options_.website;
  }
  if (!options_.terms_url.empty()) {
    meta["termsOfService"] = options_.terms_url;
  }
  if (!options_.caa_identities.empty()) {
    meta["caaIdentities"] = options_.caa_identities;
  }
  if (!options_.profiles.empty()) {
    meta["profiles"] = options_.profiles;
  }
  return json_response({{"newNonce", url("new-nonce")},
                        {"newAccount", url("new-account")},
                        {"newOrder", url("new-order")},
                        {"revokeCert", url("revoke-cert")},
                        {"keyChange", url("key-change")},
                        {"renewalInfo", url("renewal-info")},
                        {"meta", std::move(meta)}});
}

// RFC 8555 §6: what has to hold before anything of a request is believed.
Result<void> Server::authenticate(Call& call) {
  if (!is_jose(call.request.content_type)) {
    return fail("acme.media_type", "the content type of a request is application/jose+json");
  }
  I2_TRY_VALUE(call.jws, parse_jws(call.request.body, JwsUse::kRequest));
  // §6.4: against requests that are passed on to another server or resource.
  if (call.jws.url != options_.base_url + std::string(call.request.target)) {
    return fail("acme.wrong_url", "the request was signed for another URL");
  }
  if (!nonces_->use(call.jws.nonce)) {
    return fail("acme.bad_nonce", "the nonce was used before or is too old; take the new one");
  }
  I2_TRY(find_signer(call));
  I2_TRY(verify_jws(call.jws, call.account != nullptr ? call.account->key : *call.jws.key));
  if (call.account != nullptr && call.account->deactivated) {
    return fail("acme.account_deactivated", "the account is deactivated");
  }
  if (!call.jws.payload.empty()) {
    auto payload = parse_object(as_text(call.jws.payload));
    if (!payload) {
      return fail("acme.malformed", "the payload is no JSON object, or says something twice");
    }
    call.payload = std::make_unique<const nlohmann::json>(std::move(*payload));
  }
  return {};
}

Result<void> Server::find_signer(Call& call) {
  const bool by_key = call.jws.key.has_value();
  // §6.2: newAccount has the key itself; revokeCert may; everything else names the account.
  if (call.resource == Resource::kNewAccount
          ? !by_key
          : by_key && call.resource != Resource::kRevokeCertificate) {
    return fail("acme.malformed", by_key ? "this request is signed with 'kid', not 'jwk'"
                                         : "this request is signed with 'jwk', not 'kid'");
  }
  if (by_key) {
    return {};
  }
  const std::string prefix = url("account") + "/";
  if (call.jws.kid.starts_with(prefix)) {
    call.account = store_->account(std::string_view(call.jws.kid).substr(prefix.size()));
  }
  if (call.account == nullptr) {
    return fail("acme.account_unknown", "there is no such account; make a new one");
  }
  return {};
}

Result<Response> Server::respond_to_post(Call& call) {
  switch (call.resource) {
    case Resource::kNewAccount:
      return new_account(call);
    case Resource::kNewOrder:
      return new_order(call);
    case Resource::kRevokeCertificate:
      return revoke(call);
    case Resource::kKeyChange:
      return key_change(call);
    case Resource::kAccount:
      return account(call);
    case Resource::kAccountOrders:
      return account_orders(call);
    case Resource::kOrder:
      return order(call);
    case Resource::kFinalize:
      return finalize(call);
    case Resource::kCertificate:
      return certificate(call);
    case Resource::kAuthorization:
      return authorization(call);
    case Resource::kChallenge:
      return challenge(call);
    // RFC 8555 §6.3: what can be got can also be read like everything else.
    case Resource::kDirectory:
    case Resource::kNewNonce:
    case Resource::kRenewalInfo:
      return respond_to_get(call);
    case Resource::kUnknown:
      break;
  }
  std::unreachable();
}

// --- records and time ----------------------------------------------------------------------------

Result<void> Server::restore(ByteView record) {
  bool kept = false;
  switch (kind_of(record).value_or(RecordKind::kOrder)) {
    case RecordKind::kAccount: {
      I2_TRY_VALUE(Account account, decode_account(record));
      kept = store_->restore(std::move(account));
      break;
    }
    case RecordKind::kAuthorization: {
      I2_TRY_VALUE(Authorization authorization, decode_authorization(record));
      kept = store_->restore(std::move(authorization));
      break;
    }
    case RecordKind::kOrder: {
      I2_TRY_VALUE(Order order, decode_order(record));
      kept = store_->restore(std::move(order));
      break;
    }
  }
  return kept ? Result<void>{} : busy();
}

void Server::resume(UnixMillis now) {
  store_->finish_restoring();
  store_->erase_expired(now);
  for (const auto& [id, row] : store_->authorizations()) {
    if (row.state == AuthorizationState::kPending && row.answered) {
      validations_.push_back(id);
    }
  }
  for (const auto& [id, row] : store_->orders()) {
    if (status_of(row, now) == "processing") {
      issuances_.push_back(id);
    }
  }
}

void Server::handle_time(UnixMillis now) {
  store_->erase_expired(now);
}

std::optional<RecordChange> Server::poll_change() {
  return store_->poll_change();
}

}  // namespace i2::trustchain::acme
