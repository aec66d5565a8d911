// cert revoke, cert pin: what the fleet's state says against certificates.
#include <i2/crypto/crl.h>
#include <i2/trustchain/core/trust_operations.h>
#include <i2/wire/text.h>

#include <algorithm>
#include <format>
#include <nlohmann/json.hpp>
#include <utility>

#include "operator_session.h"
#include "output.h"
#include "verbs.h"

namespace i2::app {
namespace {

using crypto::RevocationReason;
using nlohmann::json;
using node::ExitCode;

// RFC 5280 §5.3.1, without those that concern authorities.
Result<RevocationReason> parse_reason(const std::string& text) {
  const auto reason = crypto::revocation_reason(text.empty() ? "unspecified" : text);
  if (!reason || reason == RevocationReason::kCaCompromise ||
      reason == RevocationReason::kAaCompromise) {
    return fail("admin.argument", std::format("'{}' is no reason: unspecified, keyCompromise, "
                                              "affiliationChanged, superseded, "
                                              "cessationOfOperation or privilegeWithdrawn",
                                              text));
  }
  return *reason;
}

// What concerns a validator is signed by as many as expel one.
std::size_t required_for(const Session& session, bool validator) {
  return validator ? session.required() : 1;
}

struct Target {
  fleet::Request request;
  bool validator = false;
  json shown;
};

// All certificates of a member.
Result<Target> revoke_member(const json& member, RevocationReason reason) {
  ports::AccountId account;
  I2_TRY_VALUE(account.bytes, from_hex(member["id"].get<std::string>(), "node id"));
  return Target{.request = trustchain::RevokeAccount{.account = account, .reason = reason},
                .validator = member["role"] == "validator",
                .shown = {{"member", member}}};
}

// One that is in the fleet's index.
Result<Target> revoke_serial(const json& found, RevocationReason reason) {
  trustchain::CertificateId id;
  id.not_after = found["expires_at_ms"].get<UnixMillis>();
  I2_TRY_VALUE(id.issuer, from_hex(found["issuer_key_sha256"].get<std::string>(), "hash"));
  const auto serial = wire::from_hex(found["serial_number"].get<std::string>());
  id.serial = serial.value_or(Bytes{});
  return Target{.request = trustchain::RevokeCertificates{.reason = reason, .certificates = {id}},
                .validator = found["validator"].get<bool>(),
                .shown = {{"certificate", found}}};
}

// What the authority of this node has issued it takes back itself, and hands that in to the fleet;
// what concerns a validator needs operators.
Result<bool> is_revoked_here(const Options& options, const node::Config& config,
                             const json& found) {
  if (found["validator"].get<bool>() && found["requester_id"] != found["authority_id"]) {
    return false;
  }
  I2_TRY_VALUE(const json shown,
               ask_json(config, options, "cert_show", {{"serial", options.words.front()}}));
  return !shown.contains("source");
}

Result<Target> find_target(const Options& options, const node::Config& config) {
  I2_TRY_VALUE(const RevocationReason reason, parse_reason(options.reason));
  const std::string& word = options.words.front();
  const auto member = ask_json(config, options, "member", {{"member", word}});
  if (member) {
    return revoke_member(*member, reason);
  }
  if (!member.error().is("node.peer_unknown")) {
    return fail(member.error());
  }
  I2_TRY_VALUE(const json found, ask_json(config, options, "certificate", {{"serial", word}}));
  I2_TRY_VALUE(const bool here, is_revoked_here(options, config, found));
  if (here) {
    return fail("trust.certificate_unknown", "the authority of this node revokes it");
  }
  return revoke_serial(found, reason);
}

// The pins that the words behind the member and --backup name.
Result<std::vector<Hash256>> parse_pins(const Options& options) {
  std::vector<std::string> texts(options.words.begin() + 1, options.words.end());
  texts.insert(texts.end(), options.backups.begin(), options.backups.end());
  std::vector<Hash256> out;
  for (const std::string& text : texts) {
    I2_TRY_VALUE(const Hash256 pin, from_hex(text, "SHA-256 of a public key"));
    out.push_back(pin);
  }
  std::ranges::sort(out);
  const auto twice = std::ranges::unique(out);
  out.erase(twice.begin(), twice.end());
  return out;
}

ExitCode pin(const Options& options, const node::Config& config, const Session& session) {
  const Output out(options);
  const auto member = ask_json(config, options, "member", {{"member", options.words.front()}});
  if (!member) {
    return out.failure(member.error());
  }
  trustchain::SetPins body{.node = {}, .enforced = !options.report, .issuers = {}};
  const auto id = from_hex((*member)["id"].get<std::string>(), "node id");
  auto pins = parse_pins(options);
  if (!id || !pins) {
    return out.failure(!id ? id.error() : pins.error());
  }
  body.node.bytes = *id;
  body.issuers = *std::move(pins);
  body.enforced = body.enforced && !body.issuers.empty();
  return run_operation(options, config, session, {body},
                       required_for(session, (*member)["role"] == "validator"),
                       {{"member", *member}});
}

}  // namespace

std::optional<ExitCode> revoke_by_fleet(const Options& options, const node::Config& config) {
  auto target = find_target(options, config);
  if (!target && target.error().is("trust.certificate_unknown")) {
    return std::nullopt;
  }
  const auto session = open_session(options, config);
  if (!target || !session) {
    return Output(options).failure(!target ? target.error() : session.error());
  }
  return run_operation(options, config, *session, {target->request},
                       required_for(*session, target->validator), std::move(target->shown));
}

ExitCode run_pin(const Options& options, const node::Config& config) {
  const auto session = open_session(options, config);
  return session ? pin(options, config, *session) : Output(options).failure(session.error());
}

}  // namespace i2::app
