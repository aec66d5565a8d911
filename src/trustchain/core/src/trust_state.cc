#include <i2/trustchain/core/trust_state.h>
#include <i2/wire/canonical.h>

#include <algorithm>

namespace i2::trustchain {
namespace {

constexpr std::uint16_t kTrustStateVersion = 1;
constexpr std::size_t kLogTextSizeMax = 4096;

Bytes trust_key(std::string_view what, ByteView rest = {}) {
  Bytes out = to_bytes(as_bytes(kTrustModule));
  append(out, as_bytes(what));
  append(out, rest);
  return out;
}

Bytes with_certificate(Bytes prefix, const CertificateId& id) {
  wire::Writer w(prefix);
  w.u64(id.not_after);
  w.bytes(id.issuer);
  w.bytes(id.serial);
  return prefix;
}

std::unexpected<Error> invalid_trust(std::string_view what) {
  return fail("fleet.state_invalid",
              "the replicated state holds " + std::string(what) + " that cannot be read");
}

template <class T>
Result<std::optional<T>> read_optional(std::optional<ByteView> value,
                                       Result<T> (*decode)(ByteView)) {
  if (!value) {
    return std::nullopt;
  }
  I2_TRY_VALUE(auto out, decode(*value));
  return std::optional<T>(std::move(out));
}

// All below `prefix`, ascending by key.
template <class T>
Result<std::vector<T>> read_all(const ports::StateReader& state, const Bytes& prefix,
                                Result<T> (*decode)(ByteView)) {
  std::vector<T> out;
  Result<void> good;
  state.scan(prefix, {}, [&](ByteView, ByteView value) {
    auto record = decode(value);
    if (!record) {
      good = fail(record.error());
      return false;
    }
    out.push_back(*std::move(record));
    return true;
  });
  I2_TRY(good);
  return out;
}

}  // namespace

Bytes log_key(std::optional<std::uint64_t> epoch) {
  Bytes out = trust_key("/log/");
  if (epoch) {
    wire::Writer(out).u64(*epoch);
  }
  return out;
}
Bytes index_prefix() {
  return trust_key("/index/");
}
Bytes index_key(const CertificateId& id) {
  return with_certificate(index_prefix(), id);
}
Bytes revoked_certificate_prefix() {
  return trust_key("/revoked/");
}
Bytes revoked_certificate_key(const CertificateId& id) {
  return with_certificate(revoked_certificate_prefix(), id);
}
Bytes revoked_account_key(ByteView account_or_empty) {
  return trust_key("/revoked-account/", account_or_empty);
}
Bytes pin_key(ByteView node_or_empty) {
  return trust_key("/pin/", node_or_empty);
}

Bytes log_evidence_key(std::optional<std::uint64_t> epoch) {
  Bytes out = trust_key("/log-evidence/");
  if (epoch) {
    wire::Writer(out).u64(*epoch);
  }
  return out;
}

Bytes log_standbys_key() {
  return trust_key("/log-standbys");
}

Bytes authority_evidence_key(ByteView issuer_or_empty) {
  return trust_key("/authority-evidence/", issuer_or_empty);
}

Result<std::vector<ct::NoteKey>> note_keys(const LogRecord& log) {
  std::vector<ct::NoteKey> out;
  const auto add = [&out](Result<ct::NoteKey> key) -> Result<void> {
    if (!key) {
      return invalid_trust("a key of a log");
    }
    out.push_back(*std::move(key));
    return {};
  };
  for (const std::string& vkey : log.cosigners) {
    I2_TRY(add(ct::NoteKey::parse(vkey)));
  }
  I2_TRY(add(crypto::PublicKey::from_spki(log.spki).and_then([&](crypto::PublicKey key) {
    return ct::NoteKey::make(log.origin, ct::NoteKeyType::kTreeHead, std::move(key));
  })));
  return out;
}

Result<CertificateId> certificate_of_key(ByteView key, const Bytes& prefix) {
  wire::Reader r(key.subspan(std::min(key.size(), prefix.size())));
  CertificateId out;
  out.not_after = r.u64();
  out.issuer = r.array<32>();
  out.serial = to_bytes(r.rest());
  if (!r.ok() || out.serial.empty() || out.serial.size() > kSerialSizeMax) {
    return invalid_trust("the name of a certificate");
  }
  return out;
}

Bytes encode(const LogRecord& value) {
  wire::CanonicalWriter w(kLogRecordType, kTrustStateVersion);
  w.text(value.origin);
  w.bytes(value.spki);
  w.count(value.cosigners.size());
  for (const std::string& vkey : value.cosigners) {
    w.text(vkey);
  }
  w.fixed(value.holder.view());
  w.u64(value.epoch);
  w.u64(value.height);
  w.u64(value.since);
  w.u64(value.until);
  w.u64(value.logged_since);
  return std::move(w).take();
}

Result<LogRecord> decode_log_record(ByteView value) {
  wire::CanonicalReader r(value, kLogRecordType, kTrustStateVersion);
  LogRecord out;
  out.origin = r.text(kLogTextSizeMax);
  out.spki = to_bytes(r.bytes(kSpkiSizeMax));
  const std::size_t count = r.count(kCosignersMax);
  for (std::size_t i = 0; i < count && r.ok(); ++i) {
    out.cosigners.push_back(r.text(kLogTextSizeMax));
  }
  out.holder.bytes = r.fixed<32>();
  out.epoch = r.u64();
  out.height = r.u64();
  out.since = r.u64();
  out.until = r.u64();
  out.logged_since = r.u64();
  return r.finish() ? Result<LogRecord>(std::move(out)) : invalid_trust("a log");
}

Bytes encode(const IndexRecord& value) {
  wire::CanonicalWriter w(kIndexRecordType, kTrustStateVersion);
  w.u8(static_cast<std::uint8_t>(value.profile));
  w.fixed(value.key_hash);
  w.fixed(value.requester.view());
  w.u64(value.not_before);
  w.u64(value.log_index);
  w.fixed(value.authority.view());
  return std::move(w).take();
}

Result<IndexRecord> decode_index_record(ByteView value) {
  wire::CanonicalReader r(value, kIndexRecordType, kTrustStateVersion);
  IndexRecord out;
  const auto known = profile(r.u8());
  out.profile = known.value_or(Profile::kNode);
  out.key_hash = r.fixed<32>();
  out.requester.bytes = r.fixed<32>();
  out.not_before = r.u64();
  out.log_index = r.u64();
  out.authority.bytes = r.fixed<32>();
  return r.finish() && known ? Result<IndexRecord>(out) : invalid_trust("a certificate");
}

Bytes encode(const RevocationRecord& value) {
  wire::CanonicalWriter w(kRevocationRecordType, kTrustStateVersion);
  w.u64(value.at);
  w.u8(static_cast<std::uint8_t>(value.reason));
  w.fixed(value.by.view());
  return std::move(w).take();
}

Result<RevocationRecord> decode_revocation_record(ByteView value) {
  wire::CanonicalReader r(value, kRevocationRecordType, kTrustStateVersion);
  RevocationRecord out;
  out.at = r.u64();
  out.reason = read_reason(r);
  out.by.bytes = r.fixed<32>();
  return r.finish() ? Result<RevocationRecord>(out) : invalid_trust("a revocation");
}

Bytes encode(const PinRecord& value) {
  wire::CanonicalWriter w(kPinRecordType, kTrustStateVersion);
  w.boolean(value.enforced);
  w.count(value.issuers.size());
  for (const Hash256& issuer : value.issuers) {
    w.fixed(issuer);
  }
  return std::move(w).take();
}

Result<PinRecord> decode_pin_record(ByteView value) {
  wire::CanonicalReader r(value, kPinRecordType, kTrustStateVersion);
  PinRecord out;
  out.enforced = r.boolean();
  const std::size_t count = r.count(kPinsMax);
  for (std::size_t i = 0; i < count && r.ok(); ++i) {
    out.issuers.push_back(r.fixed<32>());
  }
  return r.finish() ? Result<PinRecord>(std::move(out)) : invalid_trust("pins");
}

Bytes encode(const LogEvidenceRecord& value) {
  wire::CanonicalWriter w(kLogEvidenceRecordType, kTrustStateVersion);
  w.bytes(value.evidence);
  w.u64(value.at);
  w.fixed(value.by.view());
  return std::move(w).take();
}

Result<LogEvidenceRecord> decode_log_evidence_record(ByteView value) {
  wire::CanonicalReader r(value, kLogEvidenceRecordType, kTrustStateVersion);
  LogEvidenceRecord out;
  out.evidence = to_bytes(r.bytes(kLogEvidenceSizeMax));
  out.at = r.u64();
  out.by.bytes = r.fixed<32>();
  return r.finish() ? Result<LogEvidenceRecord>(std::move(out))
                    : invalid_trust("evidence against a log");
}

Bytes encode(const std::vector<StandbyLog>& value) {
  wire::CanonicalWriter w(kLogStandbysType, kTrustStateVersion);
  w.count(value.size());
  for (const StandbyLog& log : value) {
    write_standby(w, log);
  }
  return std::move(w).take();
}

Result<std::vector<StandbyLog>> decode_log_standbys(ByteView value) {
  wire::CanonicalReader r(value, kLogStandbysType, kTrustStateVersion);
  std::vector<StandbyLog> out;
  const std::size_t count = r.count(kLogStandbysMax);
  for (std::size_t i = 0; i < count && r.ok(); ++i) {
    out.push_back(read_standby(r));
  }
  return r.finish() ? Result<std::vector<StandbyLog>>(std::move(out))
                    : invalid_trust("logs that stand by");
}

Result<std::vector<StandbyLog>> TrustState::log_standbys() const {
  I2_TRY_VALUE(auto out, read_optional(state_.get(log_standbys_key()), decode_log_standbys));
  return out ? *std::move(out) : std::vector<StandbyLog>();
}

Bytes encode(const AuthorityEvidenceRecord& value) {
  wire::CanonicalWriter w(kAuthorityEvidenceRecordType, kTrustStateVersion);
  w.fixed(value.issuer);
  w.fixed(value.holder.view());
  w.bytes(value.certificate);
  w.u64(value.at);
  w.fixed(value.by.view());
  return std::move(w).take();
}

Result<AuthorityEvidenceRecord> decode_authority_evidence_record(ByteView value) {
  wire::CanonicalReader r(value, kAuthorityEvidenceRecordType, kTrustStateVersion);
  AuthorityEvidenceRecord out;
  out.issuer = r.fixed<32>();
  out.holder.bytes = r.fixed<32>();
  out.certificate = to_bytes(r.bytes(kMisissuedSizeMax));
  out.at = r.u64();
  out.by.bytes = r.fixed<32>();
  return r.finish() ? Result<AuthorityEvidenceRecord>(std::move(out))
                    : invalid_trust("evidence against an authority");
}

Result<std::vector<AuthorityEvidenceRecord>> TrustState::authority_evidence() const {
  return read_all(state_, authority_evidence_key({}), decode_authority_evidence_record);
}

bool TrustState::is_convicted(const Hash256& issuer) const {
  return state_.get(authority_evidence_key(issuer)).has_value();
}

Result<std::optional<LogEvidenceRecord>> TrustState::log_evidence(std::uint64_t epoch) const {
  return read_optional(state_.get(log_evidence_key(epoch)), decode_log_evidence_record);
}

Result<std::vector<LogRecord>> TrustState::logs() const {
  return read_all(state_, log_key({}), decode_log_record);
}

Result<std::optional<LogRecord>> TrustState::log() const {
  I2_TRY_VALUE(auto all, logs());
  return all.empty() ? std::nullopt : std::optional<LogRecord>(std::move(all.back()));
}

Result<std::optional<IndexRecord>> TrustState::indexed(const CertificateId& id) const {
  return read_optional(state_.get(index_key(id)), decode_index_record);
}

Result<std::optional<RevocationRecord>> TrustState::revoked(const CertificateId& id) const {
  return read_optional(state_.get(revoked_certificate_key(id)), decode_revocation_record);
}

Result<std::optional<RevocationRecord>> TrustState::revoked(const ports::AccountId& account) const {
  return read_optional(state_.get(revoked_account_key(account.view())), decode_revocation_record);
}

Result<std::optional<RevocationRecord>> TrustState::revocation(const CertificateId& id,
                                                               const ports::AccountId& requester,
                                                               UnixMillis not_before) const {
  I2_TRY_VALUE(auto by_id, revoked(id));
  if (by_id) {
    return by_id;
  }
  I2_TRY_VALUE(auto by_account, revoked(requester));
  const bool covered = by_account && not_before + kLeafBackdateMs <= by_account->at;
  return covered ? by_account : std::nullopt;
}

Result<std::optional<PinRecord>> TrustState::pins(const NodeId& node) const {
  return read_optional(state_.get(pin_key(node.view())), decode_pin_record);
}

std::uint64_t TrustState::indexed_count() const {
  return state_.count(index_prefix());
}
std::uint64_t TrustState::revoked_count() const {
  return state_.count(revoked_certificate_prefix());
}
std::uint64_t TrustState::revoked_account_count() const {
  return state_.count(revoked_account_key({}));
}

}  // namespace i2::trustchain
