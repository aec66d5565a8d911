#include <i2/crypto/hash.h>

#include <algorithm>
#include <array>

#include "acme_service_core.h"

namespace i2::trustchain {
namespace {

std::string requester_of(const acme::Issuance& wish) {
  return "acme:" + wish.account + "/" + wish.order;
}

// Exactly the names of the order, which were proven.
Application application_for(const acme::Issuance& wish) {
  constexpr std::size_t kCommonNameMax = 64;  // RFC 5280 appendix A.1, ub-common-name
  Application out{.profile = Profile::kServer,
                  .applicant = {.role = Requester::kAccount},
                  .requester = requester_of(wish),
                  .dns_names = wish.names};
  for (const std::string& one : wish.names) {
    if (is_wildcard(one)) {
      out.applicant.suffixes.push_back(one.substr(2));
    } else {
      out.applicant.names.push_back(one);
    }
    if (out.common_name.empty() && one.size() <= kCommonNameMax) {
      out.common_name = one;
    }
  }
  return out;
}

// The chain as TLS servers send it: without the root, which clients have (RFC 8446 §4.4.2).
acme::Issued answer_with(crypto::Certificate leaf, const std::vector<crypto::Certificate>& chain) {
  acme::Issued out{.chain = {std::move(leaf)}};
  for (const crypto::Certificate& one : chain) {
    if (!equal(one.subject(), one.issuer())) {
      out.chain.push_back(one);
    }
  }
  return out;
}

constexpr std::array<std::string_view, 5> kBadRequests{
    "trust.request_algorithm", "trust.request_extension", "trust.request_life",
    "trust.request_possession", "crypto.request_malformed"};

// What the order fails with, or nothing when another time may do.
std::optional<Error> final_error(const Error& error) {
  const auto as = [&](ErrorCode code) { return Error(code, error.message()); };
  if (error.is("trust.request_name")) {
    return as("acme.rejected_identifier");
  }
  if (std::ranges::contains(kBadRequests, error.code())) {
    return as("acme.bad_csr");
  }
  if (error.is("acme.caa") || error.is("acme.dns") || error.is("trust.lint") ||
      error.code().starts_with("crypto.")) {
    return error;
  }
  return std::nullopt;
}

Error acme_error(const Error& error) {
  if (error.is("trust.already_revoked")) {
    return {"acme.already_revoked", "the certificate is revoked already"};
  }
  return error;
}

}  // namespace

// Around two thirds of the life (RFC 9773 §4.1), or at once.
std::optional<acme::RenewalInfo> AcmeService::Core::renewal_info(const acme::CertificateId& id,
                                                                 UnixMillis /*now*/) const {
  const auto record = parts.certificates.find(id.serial);
  if (!record || !*record || (*record)->state != RecordState::kIssued) {
    return std::nullopt;
  }
  const Intent& intent = (*record)->intent;
  const auto leaf = crypto::Certificate::from_der((*record)->certificate);
  const auto revoked = parts.certificates.revocation(intent.issuer_key_hash, id.serial);
  if (!leaf || !revoked || !equal(leaf->authority_key_id(), id.authority_key_id)) {
    return std::nullopt;
  }
  if (*revoked) {
    const UnixMillis at = (*revoked)->revoked_at;
    return acme::RenewalInfo{.start = at - 1000, .end = at};
  }
  const UnixMillis life = intent.not_after - intent.not_before;
  const UnixMillis middle = intent.not_before + life * 2 / 3;
  return acme::RenewalInfo{.start = middle - life / 24, .end = middle + life / 24};
}

void AcmeService::Core::begin(Work work) {
  for (const acme::Validation& one : work.checks) {
    parts.check(one, [core = shared_from_this(), one](Result<void> outcome) {
      core->later([core, one, outcome] { core->checked(one, outcome); });
    });
  }
  for (acme::Issuance& one : work.issuances) {
    std::vector<std::string> names = one.names;
    parts.check_caa(std::move(names),
                    [core = shared_from_this(), one = std::move(one)](Result<void> outcome) {
                      core->later([core, one, outcome] {
                        if (outcome) {
                          core->issue(one);
                        } else {
                          core->issued(one, fail(outcome.error()));
                        }
                      });
                    });
  }
  for (const acme::Revocation& one : work.revocations) {
    revoke(one);
  }
}

void AcmeService::Core::checked(const acme::Validation& validation, Result<void> outcome) {
  bool writes = false;
  {
    const std::scoped_lock lock(mutex);
    checking.erase(validation.authorization);
    if (outcome) {
      ++counts.validations;
    } else {
      ++counts.failed_validations[outcome.error().code()];
    }
    if (!closed) {
      server->handle_validation(validation.authorization, outcome, parts.clock.unix_now());
      writes = collect();
    }
  }
  report({.kind = outcome ? AcmeEvent::Kind::kValidated : AcmeEvent::Kind::kValidationFailed,
          .about = validation.name,
          .error = outcome ? std::nullopt : std::optional(outcome.error())});
  if (writes) {
    write();
  }
}

Result<std::optional<acme::Issued>> AcmeService::Core::issued_before(
    const acme::Issuance& wish) const {
  I2_TRY_VALUE(const auto page, parts.certificates.list({.requester = requester_of(wish)}));
  for (const CertificateRecord& record : page.records) {
    if (record.state == RecordState::kIssued) {
      // It can be read before it is on disk, and also when it never came there.
      I2_TRY(parts.certificates.sync());
      I2_TRY_VALUE(auto leaf, crypto::Certificate::from_der(record.certificate));
      I2_TRY_VALUE(const auto chain, parts.certificates.issuer(record.intent.issuer_key_hash));
      return answer_with(std::move(leaf), chain);
    }
  }
  return std::nullopt;
}

void AcmeService::Core::issue(const acme::Issuance& wish) {
  auto before = issued_before(wish);
  if (!before || *before) {
    issued(wish, before ? Result<acme::Issued>(**std::move(before)) : fail(before.error()));
    return;
  }
  auto request = crypto::CertificateRequest::from_der(wish.request);
  if (!request) {
    issued(wish, fail(request.error()));
    return;
  }
  parts.issue(*std::move(request), application_for(wish),
              [core = shared_from_this(), wish](const Result<trustchain::Issued>& made) {
                core->later([raw = core.get(), wish, made] {
                  raw->issued(wish, made ? answer_with(made->certificate, made->signer->chain)
                                         : Result<acme::Issued>(fail(made.error())));
                });
              });
}

void AcmeService::Core::issued(const acme::Issuance& wish, Result<acme::Issued> outcome) {
  AcmeEvent event{.kind = AcmeEvent::Kind::kIssued,
                  .about = joined(wish.names),
                  .requester = requester_of(wish)};
  bool writes = false;
  {
    const std::scoped_lock lock(mutex);
    issuing.erase(wish.order);
    if (outcome) {
      event.serial = to_hex(outcome->chain.front().serial());
      ++counts.issued;
      if (!closed) {
        server->handle_issued(wish.order, *outcome, parts.clock.unix_now());
      }
    } else if (const auto final = final_error(outcome.error())) {
      event.kind = AcmeEvent::Kind::kRefused;
      event.error = outcome.error();
      ++counts.refused_orders;
      if (!closed) {
        server->handle_refused(wish.order, *final);
      }
    } else {
      event.kind = AcmeEvent::Kind::kDeferred;
      event.error = outcome.error();
      deferred.insert(wish.order);
    }
    writes = !closed && collect();
  }
  report(event);
  if (writes) {
    write();
  }
}

// Anybody can make a certificate that bears one of our serial numbers: only what was issued, byte
// for byte, is taken back.
Result<void> AcmeService::Core::take_back(const acme::Revocation& revocation) const {
  I2_TRY_VALUE(const auto record,
               parts.certificates.find_fingerprint(crypto::sha256(revocation.certificate.der())));
  if (!record) {
    return fail("acme.not_found", "this authority did not issue the certificate");
  }
  const auto reason = crypto::revocation_reason(revocation.reason);
  if (!reason) {
    return fail("acme.bad_revocation_reason", "there is no such reason");
  }
  const std::string actor =
      "acme:" + (revocation.account.empty() ? "key of the certificate" : revocation.account);
  return parts.revocations.revoke(record->intent.serial, *reason, actor)
      .transform([](const RevokedCertificate&) {});
}

// In write(), so that the server is the one that gave the ticket.
void AcmeService::Core::revoke(const acme::Revocation& revocation) {
  const auto outcome = take_back(revocation).transform_error(acme_error);
  std::function<void(acme::Response)> done;
  acme::Response response;
  {
    const std::scoped_lock lock(mutex);
    response = server->handle_revoked(revocation.ticket, outcome);
    if (!outcome && outcome.error().code().starts_with("store.")) {
      response = acme::unavailable();  // where the authority's disk is full is not for clients
    }
    count(response);
    --counts.requests;  // it was counted when it came
    counts.revoked += outcome ? 1 : 0;
    if (auto found = tickets.extract(revocation.ticket)) {
      done = std::move(found.mapped());
    }
  }
  if (outcome) {
    report({.kind = AcmeEvent::Kind::kRevoked,
            .requester = "acme:" + revocation.account,
            .serial = to_hex(revocation.certificate.serial())});
  }
  if (done) {
    done(std::move(response));
  }
}

}  // namespace i2::trustchain
