#include <algorithm>

#include "trust_rules.h"

namespace i2::trustchain {
namespace {

// Besides as many as it adds, at the most, so that what has piled up gets less.
constexpr std::size_t kForgottenMax = kCertificatesPerOperationMax;

// The keys of `prefix`, which ascend by the end of a certificate, that end before `before`, and so
// many more that no more than `size` are left.
std::vector<Bytes> first_to_forget(const ports::StateReader& state, const Bytes& prefix,
                                   UnixMillis before, std::uint64_t size, std::size_t count_max) {
  std::vector<Bytes> out;
  const std::uint64_t there = state.count(prefix);
  state.scan(prefix, {}, [&](ByteView key, ByteView) {
    const auto id = certificate_of_key(key, prefix);
    const bool over = id && id->not_after < before;
    if (out.size() >= count_max || (!over && there - out.size() <= size)) {
      return false;
    }
    out.push_back(to_bytes(key));
    return true;
  });
  return out;
}

void forget(ports::StateWriter& state, const std::vector<Bytes>& keys) {
  for (const Bytes& key : keys) {
    state.erase(key);
  }
}

UnixMillis earlier(UnixMillis now, UnixMillis by) {
  return now - std::min(now, by);
}

void put_standbys(ports::StateWriter& state, const std::vector<StandbyLog>& standbys) {
  if (standbys.empty()) {
    state.erase(log_standbys_key());
  } else {
    state.put(log_standbys_key(), encode(standbys));
  }
}

// Who has the fleet's log does not stand by for it, and does not do so again by itself.
Result<void> end_standby(const TrustChange& change, const NodeId& node) {
  I2_TRY_VALUE(auto standbys, change.state.log_standbys());
  if (std::erase_if(standbys, [&](const StandbyLog& one) { return one.node == node; }) > 0) {
    put_standbys(change.writer, standbys);
  }
  return {};
}

RevocationRecord revocation_by(const TrustChange& change, crypto::RevocationReason reason) {
  return {.at = change.block.time, .reason = reason, .by = change.operation.account};
}

}  // namespace

std::vector<Bytes> old_revocations(const ports::StateReader& state, UnixMillis now) {
  return first_to_forget(state, revoked_certificate_prefix(), earlier(now, kRevocationMemoryMs),
                         kRevokedMax, 2 * kForgottenMax);
}

std::vector<Bytes> old_account_revocations(const ports::StateReader& state, UnixMillis now) {
  std::vector<Bytes> out;
  const UnixMillis over = earlier(now, kLeafLifeMs + kRevocationMemoryMs);
  state.scan(revoked_account_key({}), {}, [&](ByteView key, ByteView value) {
    const auto record = decode_revocation_record(value);
    if (record && record->at < over) {
      out.push_back(to_bytes(key));
    }
    return out.size() < kForgottenMax;
  });
  return out;
}

Result<void> perform(const TrustChange& change, const SetLog& body) {
  I2_TRY_VALUE(auto logs, change.state.logs());
  if (!logs.empty()) {
    logs.back().until = change.block.time;
    change.writer.put(log_key(logs.back().epoch), encode(logs.back()));
  }
  if (logs.size() >= kLogsMax) {
    change.writer.erase(log_key(logs.front().epoch));
    change.writer.erase(log_evidence_key(logs.front().epoch));
  }
  change.writer.put(log_key(body.epoch),
                    encode(LogRecord{.origin = body.origin,
                                     .spki = body.spki,
                                     .cosigners = body.cosigners,
                                     .holder = body.holder,
                                     .epoch = body.epoch,
                                     .height = change.block.height,
                                     .since = change.block.time,
                                     .until = 0,
                                     .logged_since = logs.empty() ? change.block.time
                                                                  : logs.back().logged_since}));
  return end_standby(change, body.holder);
}

// What is there stays as it is, so that a batch may come twice and no authority rewrites another's.
Result<void> perform(const TrustChange& change, const IndexCertificates& body) {
  for (const IndexEntry& entry : body.entries) {
    const Bytes key =
        index_key({.not_after = entry.not_after, .issuer = body.issuer, .serial = entry.serial});
    if (entry.not_after <= change.block.time || change.writer.get(key)) {
      continue;
    }
    change.writer.put(key, encode(IndexRecord{.profile = entry.profile,
                                              .key_hash = entry.key_hash,
                                              .requester = entry.requester,
                                              .not_before = entry.not_before,
                                              .log_index = entry.log_index,
                                              .authority = change.operation.account}));
  }
  forget(change.writer, first_to_forget(change.writer, index_prefix(), change.block.time,
                                        kIndexedMax, 2 * kForgottenMax));
  return {};
}

Result<void> perform(const TrustChange& change, const RevokeCertificates& body) {
  forget(change.writer, old_revocations(change.writer, change.block.time));
  const Bytes record = encode(revocation_by(change, body.reason));
  for (const CertificateId& id : body.certificates) {
    if (const Bytes key = revoked_certificate_key(id); !change.writer.get(key)) {
      change.writer.put(key, record);
    }
  }
  return {};
}

Result<void> perform(const TrustChange& change, const RevokeAccount& body) {
  if (change.state.revoked_account_count() >= kRevokedAccountsMax) {
    forget(change.writer, old_account_revocations(change.writer, change.block.time));
  }
  change.writer.put(revoked_account_key(body.account.view()),
                    encode(revocation_by(change, body.reason)));
  return {};
}

Result<void> perform(const TrustChange& change, const SetPins& body) {
  if (body.issuers.empty()) {
    change.writer.erase(pin_key(body.node.view()));
  } else {
    change.writer.put(pin_key(body.node.view()),
                      encode(PinRecord{.enforced = body.enforced, .issuers = body.issuers}));
  }
  return {};
}

Result<void> perform(const TrustChange& change, const LogEvidence& body) {
  I2_TRY_VALUE(const LogRecord log, convicted_log(change.state, body.evidence));
  change.writer.put(log_evidence_key(log.epoch),
                    encode(LogEvidenceRecord{.evidence = encode(body.evidence),
                                             .at = change.block.time,
                                             .by = change.operation.account}));
  return {};
}

Result<void> perform(const TrustChange& change, const SetLogStandby& body) {
  if (body.removes()) {
    return end_standby(change, body.log.node);
  }
  I2_TRY_VALUE(auto standbys, change.state.log_standbys());
  const auto known = std::ranges::find(standbys, body.log.node, &StandbyLog::node);
  if (known != standbys.end()) {
    *known = body.log;
  } else {
    standbys.push_back(body.log);
  }
  put_standbys(change.writer, standbys);
  return {};
}

// The oldest makes room: by then its authority has long been replaced, or its operators do not
// mind.
Result<void> perform(const TrustChange& change, const AuthorityEvidence& body) {
  I2_TRY_VALUE(const Misissued found, convicted_authority(body.certificate, change.registry,
                                                          change.writer, change.block.height - 1));
  I2_TRY_VALUE(const auto there, change.state.authority_evidence());
  if (there.size() >= kAuthorityEvidenceMax) {
    const auto oldest = std::ranges::min_element(there, {}, &AuthorityEvidenceRecord::at);
    change.writer.erase(authority_evidence_key(oldest->issuer));
  }
  change.writer.put(authority_evidence_key(found.issuer),
                    encode(AuthorityEvidenceRecord{.issuer = found.issuer,
                                                   .holder = found.holder,
                                                   .certificate = body.certificate,
                                                   .at = change.block.time,
                                                   .by = change.operation.account}));
  return {};
}

}  // namespace i2::trustchain
