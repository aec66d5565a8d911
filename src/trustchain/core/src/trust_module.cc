#include <i2/trustchain/core/trust_module.h>

#include "trust_rules.h"

namespace i2::trustchain {
namespace {

// What an authority issues is in the index within seconds and asks for no Falcon signature: there
// is much of it, and it permits nothing. The keys of a log, and of a certificate, cost more to read
// than their size suggests.
constexpr ports::OperationKind kTrustKinds[] = {
    {.kind = kSetLog, .name = "log.set", .high = is_high(kSetLog), .alone = true},
    {.kind = kIndexCertificates, .name = "certificate.index", .high = is_high(kIndexCertificates)},
    {.kind = kRevokeCertificates,
     .name = "certificate.revoke",
     .high = is_high(kRevokeCertificates)},
    {.kind = kRevokeAccount, .name = "account.revoke", .high = is_high(kRevokeAccount)},
    {.kind = kSetPins, .name = "pin.set", .high = is_high(kSetPins)},
    {.kind = kLogEvidence, .name = "log.evidence", .high = is_high(kLogEvidence), .alone = true},
    {.kind = kLogStandby, .name = "log.standby", .high = is_high(kLogStandby), .alone = true},
    {.kind = kAuthorityEvidence,
     .name = "authority.evidence",
     .high = is_high(kAuthorityEvidence),
     .alone = true},
};

}  // namespace

std::span<const ports::OperationKind> TrustModule::kinds() const {
  return kTrustKinds;
}

Result<void> TrustModule::decode(std::uint16_t kind, ByteView body) const {
  I2_TRY(decode_trust_operation(kind, body));
  return {};
}

Result<void> TrustModule::validate(const ports::StateReader& state,
                                   const ports::OperationView& operation,
                                   const ports::BlockContext& block) const {
  I2_TRY_VALUE(const auto body, decode_trust_operation(operation.kind, operation.body));
  const TrustRules rules{.registry = registry_,
                         .state = TrustState(state),
                         .raw = state,
                         .operation = operation,
                         .block = block};
  return std::visit([&rules](const auto& typed) { return check(rules, typed); }, body);
}

Result<void> TrustModule::apply(ports::StateWriter& state, const ports::OperationView& operation,
                                const ports::BlockContext& block) const {
  I2_TRY_VALUE(const auto body, decode_trust_operation(operation.kind, operation.body));
  const TrustChange change{.registry = registry_,
                           .state = TrustState(state),
                           .writer = state,
                           .operation = operation,
                           .block = block};
  return std::visit([&change](const auto& typed) { return perform(change, typed); }, body);
}

}  // namespace i2::trustchain
