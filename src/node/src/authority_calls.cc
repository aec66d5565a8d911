#include "authority_calls.h"

#include <i2/crypto/hash.h>
#include <i2/node/units.h>
#include <i2/stoq/core/address.h>
#include <i2/wire/text.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "fleet_certificates.h"

namespace i2::node {
namespace {

using crypto::RevocationReason;
using nlohmann::json;
using trustchain::AuthorityRole;
using trustchain::CertificateRecord;
using trustchain::Permission;
using trustchain::RecordState;

constexpr std::size_t kExaminedEntriesMax = 10'000;  // of the audit log, by one page

Result<RevocationReason> parse_reason(std::string_view text) {
  const auto reason = crypto::revocation_reason(text);
  if (!reason) {
    std::string all;
    for (const RevocationReason one : crypto::revocation_reasons()) {
      all += (all.empty() ? "" : ", ") + std::string(crypto::name(one));
    }
    return fail("admin.argument", "the reason is one of " + all);
  }
  return *reason;
}

Result<Bytes> parse_serial(std::string_view text) {
  auto serial = wire::from_hex(text);
  if (!serial || serial->empty()) {
    return fail("admin.argument", "a serial number is hexadecimal digits");
  }
  return *std::move(serial);
}

std::string chain_pem(const crypto::Certificate& leaf, std::span<const crypto::Certificate> chain) {
  std::string out = leaf.pem();
  for (const crypto::Certificate& one : chain) {
    out += one.pem();
  }
  return out;
}

json addresses_json(const std::vector<crypto::IpAddress>& addresses) {
  json out = json::array();
  for (const crypto::IpAddress& address : addresses) {
    const std::string text = stoq::core::SocketAddress{.ip = address}.to_string();
    out.push_back(text.substr(1, text.find(']') - 1));
  }
  return out;
}

// The parts that a list shows too.
json record_json(const CertificateRecord& record,
                 const std::optional<crypto::Revocation>& revocation) {
  const trustchain::Intent& intent = record.intent;
  json out{{"serial_number", to_hex(intent.serial)},
           {"state", revocation ? "revoked" : name(record.state)},
           {"profile", trustchain::info(intent.profile).name},
           {"common_name", intent.common_name},
           {"san_entries", intent.dns_names},
           {"ipv6_addresses", addresses_json(intent.ip_addresses)},
           {"requester", intent.requester},
           {"issuer_key_sha256", to_hex(intent.issuer_key_hash)},
           {"decided_at", format_time(intent.decided_at)},
           {"issued_at", format_time(intent.not_before)},
           {"expires_at", format_time(intent.not_after)},
           {"log_index", record.log_index ? json(*record.log_index) : json()}};
  if (revocation) {
    out["revoked_at"] = format_time(revocation->revoked_at);
    out["reason"] = crypto::name(revocation->reason);
  }
  return out;
}

Result<json> issued_json(Authority& authority, const CertificateRecord& record) {
  I2_TRY_VALUE(const auto revocation,
               authority.store().revocation(record.intent.issuer_key_hash, record.intent.serial));
  json out = record_json(record, revocation);
  if (record.state == RecordState::kIssued) {
    I2_TRY_VALUE(const auto certificate, crypto::Certificate::from_der(record.certificate));
    I2_TRY_VALUE(const auto chain, authority.store().issuer(record.intent.issuer_key_hash));
    out["certificate_der"] = wire::to_base64(record.certificate);
    out["chain_pem"] = chain_pem(certificate, chain);
    out["fingerprint"] = to_hex(crypto::sha256(record.certificate));
  }
  return out;
}

Result<CertificateRecord> find_record(Authority& authority, ByteView serial) {
  I2_TRY_VALUE(auto record, authority.store().find(serial));
  if (!record) {
    return fail("trust.certificate_unknown",
                "this authority has issued no certificate " + to_hex(serial));
  }
  return *std::move(record);
}

json entry_json(const trustchain::AuditEntry& entry) {
  return {{"number", entry.number},
          {"time", format_time(entry.at, true)},
          {"time_ms", entry.at},
          {"actor", entry.actor},
          {"action", entry.action},
          {"subject", entry.subject},
          {"outcome", name(entry.outcome)},
          {"rule", entry.rule},
          {"previous", to_hex(entry.previous)}};
}

Result<crypto::IpAddress> parse_ip(const std::string& text) {
  I2_TRY_VALUE(const auto address, stoq::core::SocketAddress::parse("[" + text + "]:0"));
  return address.ip;
}

// Those of its requester itself, unless the role reaches further.
bool is_own(const AuthorityCalls::Caller& caller, std::string_view requester) {
  return !caller.member.empty() && caller.member == requester;
}

// Adds the DNS names that are asked for; the addresses.
Result<std::vector<crypto::IpAddress>> add_names(trustchain::Application& to,
                                                 const AuthorityCalls::Wish& wish) {
  std::vector<std::string> addresses = wish.addresses;
  for (const std::string& one : wish.names) {
    if (one.contains(':')) {
      addresses.push_back(one);
    } else if (!std::ranges::contains(to.dns_names, one)) {
      to.dns_names.push_back(one);
    }
  }
  std::vector<crypto::IpAddress> out;
  for (const std::string& one : addresses) {
    I2_TRY_VALUE(out.emplace_back(), parse_ip(one));
  }
  return out;
}

// An operator vouches for the addresses that it asks for.
Result<trustchain::Application> server_application(const AuthorityCalls::Wish& wish,
                                                   std::string requester, std::string fleet_name) {
  trustchain::Application out{
      .profile = trustchain::Profile::kServer,
      .applicant = {.role = trustchain::Requester::kOperator, .fleet_name = std::move(fleet_name)},
      .requester = std::move(requester),
      .common_name = wish.common_name};
  if (!wish.common_name.empty()) {
    out.dns_names.push_back(wish.common_name);
  }
  I2_TRY_VALUE(const auto addresses, add_names(out, wish));
  for (const crypto::IpAddress& ip : addresses) {
    out.ip_addresses.push_back(ip);
    out.applicant.addresses.push_back({.address = ip});
  }
  return out;
}

// A member's own certificate for ordinary clients: all of its names, and whatever it asks for is
// judged by policy.
Result<trustchain::Application> member_application(const AuthorityCalls::Wish& wish,
                                                   const std::string& member,
                                                   const std::string& fleet_name) {
  I2_TRY_VALUE(auto out, trustchain::application_for(
                             wish.request, trustchain::OrdinaryTerms{.node_name = member,
                                                                     .fleet_name = fleet_name,
                                                                     .more_names = {},
                                                                     .ip_addresses = {},
                                                                     .serial = {}}));
  I2_TRY_VALUE(const auto addresses, add_names(out, wish));
  for (const crypto::IpAddress& ip : addresses) {
    if (!std::ranges::contains(out.ip_addresses, ip)) {
      out.ip_addresses.push_back(ip);
    }
  }
  return out;
}

}  // namespace

Error no_authority() {
  return Error("trust.no_issuer", "this node is not a certificate authority");
}

AuthorityCalls::Caller console() {
  return {.actor = "console", .role = AuthorityRole::kAdmin};
}

Task<Result<json>> AuthorityCalls::run(Work work) {
  if (parts_.authority == nullptr) {
    co_return fail(no_authority());
  }
  const auto call = [this, &work] { return work(*parts_.authority); };
  co_return co_await rt::run_on(parts_.runtime.pool(), call);
}

// Anybody on this machine can ask and be refused: that must not fill the disk.
bool AuthorityCalls::is_noted(const Caller& caller, bool allowed) {
  if (parts_.authority == nullptr) {
    return false;
  }
  if (allowed || caller.role != AuthorityRole::kGuest) {
    return true;
  }
  const std::scoped_lock lock(mutex_);
  return guests_.take(parts_.clock.now());
}

Result<void> AuthorityCalls::decide(const Caller& caller, Permission permission,
                                    std::string subject) {
  const bool allowed = may(caller.role, permission);
  if (is_noted(caller, allowed)) {
    const trustchain::AuditEntry entry{.at = parts_.clock.unix_now(),
                                       .actor = caller.actor,
                                       .action = std::string(name(permission)),
                                       .subject = std::move(subject),
                                       .outcome = allowed ? trustchain::AuditOutcome::kAllowed
                                                          : trustchain::AuditOutcome::kRefused,
                                       .rule = "role " + std::string(name(caller.role))};
    I2_TRY(parts_.authority->store().note(std::span(&entry, 1)));
  }
  if (allowed) {
    return {};
  }
  if (caller.role == AuthorityRole::kGuest) {
    return fail("gateway.credentials_missing",
                "this needs a token of this node, or the certificate of a member");
  }
  return fail("gateway.role_insufficient", "the role " + std::string(name(caller.role)) +
                                               " may not " + std::string(name(permission)));
}

Task<Result<void>> AuthorityCalls::permit(Caller caller, Permission permission,
                                          std::string subject) {
  const auto call = [&] { return decide(caller, permission, std::move(subject)); };
  co_return co_await rt::run_on(parts_.runtime.pool(), call);
}

Result<trustchain::Application> AuthorityCalls::application_of(const Wish& wish,
                                                               const Caller& caller) const {
  const std::string fleet_name = parts_.trust.members()->genesis().fleet_name;
  return may(caller.role, Permission::kIssueServer)
             ? server_application(wish, caller.actor, fleet_name)
             : member_application(wish, caller.member, fleet_name);
}

Task<Result<json>> AuthorityCalls::issue(Wish wish, Caller caller) {
  if (parts_.authority == nullptr) {
    co_return fail(no_authority());
  }
  const bool own = !caller.member.empty() && !may(caller.role, Permission::kIssueServer);
  I2_CO_TRY(co_await permit(caller, own ? Permission::kIssueOwn : Permission::kIssueServer,
                            wish.common_name));
  I2_CO_TRY_VALUE(auto application, application_of(wish, caller));
  const auto issued =
      co_await parts_.authority->issue(std::move(wish.request), std::move(application));
  if (!issued) {
    co_return fail(issued.error());
  }
  const Work work = [&issued](Authority& authority) -> Result<json> {
    I2_TRY_VALUE(const auto record, find_record(authority, issued->certificate.serial()));
    I2_TRY_VALUE(json out, issued_json(authority, record));
    return json{{"certificate", std::move(out)},
                {"sct", issued->sct.empty() ? json() : json(wire::to_base64(issued->sct))}};
  };
  co_return co_await run(work);
}

Task<Result<json>> AuthorityCalls::show(std::string serial, Caller caller) {
  I2_CO_TRY_VALUE(const Bytes bytes, parse_serial(serial));
  const Work work = [&](Authority& authority) -> Result<json> {
    const auto record = find_record(authority, bytes);
    const bool own = record && is_own(caller, record->intent.requester);
    I2_TRY(decide(caller, own ? Permission::kReadStatus : Permission::kReadCertificates, serial));
    return record ? issued_json(authority, *record) : Result<json>(fail(record.error()));
  };
  auto own = co_await run(work);
  if (own || (!own.error().is("trust.no_issuer") && !own.error().is("trust.certificate_unknown"))) {
    co_return own;
  }
  if (parts_.authority == nullptr) {
    I2_CO_TRY(co_await permit(caller, Permission::kReadCertificates, serial));
  }
  auto indexed = fleet_certificate(*parts_.chain(), *parts_.trust.members(), serial);
  co_return indexed ? std::move(indexed) : std::move(own);
}

Task<Result<json>> AuthorityCalls::list(std::string name, std::string requester, std::size_t limit,
                                        std::string after, Caller caller) {
  const auto place = wire::from_hex(after);
  if (!place) {
    co_return fail("admin.argument", "'after' is the 'next' of a page");
  }
  const trustchain::CertificateQuery query{
      .name = std::move(name), .requester = std::move(requester), .limit = limit, .after = *place};
  const Work work = [&](Authority& authority) -> Result<json> {
    I2_TRY(decide(caller, Permission::kReadCertificates,
                  query.name.empty() ? query.requester : query.name));
    I2_TRY_VALUE(const auto page, authority.store().list(query));
    json all = json::array();
    for (const CertificateRecord& record : page.records) {
      I2_TRY_VALUE(const auto revocation, authority.store().revocation(
                                              record.intent.issuer_key_hash, record.intent.serial));
      all.push_back(record_json(record, revocation));
    }
    json out{{"certificates", std::move(all)}};
    if (!page.next.empty()) {
      out["next"] = to_hex(page.next);
    }
    return out;
  };
  co_return co_await run(work);
}

Task<Result<json>> AuthorityCalls::revoke(std::string serial, std::string reason, Caller caller) {
  I2_CO_TRY_VALUE(const Bytes bytes, parse_serial(serial));
  const Work work = [&](Authority& authority) -> Result<json> {
    const auto record = find_record(authority, bytes);
    const bool own = record && is_own(caller, record->intent.requester) &&
                     !may(caller.role, Permission::kRevokeAny);
    I2_TRY(decide(caller, own ? Permission::kRevokeOwn : Permission::kRevokeAny, serial));
    if (!record) {
      return fail(record.error());
    }
    I2_TRY_VALUE(const RevocationReason why, parse_reason(reason));
    I2_TRY(authority.revocations().revoke(bytes, why, caller.actor));
    return issued_json(authority, *record);
  };
  co_return co_await run(work);
}

Task<Result<json>> AuthorityCalls::audit(AuditQuery query, Caller caller) {
  const Work work = [&](Authority& authority) -> Result<json> {
    I2_TRY(decide(caller, Permission::kReadAudit, {}));
    json entries = json::array();
    std::uint64_t next = 0;
    std::size_t examined = 0;
    I2_TRY(trustchain::read_audit(
        authority.store().database(), query.from, [&](const trustchain::AuditEntry& entry) {
          if (entries.size() == query.limit || ++examined > kExaminedEntriesMax) {
            next = entry.number;
            return false;
          }
          if ((query.actor.empty() || entry.actor == query.actor) &&
              (query.action.empty() || entry.action == query.action) && entry.at >= query.since) {
            entries.push_back(entry_json(entry));
          }
          return true;
        }));
    json out{{"entries", std::move(entries)}};
    if (next != 0) {
      out["next"] = next;
    }
    return out;
  };
  co_return co_await run(work);
}

Task<Result<json>> AuthorityCalls::verify_audit(Caller caller) {
  const Work work = [&](Authority& authority) -> Result<json> {
    I2_TRY(decide(caller, Permission::kReadAudit, {}));
    I2_TRY_VALUE(const auto head, trustchain::verify_audit(authority.store().database()));
    return json{{"entries", head.number}, {"head", to_hex(head.hash)}};
  };
  co_return co_await run(work);
}

}  // namespace i2::node
