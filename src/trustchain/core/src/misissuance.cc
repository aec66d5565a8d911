#include <i2/trustchain/core/leaf.h>
#include <i2/trustchain/core/misissuance.h>

#include <algorithm>

namespace i2::trustchain {
namespace {

bool is_of_a_member(const crypto::Certificate& certificate) {
  return certificate &&
         certificate.public_key().algorithm() == crypto::SignatureAlgorithm::kFalcon1024 &&
         !certificate.is_ca();
}

// Policy and lint give a member's certificate these names and no others.
bool has_own_names(const crypto::Certificate& certificate, std::string_view fleet_name) {
  const std::string name = certificate.subject_common_name();
  const auto dns = certificate.dns_names();
  return is_name(name) && dns.size() == 1 && dns.front() == leaf_dns_name(name, fleet_name) &&
         certificate.ip_addresses().empty() && certificate.other_names().empty();
}

}  // namespace

Result<Issuance> judge_issuance(const crypto::Certificate& certificate, std::string_view fleet_name,
                                const ports::Registry& registry, const ports::StateReader& state,
                                std::uint64_t height) {
  const auto stated = is_of_a_member(certificate) ? certificate.state_height() : std::nullopt;
  if (!stated) {
    return Issuance::kUnstated;
  }
  if (!has_own_names(certificate, fleet_name)) {
    return Issuance::kUnauthorised;
  }
  if (*stated > height) {
    return Issuance::kAhead;
  }
  I2_TRY_VALUE(const bool had,
               registry.had_member(state, certificate.subject_common_name(), *stated));
  return had ? Issuance::kAuthorised : Issuance::kUnauthorised;
}

Result<Misissued> convicted_authority(ByteView der, const ports::Registry& registry,
                                      const ports::StateReader& state, std::uint64_t height) {
  const auto certificate = crypto::Certificate::from_der(der);
  if (!certificate || der.size() > kMisissuedSizeMax) {
    return fail("trust.evidence_invalid", "the evidence is no certificate");
  }
  I2_TRY_VALUE(const std::string fleet_name, registry.fleet_name(state));
  I2_TRY_VALUE(const Issuance issuance,
               judge_issuance(*certificate, fleet_name, registry, state, height));
  if (issuance == Issuance::kUnstated) {
    return fail("trust.evidence_invalid",
                "the certificate is no member's, or does not say by which state it was issued");
  }
  if (issuance == Issuance::kAuthorised) {
    return fail("trust.evidence_invalid",
                "the certificate is authorised: '" + certificate->subject_common_name() +
                    "' was a member's name at height " +
                    std::to_string(certificate->state_height().value_or(0)));
  }
  I2_TRY_VALUE(const auto anchors, registry.anchors(state));
  const auto signer = std::ranges::find_if(anchors, [&](const ports::Registry::Anchor& one) {
    return crypto::is_signed_by(*certificate, one.certificate);
  });
  if (signer == anchors.end()) {
    return fail("trust.evidence_invalid",
                "the certificate is not signed by an authority that the fleet has");
  }
  return Misissued{.issuer = signer->certificate.public_key().spki_sha256(),
                   .holder = signer->holder,
                   .name = certificate->subject_common_name(),
                   .state_height = certificate->state_height().value_or(0)};
}

}  // namespace i2::trustchain
