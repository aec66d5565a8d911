// What each kind of trust operation requires and does.
#pragma once

#include <i2/trustchain/core/trust_module.h>

namespace i2::trustchain {

struct TrustRules {
  const ports::Registry& registry;
  TrustState state;
  const ports::StateReader& raw;
  const ports::OperationView& operation;
  const ports::BlockContext& block;
};

// trust_rules.cc: whether it may be done.
[[nodiscard]] Result<void> check(const TrustRules& rules, const SetLog& body);
[[nodiscard]] Result<void> check(const TrustRules& rules, const IndexCertificates& body);
[[nodiscard]] Result<void> check(const TrustRules& rules, const RevokeCertificates& body);
[[nodiscard]] Result<void> check(const TrustRules& rules, const RevokeAccount& body);
[[nodiscard]] Result<void> check(const TrustRules& rules, const SetPins& body);
[[nodiscard]] Result<void> check(const TrustRules& rules, const LogEvidence& body);
[[nodiscard]] Result<void> check(const TrustRules& rules, const SetLogStandby& body);
[[nodiscard]] Result<void> check(const TrustRules& rules, const AuthorityEvidence& body);

// The log whose key the evidence convicts. Error: trust.evidence_invalid.
[[nodiscard]] Result<LogRecord> convicted_log(const TrustState& state,
                                              const ct::SplitView& evidence);

struct TrustChange {
  const ports::Registry& registry;
  TrustState state;
  ports::StateWriter& writer;
  const ports::OperationView& operation;
  const ports::BlockContext& block;
};

// trust_changes.cc: doing it, after check().
[[nodiscard]] Result<void> perform(const TrustChange& change, const SetLog& body);
[[nodiscard]] Result<void> perform(const TrustChange& change, const IndexCertificates& body);
[[nodiscard]] Result<void> perform(const TrustChange& change, const RevokeCertificates& body);
[[nodiscard]] Result<void> perform(const TrustChange& change, const RevokeAccount& body);
[[nodiscard]] Result<void> perform(const TrustChange& change, const SetPins& body);
[[nodiscard]] Result<void> perform(const TrustChange& change, const LogEvidence& body);
[[nodiscard]] Result<void> perform(const TrustChange& change, const SetLogStandby& body);
[[nodiscard]] Result<void> perform(const TrustChange& change, const AuthorityEvidence& body);

// Revocations that are not needed any more, oldest first, at most as many as one operation forgets.
[[nodiscard]] std::vector<Bytes> old_revocations(const ports::StateReader& state, UnixMillis now);
[[nodiscard]] std::vector<Bytes> old_account_revocations(const ports::StateReader& state,
                                                         UnixMillis now);

}  // namespace i2::trustchain
