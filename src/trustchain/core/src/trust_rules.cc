#include "trust_rules.h"

#include <algorithm>

namespace i2::trustchain {
namespace {

Result<void> need_approvals(const TrustRules& rules, bool all_required) {
  std::size_t needed = 1;
  if (all_required) {
    I2_TRY_VALUE(needed, rules.registry.operators_required(rules.raw));
  }
  if (rules.operation.approvals.size() >= needed) {
    return {};
  }
  return fail("fleet.operation_approvals", "the operation is signed by " +
                                               std::to_string(rules.operation.approvals.size()) +
                                               " operators and needs " + std::to_string(needed));
}

ports::Standing standing(const TrustRules& rules, const ports::AccountId& account) {
  return rules.registry.standing(rules.raw, account);
}

Result<void> need_authority(const TrustRules& rules) {
  I2_TRY_VALUE(const bool holds, rules.registry.holds_anchor(rules.raw, rules.operation.account));
  if (!holds) {
    return fail("fleet.operation_account",
                "a certificate authority of the fleet does this, with its own key");
  }
  return {};
}

// Whoever cuts off validators can stop the fleet, so that takes as many operators as expelling one.
Result<void> may_revoke(const TrustRules& rules, const CertificateId& id) {
  I2_TRY_VALUE(const auto entry, rules.state.indexed(id));
  if (entry && entry->requester == rules.operation.account) {
    return {};
  }
  const bool grave = !entry || standing(rules, entry->requester) == ports::Standing::kValidator;
  if (!rules.operation.approvals.empty()) {
    return need_approvals(rules, grave);
  }
  if (!entry) {
    return fail("trust.certificate_unknown", "the fleet's index has no certificate with serial " +
                                                 to_hex(id.serial) +
                                                 " and this end: only operators can revoke it");
  }
  if (grave || entry->authority != rules.operation.account) {
    return fail("trust.revocation_denied",
                "certificate " + to_hex(id.serial) +
                    " is revoked by its owner, by the authority that issued it unless it is a "
                    "validator's, or by operators");
  }
  return {};
}

Result<void> need_member(const TrustRules& rules, const NodeId& node) {
  if (standing(rules, {node.bytes}) == ports::Standing::kOther) {
    return fail("trust.member_unknown", "node " + node.hex() + " is not a member of this fleet");
  }
  return {};
}

// Operators have decided beforehand which log it is to be, so nobody else has a say in it but the
// node that has it.
Result<void> may_take_over(const TrustRules& rules, const LogRecord& present,
                           const StandbyLog& standby, const SetLog& body) {
  const StandbyLog wanted{
      .node = body.holder, .origin = body.origin, .spki = body.spki, .cosigners = body.cosigners};
  if (wanted != standby) {
    return fail("trust.log_record",
                "a standby makes the log the fleet's that operators have named, and no other");
  }
  if (body.epoch != present.epoch + 1) {
    return fail("trust.log_record", "the fleet's log is at epoch " + std::to_string(present.epoch) +
                                        "; a standby takes over with the next one");
  }
  return need_member(rules, standby.node);
}

// The account's own log, if it stands by and no operator has signed.
Result<std::optional<StandbyLog>> standby_of_account(const TrustRules& rules) {
  I2_TRY_VALUE(const auto standbys, rules.state.log_standbys());
  const auto found =
      std::ranges::find(standbys, NodeId{rules.operation.account.bytes}, &StandbyLog::node);
  const bool alone = rules.operation.approvals.empty();
  return alone && found != standbys.end() ? std::optional(*found) : std::nullopt;
}

}  // namespace

Result<void> check(const TrustRules& rules, const SetLog& body) {
  I2_TRY_VALUE(const auto present, rules.state.log());
  const ports::AccountId holder{body.holder.bytes};
  if (present) {
    I2_TRY_VALUE(const auto standby, standby_of_account(rules));
    if (standby) {
      return may_take_over(rules, *present, *standby, body);
    }
    I2_TRY(need_approvals(rules, true));
    I2_TRY(need_member(rules, body.holder));
  } else {
    I2_TRY(need_authority(rules));
    if (holder != rules.operation.account) {
      return fail("trust.log_record", "the fleet's first log is kept by the node that begins it");
    }
  }
  if (const std::uint64_t last = present ? present->epoch : 0; body.epoch <= last) {
    return fail("trust.log_record", "the fleet's log is at epoch " + std::to_string(last) +
                                        "; another one needs a higher epoch than that");
  }
  return {};
}

Result<void> check(const TrustRules& rules, const IndexCertificates& body) {
  I2_TRY(need_authority(rules));
  for (const IndexEntry& entry : body.entries) {
    const UnixMillis life_max = info(entry.profile).life_ms_max;
    if (entry.not_after - entry.not_before > life_max ||
        entry.not_before > rules.block.time + kIssuedAheadMsMax) {
      return fail("trust.index_invalid", "certificate " + to_hex(entry.serial) +
                                             " is valid for longer than its profile allows, or "
                                             "begins later than the ledger's time permits");
    }
  }
  return {};
}

Result<void> check(const TrustRules& rules, const RevokeCertificates& body) {
  for (const CertificateId& id : body.certificates) {
    if (id.not_after <= rules.block.time ||
        id.not_after > rules.block.time + kIssuedAheadMsMax + kLeafLifeMs) {
      return fail("trust.revocation_invalid",
                  "certificate " + to_hex(id.serial) +
                      " is over, or ends later than any that the fleet issues");
    }
    I2_TRY(may_revoke(rules, id));
  }
  const std::uint64_t left =
      rules.state.revoked_count() - old_revocations(rules.raw, rules.block.time).size();
  if (left + body.certificates.size() > kRevokedMax) {
    return fail("trust.revocations_full",
                "the fleet has as many revoked certificates as it can: revoke the accounts");
  }
  return {};
}

Result<void> check(const TrustRules& rules, const RevokeAccount& body) {
  if (body.account != rules.operation.account) {
    I2_TRY(need_approvals(rules, standing(rules, body.account) == ports::Standing::kValidator));
  }
  const bool known = rules.raw.get(revoked_account_key(body.account.view())).has_value();
  if (!known && rules.state.revoked_account_count() >= kRevokedAccountsMax &&
      old_account_revocations(rules.raw, rules.block.time).empty()) {
    return fail("trust.revocations_full", "too many accounts have been revoked within two days");
  }
  return {};
}

Result<void> check(const TrustRules& rules, const SetPins& body) {
  const ports::Standing who = standing(rules, {body.node.bytes});
  I2_TRY(need_approvals(rules, who == ports::Standing::kValidator));
  if (who == ports::Standing::kOther && !body.issuers.empty()) {
    return fail("trust.member_unknown",
                "node " + body.node.hex() + " is not a member of this fleet");
  }
  if (body.enforced && body.issuers.size() == 1) {
    return fail("trust.pin_backup",
                "a pin that is enforced needs a backup: the key of a second authority");
  }
  return {};
}

Result<LogRecord> convicted_log(const TrustState& state, const ct::SplitView& evidence) {
  I2_TRY_VALUE(const auto logs, state.logs());
  for (const LogRecord& log : logs) {
    I2_TRY_VALUE(const auto keys, note_keys(log));
    for (const ct::NoteKey& key : keys) {
      if (key.made(evidence.first.signatures.front())) {
        I2_TRY(verify_split_view(evidence, key));
        return log;
      }
    }
  }
  return fail("trust.evidence_invalid", "the evidence is about a key of no log of the fleet");
}

Result<void> check(const TrustRules& rules, const LogEvidence& body) {
  I2_TRY_VALUE(const LogRecord log, convicted_log(rules.state, body.evidence));
  if (rules.raw.get(log_evidence_key(log.epoch))) {
    return fail("trust.evidence_known", "the fleet has evidence against this log");
  }
  return {};
}

Result<void> check(const TrustRules& rules, const SetLogStandby& body) {
  I2_TRY(need_approvals(rules, true));
  I2_TRY_VALUE(const auto standbys, rules.state.log_standbys());
  const bool known = std::ranges::contains(standbys, body.log.node, &StandbyLog::node);
  if (body.removes()) {
    return known ? Result<void>()
                 : fail("trust.standby_unknown",
                        "no log of node " + body.log.node.hex() + " stands by");
  }
  I2_TRY(need_member(rules, body.log.node));
  I2_TRY_VALUE(const auto present, rules.state.log());
  if (!present) {
    return fail("trust.no_log", "the fleet has no log yet that another one could stand by for");
  }
  const auto is_taken = [&](const StandbyLog& other) {
    return other.node != body.log.node && other.spki == body.log.spki;
  };
  if (present->holder == body.log.node || present->spki == body.log.spki ||
      std::ranges::any_of(standbys, is_taken)) {
    return fail("trust.standby_invalid",
                "a standby is another node than the one with the fleet's log, with a log of its "
                "own");
  }
  if (!known && standbys.size() >= kLogStandbysMax) {
    return fail("trust.standbys_full", "a fleet has at most " + std::to_string(kLogStandbysMax) +
                                           " standbys: remove one first");
  }
  return {};
}

}  // namespace i2::trustchain
