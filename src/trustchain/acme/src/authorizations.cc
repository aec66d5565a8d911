// Authorizations and challenges (RFC 8555 §7.5, §8).
#include <i2/trustchain/acme/server.h>

#include <array>
#include <nlohmann/json.hpp>

#include "call.h"
#include "names.h"
#include "problem.h"

namespace i2::trustchain::acme {
namespace {

constexpr std::string_view kCheckAgainS = "1";

bool is_offered(ChallengeType type, const Authorization& authorization) {
  // §8.4 and RFC 8737 §3: only the zone can prove all names below one.
  return !authorization.wildcard || type == ChallengeType::kDns01;
}

std::string_view status_at(const Authorization& authorization, UnixMillis now) {
  const bool expired = authorization.expires <= now;
  switch (authorization.state) {
    case AuthorizationState::kPending:
      return expired ? "invalid" : "pending";
    case AuthorizationState::kValid:
      return expired ? "expired" : "valid";
    case AuthorizationState::kInvalid:
      return "invalid";
    case AuthorizationState::kDeactivated:
      return "deactivated";
  }
  return {};
}

bool was_answered(const Authorization& authorization, ChallengeType type) {
  return authorization.answered == type;
}

// §7.1.6: what counts is the one that was answered.
nlohmann::json challenge_json(const Authorization& authorization, ChallengeType type,
                              std::string url) {
  nlohmann::json out{{"type", name_of(type)},
                     {"url", std::move(url)},
                     {"token", authorization.token},
                     {"status", "pending"}};
  if (!was_answered(authorization, type)) {
    return out;
  }
  if (authorization.validated != 0) {
    out["status"] = "valid";
    out["validated"] = time_text(authorization.validated);
  } else if (authorization.error) {
    out["status"] = "invalid";
    out["error"] = problem_json(*authorization.error);
  } else if (authorization.state == AuthorizationState::kPending) {
    out["status"] = "processing";
  }
  return out;
}

void ask_again(Response& response, const Authorization& authorization) {
  if (authorization.state == AuthorizationState::kPending && authorization.answered) {
    response.headers.emplace_back("retry-after", kCheckAgainS);
  }
}

}  // namespace

Result<Authorization*> Server::find_authorization(const Call& call) {
  Authorization* const row = store_->authorization(call.id);
  if (row == nullptr) {
    return fail("acme.not_found", "there is no such authorization (any more)");
  }
  if (row->account != call.account->id) {
    return fail("acme.unauthorized", "this is somebody else's authorization");
  }
  return row;
}

// §7.5, and deactivating it (§7.5.2).
Result<Response> Server::authorization(const Call& call) {
  I2_TRY_VALUE(Authorization* const row, find_authorization(call));
  if (!call.is_post_as_get()) {
    const std::string* const status = text_member(*call.payload, "status");
    if (status == nullptr || *status != "deactivated") {
      return fail("acme.malformed", "an authorization's status can only be set to 'deactivated'");
    }
    if (row->state == AuthorizationState::kPending || row->state == AuthorizationState::kValid) {
      row->state = AuthorizationState::kDeactivated;
      store_->changed(*row);
    }
  }
  nlohmann::json body{{"identifier", {{"type", "dns"}, {"value", row->name}}},
                      {"status", status_at(*row, call.now)},
                      {"expires", time_text(row->expires)},
                      {"challenges", nlohmann::json::array()}};
  if (row->wildcard) {
    body["wildcard"] = true;
  }
  const bool pending = row->state == AuthorizationState::kPending;
  for (const ChallengeType type :
       {ChallengeType::kHttp01, ChallengeType::kDns01, ChallengeType::kTlsAlpn01}) {
    if (is_offered(type, *row) && (pending || was_answered(*row, type))) {
      body["challenges"].push_back(
          challenge_json(*row, type, url("challenge", row->id, name_of(type))));
    }
  }
  Response out = json_response(body);
  ask_again(out, *row);
  return out;
}

// §7.5.1. A payload asks for validation whatever it contains: older clients send the key
// authorization in it.
Result<Response> Server::challenge(const Call& call) {
  I2_TRY_VALUE(Authorization* const row, find_authorization(call));
  const auto type = challenge_type(call.tail);
  if (!type || !is_offered(*type, *row)) {
    return fail("acme.not_found", "the authorization has no such challenge");
  }
  if (!call.is_post_as_get() && row->answered != *type) {
    if (row->answered || row->state != AuthorizationState::kPending || row->expires <= call.now) {
      return fail("acme.malformed",
                  "the authorization is " + std::string(status_at(*row, call.now)) +
                      (row->answered ? ", another challenge of it was answered" : ""));
    }
    if (validations_.size() >= options_.authorizations_max) {
      return busy();
    }
    row->answered = type;
    store_->changed(*row);
    validations_.push_back(row->id);
  }
  Response out = json_response(challenge_json(*row, *type, url("challenge", row->id, call.tail)));
  // §7.5.1. certbot and lego find the authorization by it.
  add_link(out, url("authorization", row->id), "up");
  ask_again(out, *row);
  return out;
}

// --- validation ----------------------------------------------------------------------------------

std::optional<Validation> Server::poll_validation() {
  while (!validations_.empty()) {
    const Authorization* const row = store_->authorization(validations_.front());
    validations_.pop_front();
    const AccountRow* const owner = row == nullptr ? nullptr : store_->account(row->account);
    if (owner != nullptr && !owner->deactivated && row->state == AuthorizationState::kPending) {
      return make_validation(*row->answered, row->id, row->name, row->token, owner->thumbprint);
    }
  }
  return std::nullopt;
}

void Server::handle_validation(std::string_view authorization, const Result<void>& outcome,
                               UnixMillis now) {
  Authorization* const row = store_->authorization(authorization);
  AccountRow* const owner = row == nullptr ? nullptr : store_->account(row->account);
  if (owner == nullptr || owner->deactivated || row->state != AuthorizationState::kPending ||
      !row->answered || row->expires <= now) {
    return;  // the client gave it up, or took too long
  }
  if (outcome) {
    row->state = AuthorizationState::kValid;
    row->validated = now;
    row->expires = now + options_.authorization_life_ms;
    owner->proven = true;
    store_->changed(*owner);
  } else {
    row->state = AuthorizationState::kInvalid;
    row->error = shown(outcome.error());
    owner->failed_validations.take(options_.failed_validations, now);
  }
  store_->changed(*row);
}

}  // namespace i2::trustchain::acme
