#include <i2/trustchain/revocation_service.h>

#include <algorithm>

namespace i2::trustchain {
namespace {

constexpr std::size_t kAnswersMax = 16'384;

// Also not one that was made while the clock was ahead.
bool is_fresh(UnixMillis made_at, UnixMillis now, UnixMillis renewal) {
  return made_at <= now && now < made_at + renewal;
}

int list_number(std::optional<std::uint8_t> shard) {
  return shard ? *shard : -1;
}

}  // namespace

Result<RevokedCertificate> RevocationService::revoke(ByteView serial,
                                                     crypto::RevocationReason reason,
                                                     std::string_view actor) {
  const UnixMillis now = parts_.clock.unix_now();
  I2_TRY_VALUE(const auto record, parts_.store.find(serial));
  if (!record) {
    return fail("trust.certificate_unknown",
                "this authority has issued no certificate " + to_hex(serial));
  }
  I2_TRY_VALUE(auto revoked,
               parts_.store.revoke(std::span(&*record, 1), {.revoked_at = now, .reason = reason},
                                   {.at = now, .actor = std::string(actor), .action = "revoke"}));
  if (revoked.empty()) {
    return fail("trust.already_revoked", "the certificate " + to_hex(serial) + " is revoked");
  }
  forget(revoked);
  return std::move(revoked.front());
}

Result<std::size_t> RevocationService::revoke_requester(std::string_view requester,
                                                        crypto::RevocationReason reason,
                                                        std::string_view actor) {
  const UnixMillis now = parts_.clock.unix_now();
  std::size_t count = 0;
  CertificateQuery query{.requester = std::string(requester), .limit = kListLimitMax};
  do {
    I2_TRY_VALUE(auto page, parts_.store.list(query));
    std::erase_if(page.records, [now](const CertificateRecord& record) {
      return record.intent.not_after <= now;
    });
    I2_TRY_VALUE(const auto revoked,
                 parts_.store.revoke(page.records, {.revoked_at = now, .reason = reason},
                                     {.at = now,
                                      .actor = std::string(actor),
                                      .action = "revoke",
                                      .rule = "requester " + std::string(requester)}));
    forget(revoked);
    count += revoked.size();
    query.after = std::move(page.next);
  } while (!query.after.empty());
  return count;
}

Result<std::vector<RevokedCertificate>> RevocationService::record(
    std::span<const RevokedCertificate> revoked, std::string_view actor) {
  const UnixMillis now = parts_.clock.unix_now();
  std::vector<RevokedCertificate> out;
  for (const RevokedCertificate& one : revoked) {
    const CertificateRecord known{.intent = {.issuer_key_hash = one.issuer_key_hash,
                                             .serial = one.serial,
                                             .not_after = one.not_after}};
    I2_TRY_VALUE(auto fresh,
                 parts_.store.revoke(std::span(&known, 1), one.revocation,
                                     {.at = now, .actor = std::string(actor), .action = "revoke"}));
    std::ranges::move(fresh, std::back_inserter(out));
  }
  forget(out);
  return out;
}

void RevocationService::forget(std::span<const RevokedCertificate> revoked) {
  if (revoked.empty()) {
    return;
  }
  {
    const std::scoped_lock lock(making_);
    for (const RevokedCertificate& one : revoked) {
      lists_.erase({one.issuer_key_hash, list_number(crl_shard(one.serial))});
      lists_.erase({one.issuer_key_hash, list_number(std::nullopt)});
    }
    answers_.clear();
  }
  if (parts_.changed) {
    parts_.changed(revoked);
  }
}

Result<std::shared_ptr<const Bytes>> RevocationService::crl(const Signer& signer,
                                                            std::optional<std::uint8_t> shard) {
  const std::scoped_lock lock(making_);
  Made& kept = lists_[{signer.key_hash, list_number(shard)}];
  if (kept.der == nullptr || !is_fresh(kept.at, parts_.clock.unix_now(), kCrlRenewalMs)) {
    I2_TRY_VALUE(kept, build_list(signer, shard));
  }
  return kept.der;
}

Result<RevocationService::Made> RevocationService::build_list(const Signer& signer,
                                                              std::optional<std::uint8_t> shard) {
  const UnixMillis now = parts_.clock.unix_now();
  I2_TRY_VALUE(const auto revoked, parts_.store.revoked(signer.key_hash, shard));
  std::vector<crypto::CrlEntry> entries;
  for (const RevokedCertificate& one : revoked) {
    // RFC 5280 §3.3: it is on at least one list that was made after it expired.
    if (one.not_after + 2 * kCrlRenewalMs > now) {
      entries.push_back({.serial = one.serial, .revocation = one.revocation});
    }
  }
  I2_TRY_VALUE(const auto number, parts_.store.next_crl_number(signer.key_hash, shard, now));
  I2_TRY_VALUE(auto der, crypto::build_crl(
                             {.number = number,
                              .this_update = now,
                              .next_update = now + kCrlLifeMs,
                              .entries = entries,
                              .distribution_point =
                                  shard ? parts_.issuers.crl_url(signer, *shard) : std::string()},
                             signer.issuer.certificate, signer.issuer.key));
  return Made{.der = std::make_shared<const Bytes>(std::move(der)), .at = now};
}

Bytes RevocationService::ocsp(ByteView request) {
  const auto parsed = crypto::parse_ocsp_request(request);
  if (!parsed) {
    return crypto::ocsp_error(crypto::OcspError::kMalformedRequest);
  }
  const UnixMillis now = parts_.clock.unix_now();
  const bool keep = parsed->nonce.empty() && parsed->certificates.size() == 1;
  const std::scoped_lock lock(making_);
  const Bytes key = keep ? to_bytes(parsed->certificates.front().der()) : Bytes();
  if (const auto kept = answers_.find(key);
      keep && kept != answers_.end() && is_fresh(kept->second.at, now, kOcspRenewalMs)) {
    return *kept->second.der;
  }
  auto made = answer(*parsed, now);
  if (!made) {
    return crypto::ocsp_error(made.error().is("trust.no_issuer") ? crypto::OcspError::kUnauthorized
                              : made.error().is("trust.overloaded")
                                  ? crypto::OcspError::kTryLater
                                  : crypto::OcspError::kInternalError);
  }
  if (keep) {
    if (answers_.size() >= kAnswersMax) {
      answers_.clear();
    }
    answers_[key] = {.der = std::make_shared<const Bytes>(*made), .at = now};
  }
  return *std::move(made);
}

Result<RevocationService::Asked> RevocationService::look_up(
    const crypto::OcspCertificateId& certificate, UnixMillis now) const {
  Asked out{
      .answer = {.certificate = certificate, .this_update = now, .next_update = now + kOcspLifeMs},
      .signer = nullptr};
  for (const SignerPtr& one : parts_.issuers.all()) {
    if (certificate.is_issued_by(one->issuer.certificate)) {
      out.signer = one;
    }
  }
  if (out.signer == nullptr) {
    return out;
  }
  I2_TRY_VALUE(const auto record, parts_.store.find(certificate.serial()));
  I2_TRY_VALUE(const auto revocation,
               parts_.store.revocation(out.signer->key_hash, certificate.serial()));
  const bool known = record && record->intent.issuer_key_hash == out.signer->key_hash;
  out.answer.status = revocation ? crypto::CertificateStatus::kRevoked
                      : known    ? crypto::CertificateStatus::kGood
                                 : crypto::CertificateStatus::kUnknown;
  out.answer.revocation = revocation.value_or(crypto::Revocation{});
  return out;
}

// A Falcon signature takes milliseconds, so strangers get few of them: none for a nonce or for a
// certificate that is not known, and only so many a minute of the others.
Result<void> RevocationService::admit_anchor_answer(const crypto::OcspRequest& request,
                                                    const crypto::OcspResponse& response) {
  const bool known = std::ranges::none_of(response.answers, [](const crypto::OcspAnswer& one) {
    return one.status == crypto::CertificateStatus::kUnknown;
  });
  if (!known || !request.nonce.empty() || request.certificates.size() != 1) {
    // RFC 5019 §2.2.3: also what a responder says that has no answer of its own making.
    return fail("trust.no_issuer",
                "an anchor answers about one certificate that it has issued, without a nonce");
  }
  const UnixMillis ticks = parts_.clock.now() / kMillisecond;
  if (anchor_answers_.wait(kAnchorAnswers, ticks) > 0) {
    return fail("trust.overloaded", "too many questions about nodes' certificates; try again");
  }
  anchor_answers_.take(kAnchorAnswers, ticks);
  return {};
}

Result<Bytes> RevocationService::answer(const crypto::OcspRequest& request, UnixMillis now) {
  crypto::OcspResponse response{.produced_at = now, .nonce = request.nonce};
  SignerPtr signer;
  for (const crypto::OcspCertificateId& certificate : request.certificates) {
    I2_TRY_VALUE(Asked one, look_up(certificate, now));
    if (one.signer == nullptr || (signer != nullptr && signer != one.signer)) {
      return fail("trust.no_issuer", "the request is not about certificates of one issuer here");
    }
    signer = std::move(one.signer);
    response.answers.push_back(std::move(one.answer));
  }
  if (signer->kind == IssuerKind::kAnchor) {
    I2_TRY(admit_anchor_answer(request, response));
  }
  return crypto::build_ocsp_response(
      response, {.certificate = signer->issuer.certificate, .key = signer->issuer.key});
}

}  // namespace i2::trustchain
