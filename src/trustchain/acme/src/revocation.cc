// Revocation (RFC 8555 §7.6) and renewal information (RFC 9773).
#include <i2/base/assert.h>
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

// RFC 5280 §5.3.1. Holding (6) and unholding (8) are not for the end of a certificate, 7 is unused,
// and 2 and 10 are about authorities.
Result<std::uint8_t> read_reason(const nlohmann::json& payload) {
  const auto member = payload.find("reason");
  if (member == payload.end()) {
    return std::uint8_t{0};
  }
  if (member->is_number_unsigned()) {
    switch (const auto reason = member->get<std::uint64_t>(); reason) {
      case 0:
      case 1:
      case 3:
      case 4:
      case 5:
      case 9:
        return static_cast<std::uint8_t>(reason);
      default:
        break;
    }
  }
  return fail("acme.bad_revocation_reason", "the reason is one of 0, 1, 3, 4, 5 and 9");
}

}  // namespace

Result<Response> Server::revoke(const Call& call) {
  const std::string* const text =
      call.payload ? text_member(*call.payload, "certificate") : nullptr;
  const auto der = text == nullptr ? std::nullopt : wire::from_base64url(*text);
  if (!der) {
    return fail("acme.malformed", "'certificate' is base64url of a certificate's DER form");
  }
  auto parsed = crypto::Certificate::from_der(*der);
  if (!parsed) {
    return fail("acme.malformed", parsed.error().message());
  }
  I2_TRY_VALUE(const std::uint8_t reason, read_reason(*call.payload));
  I2_TRY(may_revoke(call, *parsed));
  if (open_tickets_.size() >= options_.revocations_max) {
    return busy();
  }
  const std::uint64_t ticket = next_ticket_++;
  open_tickets_.insert(ticket);
  revocations_.push_back(
      Revocation{.ticket = ticket,
                 .certificate = std::move(*parsed),
                 .reason = reason,
                 .account = call.account != nullptr ? call.account->id : std::string{}});
  return Response{.waits_for = ticket};
}

// §7.6: the certificate's key, the account it was issued to, or one that holds valid
// authorizations for all its names.
Result<void> Server::may_revoke(const Call& call, const crypto::Certificate& certificate) const {
  if (call.account == nullptr) {
    if (equal(call.jws.key->spki(), certificate.public_key().spki())) {
      return {};
    }
    return fail("acme.unauthorized", "the request is not signed with the certificate's key");
  }
  const Order* const order = store_->order_by_leaf(crypto::sha256(certificate.der()));
  if (order != nullptr && order->account == call.account->id) {
    return {};
  }
  const std::vector<std::string> names = certificate.dns_names();
  const bool controls = std::ranges::all_of(names, [&](const std::string& name) {
    return store_->valid_authorization(call.account->id, lower(name), call.now) != nullptr;
  });
  if (names.empty() || !controls || !certificate.ip_addresses().empty()) {
    return fail("acme.unauthorized",
                "the account neither ordered the certificate nor controls all its names");
  }
  return {};
}

std::optional<Revocation> Server::poll_revocation() {
  if (revocations_.empty()) {
    return std::nullopt;
  }
  Revocation out = std::move(revocations_.front());
  revocations_.pop_front();
  return out;
}

Response Server::handle_revoked(std::uint64_t ticket, const Result<void>& outcome) {
  I2_ASSERT(open_tickets_.erase(ticket) == 1);
  return finished(outcome ? Response{} : problem(shown(outcome.error())), nullptr);
}

Result<Response> Server::renewal_info(const Call& call) const {
  const auto id = parse_certificate_id(call.id);
  if (!id) {
    return fail("acme.malformed", "this is no identifier of a certificate (RFC 9773 section 4.1)");
  }
  const auto info = authority_.renewal_info(*id, call.now);
  if (!info) {
    return fail("acme.not_found", "this authority did not issue such a certificate");
  }
  nlohmann::json body{
      {"suggestedWindow", {{"start", time_text(info->start)}, {"end", time_text(info->end)}}}};
  if (!info->explanation_url.empty()) {
    body["explanationURL"] = info->explanation_url;
  }
  Response out = json_response(body);
  out.headers.emplace_back("retry-after", std::to_string(info->ask_again_s));  // RFC 9773 §4.3
  return out;
}

}  // namespace i2::trustchain::acme
