// TrustModule: the fleet's log and its standbys, the index of its certificates, revocations and
// pins as a part of the replicated state. The rules: docs/wire/operation.md, "Kinds of trust".
//
// All that it keeps is bounded, and an operation forgets at most a fixed number of entries more
// than it adds: the index lets go of what ends first when it is full; a revocation stays until its
// certificate has been over for a day.
#pragma once

#include <i2/ports/registry.h>
#include <i2/trustchain/core/trust_state.h>

namespace i2::trustchain {

inline constexpr std::uint64_t kIndexedMax = 200'000;
inline constexpr std::uint64_t kRevokedMax = 100'000;
inline constexpr std::uint64_t kRevokedAccountsMax = 10'000;
inline constexpr std::size_t kLogsMax = 8;
inline constexpr UnixMillis kRevocationMemoryMs = 24ULL * 3600 * 1000;
// An authority's clock may be this far ahead of the ledger's.
inline constexpr UnixMillis kIssuedAheadMsMax = 3600ULL * 1000;

class TrustModule final : public ports::StateModule {
 public:
  // `registry` must outlive the module.
  explicit TrustModule(const ports::Registry& registry) : registry_(registry) {}

  [[nodiscard]] std::string_view name() const override { return kTrustModule; }
  [[nodiscard]] std::span<const ports::OperationKind> kinds() const override;
  [[nodiscard]] Result<void> decode(std::uint16_t kind, ByteView body) const override;
  // Errors: fleet.operation_account, fleet.operation_approvals, trust.log_record (no epoch,
  // holder or key for it), trust.standby_unknown, trust.standby_invalid (it is the fleet's log, or
  // another standby's), trust.standbys_full, trust.index_invalid (a life that no certificate has),
  // trust.certificate_unknown (only operators revoke what is not in the index),
  // trust.revocation_denied (somebody else's certificate), trust.revocation_invalid (it is over, or
  // ends too late), trust.revocations_full, trust.member_unknown, trust.pin_backup (enforced
  // without a second pin), fleet.state_invalid.
  [[nodiscard]] Result<void> validate(const ports::StateReader& state,
                                      const ports::OperationView& operation,
                                      const ports::BlockContext& block) const override;
  [[nodiscard]] Result<void> apply(ports::StateWriter& state, const ports::OperationView& operation,
                                   const ports::BlockContext& block) const override;

 private:
  const ports::Registry& registry_;
};

}  // namespace i2::trustchain
