#include "problem.h"

#include <i2/wire/text.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "json.h"

namespace i2::trustchain::acme {
namespace {

struct ProblemKind {
  std::string_view code;
  std::string_view type;  // after "urn:ietf:params:acme:error:"
  int status;
};

constexpr std::array<ProblemKind, 33> kProblemKinds{{
    {"acme.account_deactivated", "unauthorized", 401},  // RFC 8555 §7.3.6
    {"acme.account_unknown", "accountDoesNotExist", 400},
    {"acme.already_replaced", "alreadyReplaced", 409},  // RFC 9773 §7.4
    {"acme.already_revoked", "alreadyRevoked", 400},
    {"acme.bad_csr", "badCSR", 400},
    {"acme.bad_nonce", "badNonce", 400},
    {"acme.bad_public_key", "badPublicKey", 400},
    {"acme.bad_revocation_reason", "badRevocationReason", 400},
    {"acme.bad_signature_algorithm", "badSignatureAlgorithm", 400},
    {"acme.busy", "serverInternal", 503},
    {"acme.caa", "caa", 403},
    {"acme.connection", "connection", 400},
    {"acme.dns", "dns", 400},
    {"acme.external_account_required", "externalAccountRequired", 403},
    {"acme.incorrect_response", "incorrectResponse", 403},
    {"acme.invalid_contact", "invalidContact", 400},
    {"acme.invalid_profile", "invalidProfile", 400},  // draft-ietf-acme-profiles
    {"acme.key_in_use", "malformed", 409},            // RFC 8555 §7.3.5
    {"acme.malformed", "malformed", 400},
    {"acme.media_type", "malformed", 415},  // RFC 8555 §6.2
    {"acme.method", "malformed", 405},
    {"acme.not_found", "malformed", 404},
    {"acme.order_not_ready", "orderNotReady", 403},
    {"acme.rate_limited", "rateLimited", 429},
    {"acme.rejected_identifier", "rejectedIdentifier", 403},
    {"acme.server_internal", "serverInternal", 500},
    {"acme.tls", "tls", 400},
    {"acme.too_large", "malformed", 413},
    {"acme.unauthorized", "unauthorized", 403},
    {"acme.unsupported_contact", "unsupportedContact", 400},
    {"acme.unsupported_identifier", "unsupportedIdentifier", 400},
    {"acme.user_action_required", "userActionRequired", 403},
    {"acme.wrong_url", "unauthorized", 403},  // RFC 8555 §6.4
}};

constexpr std::int64_t kBusyRetryS = 60;

const ProblemKind& kind_of_error(const Error& error) {
  const auto* const found = std::ranges::find(kProblemKinds, error.code(), &ProblemKind::code);
  if (found != kProblemKinds.end()) {
    return *found;
  }
  return *std::ranges::find(kProblemKinds, "acme.server_internal", &ProblemKind::code);
}

nlohmann::json basic_json(const Error& error) {
  return {{"type", "urn:ietf:params:acme:error:" + std::string(kind_of_error(error).type)},
          {"detail", error.message()}};
}

}  // namespace

nlohmann::json problem_json(const Error& error, const std::vector<NamedError>& subproblems) {
  nlohmann::json out = basic_json(error);
  out["status"] = kind_of_error(error).status;
  for (const auto& [name, about] : subproblems) {
    nlohmann::json one = basic_json(about);
    one["identifier"] = {{"type", "dns"}, {"value", name}};
    out["subproblems"].push_back(std::move(one));
  }
  return out;
}

Response problem(const Error& error, const std::vector<NamedError>& subproblems) {
  nlohmann::json body = problem_json(error, subproblems);
  if (error.is("acme.bad_signature_algorithm")) {
    body["algorithms"] = {"RS256", "ES256", "ES384", "EdDSA"};
  }
  Response out{.status = kind_of_error(error).status,
               .content_type = "application/problem+json",
               .body = to_text(body)};
  if (error.is("acme.rate_limited") || error.is("acme.busy")) {
    out.headers.emplace_back("retry-after", std::to_string(error.native()));
  }
  return out;
}

Error shown(const Error& error) {
  constexpr std::size_t kShownMax = 512;
  std::string message = error.message();
  if (message.size() > kShownMax) {
    message.resize(kShownMax);
    while (!message.empty() && !wire::is_utf8(message) && message.size() > kShownMax - 4) {
      message.pop_back();  // a character that was cut
    }
  }
  if (!wire::is_utf8(message)) {
    message = "no readable reason was given";
  }
  return Error::reported(error.code(), std::move(message)).value_or(error);
}

Response unavailable() {
  return problem(
      Error("acme.busy", "the server cannot do this at the moment; try again later", kBusyRetryS));
}

std::unexpected<Error> busy() {
  return fail("acme.busy", "too much is under way; try again later", kBusyRetryS);
}

}  // namespace i2::trustchain::acme
