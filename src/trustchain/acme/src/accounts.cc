// Accounts (RFC 8555 §7.3).
#include <i2/trustchain/acme/jwk.h>
#include <i2/trustchain/acme/server.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "call.h"
#include "problem.h"

namespace i2::trustchain::acme {
namespace {

constexpr std::size_t kContactSizeMax = 256;
constexpr std::size_t kExternalKidMax = 256;
constexpr std::size_t kOrdersPerPage = 50;

// RFC 8555 §7.3: "mailto" without header fields, one address each.
Result<std::string> read_contact(const nlohmann::json& entry) {
  const auto* const text = entry.get_ptr<const std::string*>();
  if (text == nullptr || text->size() > kContactSizeMax) {
    return fail("acme.invalid_contact",
                "a contact is a URL of at most " + std::to_string(kContactSizeMax) + " characters");
  }
  constexpr std::string_view kScheme = "mailto:";
  if (!text->starts_with(kScheme)) {
    return fail("acme.unsupported_contact", "contacts are mailto: addresses");
  }
  const std::string_view address = std::string_view(*text).substr(kScheme.size());
  const std::size_t at = address.find('@');
  const bool printable = std::ranges::all_of(address, [](char c) { return c > ' ' && c != 0x7f; });
  if (!printable || address.find_first_of(",?<>") != std::string_view::npos || at == 0 ||
      at == std::string_view::npos || at + 1 == address.size() || at != address.rfind('@')) {
    return fail("acme.invalid_contact", "'" + *text + "' is not mailto: and one address");
  }
  return *text;
}

// None: the request does not speak of contacts.
Result<std::optional<std::vector<std::string>>> read_contacts(const nlohmann::json& payload) {
  const auto member = payload.find("contact");
  if (member == payload.end() || member->is_null()) {
    return std::nullopt;
  }
  if (!member->is_array() || member->size() > kContactsMax) {
    return fail("acme.invalid_contact",
                "'contact' is an array of at most " + std::to_string(kContactsMax) + " URLs");
  }
  std::vector<std::string> out;
  for (const nlohmann::json& entry : *member) {
    I2_TRY_VALUE(out.emplace_back(), read_contact(entry));
  }
  return out;
}

bool is_true(const nlohmann::json& payload, const char* name) {
  const auto member = payload.find(name);
  return member != payload.end() && member->is_boolean() && member->get<bool>();
}

}  // namespace

Response Server::account_response(const Account& account, int status) const {
  nlohmann::json body{{"status", account.deactivated ? "deactivated" : "valid"},
                      {"contact", account.contacts},
                      {"orders", url("account", account.id, "orders")}};
  if (account.terms_agreed) {
    body["termsOfServiceAgreed"] = true;
  }
  Response out = json_response(body, status);
  // §7.3: with 200 too; acme.sh and uacme know the account by nothing else.
  out.headers.emplace_back("location", url("account", account.id));
  return out;
}

Result<Response> Server::new_account(Call& call) {
  if (call.is_post_as_get()) {
    return fail("acme.malformed", "a new account needs a payload");
  }
  const std::string print = thumbprint(*call.jws.key);
  if (const AccountRow* const known = store_->account_by_key(print); known != nullptr) {
    if (known->deactivated) {
      return fail("acme.account_deactivated", "the account of this key is deactivated");
    }
    return account_response(*known, 200);  // §7.3.1: nothing of it changes
  }
  if (is_true(*call.payload, "onlyReturnExisting")) {
    return fail("acme.account_unknown", "there is no account with this key");
  }
  I2_TRY_VALUE(auto contacts, read_contacts(*call.payload));
  const bool agreed = is_true(*call.payload, "termsOfServiceAgreed");
  if (!options_.terms_url.empty() && !agreed) {
    Response out =
        problem(Error("acme.user_action_required",
                      "the terms of service have to be agreed to: " + options_.terms_url));
    add_link(out, options_.terms_url, "terms-of-service");
    return out;
  }
  I2_TRY_VALUE(std::string external_kid, external_account(call));
  if (!store_->has_room_for_account()) {
    return busy();
  }
  const AccountRow& row =
      store_->add(Account{.id = make_id(),
                          .key = std::move(*call.jws.key),
                          .thumbprint = print,
                          .terms_agreed = agreed,
                          .contacts = std::move(contacts).value_or(std::vector<std::string>{}),
                          .external_kid = std::move(external_kid),
                          .created = call.now});
  return account_response(row, 201);
}

// §7.3.4. The kid of the external account, empty when none was named.
Result<std::string> Server::external_account(const Call& call) const {
  const auto binding = call.payload->find("externalAccountBinding");
  if (binding == call.payload->end()) {
    if (options_.external_account_required) {
      return fail("acme.external_account_required",
                  "a new account has to be bound to an external one; ask the operator for a key");
    }
    return std::string{};
  }
  I2_TRY_VALUE(const Jws jws, parse_jws(to_text(*binding), JwsUse::kExternalAccount));
  if (jws.url != call.jws.url) {
    return fail("acme.malformed", "the binding of the external account is for another URL");
  }
  const auto key = parse_jwk(as_text(jws.payload));
  if (!key || jwk_text(*key) != jwk_text(*call.jws.key)) {
    return fail("acme.malformed", "the binding of the external account is of another key");
  }
  const crypto::SecretBytes* const secret =
      jws.kid.size() <= kExternalKidMax ? authority_.external_key(jws.kid) : nullptr;
  if (secret == nullptr) {
    return fail("acme.unauthorized", "there is no such external account");
  }
  I2_TRY(verify_jws_mac(jws, secret->view()));
  return jws.kid;
}

// §7.3.2, §7.3.6, and reading it.
Result<Response> Server::account(Call& call) {
  if (call.id != call.account->id) {
    return fail("acme.unauthorized", "this is somebody else's account");
  }
  if (call.is_post_as_get()) {
    return account_response(*call.account, 200);
  }
  I2_TRY_VALUE(auto contacts, read_contacts(*call.payload));
  const std::string* const status = text_member(*call.payload, "status");
  if (call.payload->contains("status") &&
      (status == nullptr || (*status != "deactivated" && *status != "valid"))) {
    return fail("acme.malformed", "an account's status can only be set to 'deactivated'");
  }
  AccountRow& row = *call.account;
  row.deactivated = status != nullptr && *status == "deactivated";
  row.terms_agreed = row.terms_agreed || is_true(*call.payload, "termsOfServiceAgreed");
  if (contacts) {
    row.contacts = std::move(*contacts);
  }
  store_->changed(row);
  return account_response(row, 200);
}

bool Server::deactivate_account(std::string_view account) {
  AccountRow* const row = store_->account(account);
  if (row == nullptr || row->deactivated) {
    return false;
  }
  row->deactivated = true;
  store_->changed(*row);
  return true;
}

// §7.1.2.1. The cursor is the last order of the page before.
Result<Response> Server::account_orders(const Call& call) {
  if (call.id != call.account->id) {
    return fail("acme.unauthorized", "these are somebody else's orders");
  }
  if (!call.is_post_as_get()) {
    return fail("acme.malformed", "the list of orders can only be read");
  }
  constexpr std::string_view kCursor = "cursor=";
  const std::vector<std::string>& all = call.account->orders;
  auto from = all.begin();
  if (call.query.starts_with(kCursor)) {
    const auto last = std::ranges::find(all, call.query.substr(kCursor.size()));
    from = last == all.end() ? last : last + 1;
  }
  const auto count = std::min<std::ptrdiff_t>(all.end() - from, kOrdersPerPage);
  nlohmann::json list = nlohmann::json::array();
  for (auto id = from; id != from + count; ++id) {
    list.push_back(url("order", *id));
  }
  Response out = json_response({{"orders", std::move(list)}});
  if (from + count != all.end()) {
    add_link(out,
             url("account", call.id, "orders") + "?" + std::string(kCursor) + *(from + count - 1),
             "next");
  }
  return out;
}

// §7.3.5. The inner JWS is the new key's statement that it shall be this account's.
Result<Response> Server::key_change(Call& call) {
  I2_TRY_VALUE(Jws inner, parse_jws(as_text(call.jws.payload), JwsUse::kKeyChange));
  I2_TRY(verify_jws(inner, *inner.key));
  if (inner.url != call.jws.url) {
    return fail("acme.malformed", "the inner JWS is for another URL");
  }
  const auto statement = parse_object(as_text(inner.payload));
  const std::string* const account = statement ? text_member(*statement, "account") : nullptr;
  if (account == nullptr || *account != call.jws.kid) {
    return fail("acme.malformed", "the inner JWS is about another account");
  }
  const auto old_key = statement->find("oldKey");
  if (old_key == statement->end() || !old_key->is_object()) {
    return fail("acme.malformed", "the inner JWS does not contain the old key");
  }
  I2_TRY_VALUE(const crypto::Jwk old, parse_jwk(to_text(*old_key)));
  if (thumbprint(old) != call.account->thumbprint) {
    return fail("acme.malformed", "'oldKey' is not the account's key");
  }
  if (const AccountRow* const other = store_->account_by_key(thumbprint(*inner.key));
      other != nullptr) {
    Response out = problem(Error("acme.key_in_use", "the new key is an account's already"));
    out.headers.emplace_back("location", url("account", other->id));
    return out;
  }
  store_->set_key(*call.account, std::move(*inner.key));
  return account_response(*call.account, 200);
}

}  // namespace i2::trustchain::acme
