#include <i2/trustchain/core/issuance.h>
#include <i2/trustchain/core/lint.h>

#include <algorithm>

namespace i2::trustchain {
namespace {

// Those without a height have the encoding, and so the id, that they had before there were any.
constexpr std::uint16_t kIntentVersion = 1;
constexpr std::uint16_t kHeightIntentVersion = 2;
constexpr std::size_t kSerialSizeMax = 20;
constexpr std::size_t kCommonNameSizeMax = 256;  // 64 characters of UTF-8
constexpr std::size_t kIntentNamesMax = 128;
constexpr std::size_t kIntentNameSizeMax = 253;

// Certificates count in seconds and drop the rest; one that began before its issuer would be
// refused, so the rest is rounded up.
UnixMillis first_second(UnixMillis time) {
  return (time + 999) / 1000 * 1000;
}

// As Certificate::serial() has it.
Bytes without_leading_zeros(const Bytes& number) {
  return {std::ranges::find_if(number, [](std::uint8_t byte) { return byte != 0; }), number.end()};
}

crypto::CertificateFields fields_of(const Intent& intent, const crypto::PublicKey& subject_key,
                                    const Issuer& issuer) {
  const auto purposes = info(intent.profile).purposes;
  return {.subject_key = subject_key,
          .common_name = intent.common_name,
          .dns_names = intent.dns_names,
          .ip_addresses = intent.ip_addresses,
          .not_before = intent.not_before,
          .not_after = intent.not_after,
          .purposes = {purposes.begin(), purposes.end()},
          .serial = without_leading_zeros(intent.serial),
          .policies = issuer.policies,
          .crl_urls = intent.crl_url.empty() ? std::vector<std::string>()
                                             : std::vector<std::string>{intent.crl_url},
          .ocsp_urls = issuer.ocsp_urls,
          .issuer_urls = issuer.issuer_urls,
          .state_height = intent.state_height};
}

Result<crypto::Certificate> prepare_form(const Intent& intent,
                                         const crypto::CertificateFields& fields,
                                         const Issuer& issuer, Form form) {
  I2_TRY_VALUE(auto prepared, crypto::prepare_certificate(fields, &issuer.certificate));
  const auto found = lint(prepared, issuer.certificate,
                          {.profile = intent.profile,
                           .form = form,
                           .constraints = issuer.constraints,
                           .state_height = intent.state_height,
                           .fields = &fields});
  if (found.empty()) {
    return prepared;
  }
  std::string text = "the certificate was not made";
  for (const Finding& one : found) {
    text += "; " + std::string(one.rule) + ": " + one.detail;
  }
  return fail("trust.lint", std::move(text));
}

Result<void> check_parties(const Intent& intent, const crypto::PublicKey& subject_key,
                           const Issuer& issuer) {
  if (!subject_key || subject_key.spki_sha256() != intent.key_hash) {
    return fail("trust.intent_invalid", "the intent is about another key");
  }
  if (!issuer.certificate ||
      issuer.certificate.public_key().spki_sha256() != intent.issuer_key_hash) {
    return fail("trust.intent_invalid", "the intent is about another issuer");
  }
  return {};
}

}  // namespace

Issuer issuer_of(const AnchorRecord& anchor, crypto::PrivateKey key) {
  return {.certificate = anchor.certificate,
          .key = std::move(key),
          .not_before = anchor.not_before,
          .not_after = anchor.not_after,
          .leaf_life_ms_max = anchor.constraints.leaf_life_ms_max,
          .constraints = {.permitted_dns = {anchor.constraints.dns_suffix}}};
}

Result<Intent> decide(const crypto::CertificateRequest& request, const Issuer& issuer,
                      const Application& application) {
  I2_TRY(to_result(judge(policy_for(application.applicant),
                         {.profile = application.profile,
                          .algorithm = request.public_key().algorithm(),
                          .dns_names = application.dns_names,
                          .ip_addresses = application.ip_addresses,
                          .other_names = request.other_names(),
                          .extensions = request.extensions(),
                          .life_ms = application.life_ms},
                         issuer.constraints)));
  if (!request.verify_possession()) {
    return fail("trust.request_possession",
                "the certificate request is not signed by the key it contains");
  }
  const UnixMillis now = application.now;
  if (now < issuer.not_before || now >= issuer.not_after) {
    return fail("trust.anchor_not_valid",
                "the issuing key is not valid now; check the clock or rotate it");
  }
  const UnixMillis from =
      first_second(std::max(issuer.not_before, now - std::min(now, kLeafBackdateMs)));
  const UnixMillis life_max =
      std::min(info(application.profile).life_ms_max, issuer.leaf_life_ms_max);
  const UnixMillis life =
      application.life_ms == 0 ? life_max : std::min(application.life_ms, life_max);
  return Intent{.profile = application.profile,
                .logged = application.logged,
                .issuer_key_hash = issuer.certificate.public_key().spki_sha256(),
                .serial = application.serial,
                .common_name = application.common_name,
                .dns_names = application.dns_names,
                .ip_addresses = application.ip_addresses,
                .key_hash = request.public_key().spki_sha256(),
                .not_before = from,
                .not_after = std::min(from + life, issuer.not_after) / 1000 * 1000,
                .crl_url = application.crl_url,
                .requester = application.requester.substr(0, kRequesterSizeMax),
                .decided_at = now,
                .state_height = application.profile == Profile::kNode ? application.state_height
                                                                      : std::nullopt};
}

Bytes encode(const Intent& intent) {
  wire::CanonicalWriter w(kIntentType, intent.state_height ? kHeightIntentVersion : kIntentVersion);
  w.u8(static_cast<std::uint8_t>(intent.profile));
  w.boolean(intent.logged);
  w.fixed(intent.issuer_key_hash);
  w.bytes(intent.serial);
  w.text(intent.common_name);
  w.count(intent.dns_names.size());
  for (const std::string& dns_name : intent.dns_names) {
    w.text(dns_name);
  }
  w.count(intent.ip_addresses.size());
  for (const crypto::IpAddress& address : intent.ip_addresses) {
    w.fixed(address);
  }
  w.fixed(intent.key_hash);
  w.u64(intent.not_before);
  w.u64(intent.not_after);
  w.text(intent.crl_url);
  w.text(intent.requester);
  w.u64(intent.decided_at);
  if (intent.state_height) {
    w.u64(*intent.state_height);
  }
  return std::move(w).take();
}

Hash256 id(const Intent& intent) {
  return object_id(kIntentDomain, encode(intent));
}

Result<Intent> decode_intent(ByteView encoding) {
  wire::Reader header(encoding);
  (void)header.u16();
  const bool states_height = header.u16() == kHeightIntentVersion;
  wire::CanonicalReader r(encoding, kIntentType,
                          states_height ? kHeightIntentVersion : kIntentVersion);
  Intent out;
  const auto kind = profile(r.u8());
  out.profile = kind.value_or(Profile::kNode);
  out.logged = r.boolean();
  out.issuer_key_hash = r.fixed<32>();
  out.serial = to_bytes(r.bytes(kSerialSizeMax));
  out.common_name = r.text(kCommonNameSizeMax);
  for (std::size_t left = r.count(kIntentNamesMax); left > 0; --left) {
    out.dns_names.push_back(r.text(kIntentNameSizeMax));
  }
  for (std::size_t left = r.count(kIntentNamesMax); left > 0; --left) {
    out.ip_addresses.push_back(r.fixed<16>());
  }
  out.key_hash = r.fixed<32>();
  out.not_before = r.u64();
  out.not_after = r.u64();
  out.crl_url = r.text(kUrlSizeMax);
  out.requester = r.text(kRequesterSizeMax);
  out.decided_at = r.u64();
  if (states_height) {
    out.state_height = r.u64();
  }
  if (!r.finish() || !kind || encoding.size() > kIntentSizeMax) {
    return fail("trust.intent_invalid", "the intent is malformed");
  }
  return out;
}

Result<crypto::Certificate> prepare(const Intent& intent, const crypto::PublicKey& subject_key,
                                    const Issuer& issuer) {
  I2_TRY(check_parties(intent, subject_key, issuer));
  crypto::CertificateFields fields = fields_of(intent, subject_key, issuer);
  fields.precertificate = intent.logged;
  return prepare_form(intent, fields, issuer,
                      intent.logged ? Form::kPrecertificate : Form::kUnlogged);
}

Result<crypto::Certificate> sign(const crypto::Certificate& prepared, const Issuer& issuer) {
  return crypto::sign_certificate(prepared, &issuer.certificate, issuer.key);
}

Result<crypto::Certificate> complete(const Intent& intent,
                                     const crypto::Certificate& precertificate,
                                     std::span<const Bytes> scts, const Issuer& issuer) {
  I2_TRY(check_parties(intent, precertificate.public_key(), issuer));
  crypto::CertificateFields fields = fields_of(intent, precertificate.public_key(), issuer);
  fields.scts.assign(scts.begin(), scts.end());
  I2_TRY_VALUE(const auto prepared, prepare_form(intent, fields, issuer, Form::kLogged));
  I2_TRY_VALUE(const auto entry, crypto::precertificate_entry(prepared, issuer.certificate));
  I2_TRY_VALUE(const auto logged, crypto::precertificate_entry(precertificate, issuer.certificate));
  if (!intent.logged || !precertificate.is_precertificate() || entry != logged) {
    return fail("trust.intent_invalid", "the precertificate is not that of the intent");
  }
  return sign(prepared, issuer);
}

Result<crypto::Certificate> issue(const crypto::CertificateRequest& request, const Issuer& issuer,
                                  const Application& application) {
  I2_TRY_VALUE(const auto intent, decide(request, issuer, application));
  I2_TRY_VALUE(const auto prepared, prepare(intent, request.public_key(), issuer));
  if (intent.logged) {
    return fail("trust.intent_invalid", "a logged certificate is made in steps");
  }
  return sign(prepared, issuer);
}

}  // namespace i2::trustchain
