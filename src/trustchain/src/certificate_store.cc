#include <i2/crypto/hash.h>
#include <i2/trustchain/certificate_store.h>

#include <algorithm>

#include "keys.h"

namespace i2::trustchain {
namespace {

constexpr std::uint16_t kVersion = 1;
constexpr std::uint8_t kWholeList = 255;      // instead of a shard
constexpr std::size_t kExaminedMax = 10'000;  // records that one page looks at
constexpr std::size_t kChainMax = 8;
constexpr std::size_t kIssuerSizeMax = 64 * 1024;
constexpr std::size_t kSerialSize = 16;

Bytes text_key(Table table, std::string_view text, ByteView time = {}, ByteView serial = {}) {
  constexpr std::array<std::uint8_t, 1> kEnd{};
  return key_in(table, {as_bytes(text), kEnd, time, serial});
}

std::vector<std::string> names_of(const Intent& intent) {
  std::vector<std::string> out = intent.dns_names;
  if (!std::ranges::contains(out, intent.common_name)) {
    out.push_back(intent.common_name);
  }
  return out;
}

void put_intent(store::Batch& batch, const Intent& intent) {
  const Bytes time = big_endian(intent.decided_at);
  batch.put(key_in(Table::kCertificate, {intent.serial}),
            encode(CertificateRecord{.intent = intent, .changed_at = intent.decided_at}));
  batch.put(key_in(Table::kOpen, {intent.serial}), {});
  batch.put(key_in(Table::kTime, {time, intent.serial}), {});
  batch.put(text_key(Table::kRequester, intent.requester, time, intent.serial), {});
  for (const std::string& one : names_of(intent)) {
    batch.put(text_key(Table::kName, one, time, intent.serial), {});
  }
}

void put_outcome(store::Batch& batch, const CertificateRecord& record) {
  const Bytes& serial = record.intent.serial;
  batch.put(key_in(Table::kCertificate, {serial}), encode(record));
  batch.erase(key_in(Table::kOpen, {serial}));
  if (record.state == RecordState::kIssued) {
    batch.put(key_in(Table::kFingerprint, {crypto::sha256(record.certificate)}), serial);
  }
}

Bytes list_key(Table table, const Hash256& issuer, std::uint8_t shard, ByteView serial = {}) {
  return key_in(table, {issuer, ByteView(&shard, 1), serial});
}

Bytes encode_revocation(const RevokedCertificate& revoked) {
  wire::CanonicalWriter w(kStoredRevocationType, kVersion);
  w.u64(revoked.revocation.revoked_at);
  w.u8(static_cast<std::uint8_t>(revoked.revocation.reason));
  w.u64(revoked.not_after);
  return std::move(w).take();
}

Result<RevokedCertificate> decode_revocation(ByteView encoding) {
  wire::CanonicalReader r(encoding, kStoredRevocationType, kVersion);
  RevokedCertificate out;
  out.revocation.revoked_at = r.u64();
  const auto reason = crypto::revocation_reason(r.u8());
  out.not_after = r.u64();
  if (!r.finish() || !reason) {
    return fail("trust.record_invalid", "the record of a revocation is malformed");
  }
  out.revocation.reason = *reason;
  return out;
}

// The table that answers `query`, narrowed down as far as it goes.
Bytes index_of(const CertificateQuery& query) {
  if (!query.requester.empty()) {
    return text_key(Table::kRequester, query.requester);
  }
  return query.name.empty() ? key_in(Table::kTime) : text_key(Table::kName, query.name);
}

}  // namespace

Result<std::unique_ptr<CertificateStore>> CertificateStore::open(const std::filesystem::path& dir,
                                                                 UnixMillis now,
                                                                 std::optional<UnixMillis> backup) {
  using store::KeyValueStore;
  I2_TRY_VALUE(auto database, KeyValueStore::open(dir, KeyValueStore::Mode::kCreate));
  I2_TRY_VALUE(auto audit, AuditLog::open(*database));
  std::unique_ptr<CertificateStore> out(
      new CertificateStore(std::move(database), std::move(audit)));
  constexpr std::array<std::uint8_t, 8> kLast{255, 255, 255, 255, 255, 255, 255, 255};
  I2_TRY_VALUE(const auto last,
               out->store_->last_to(key_in(Table::kIssued, {kLast}), key_in(Table::kIssued)));
  out->issued_ = last ? wire::Reader(ByteView(last->key).subspan(1)).u64() : 0;
  if (backup) {
    I2_TRY(out->note_restore(now, *backup));
  }
  I2_TRY(out->abandon(now, backup ? "restore" : "restart"));
  return out;
}

// What came after the backup is in no record, and the numbers of its audit entries come again.
Result<void> CertificateStore::note_restore(UnixMillis now, UnixMillis backup) {
  const AuditEntry entry{.at = now,
                         .actor = "console",
                         .action = "restore",
                         .subject = "backup of " + std::to_string(backup),
                         .outcome = AuditOutcome::kAllowed,
                         .rule = "restore"};
  I2_TRY(note({&entry, 1}));
  return store_->sync();
}

Result<void> CertificateStore::abandon(UnixMillis now, std::string_view rule) {
  std::vector<CertificateRecord> left;
  std::vector<AuditEntry> audit;
  std::vector<Bytes> serials;
  I2_TRY(store_->scan(key_in(Table::kOpen), [&serials](ByteView key, ByteView) {
    serials.push_back(to_bytes(key.subspan(1)));
    return true;
  }));
  for (const Bytes& serial : serials) {
    I2_TRY_VALUE(auto record, find(serial));
    if (!record) {
      return fail("trust.record_invalid", "the intent of " + to_hex(serial) + " is missing");
    }
    record->state = RecordState::kAbandoned;
    record->changed_at = now;
    audit.push_back({.at = now,
                     .actor = record->intent.requester,
                     .action = "abandon",
                     .subject = to_hex(serial),
                     .outcome = AuditOutcome::kFailed,
                     .rule = std::string(rule)});
    left.push_back(*std::move(record));
  }
  abandoned_ = left.size();
  return left.empty() ? Result<void>() : finish(left, audit);
}

Result<void> CertificateStore::write(store::Batch& batch, std::span<const AuditEntry> audit,
                                     std::span<const CertificateRecord> finished) {
  const std::scoped_lock lock(writing_);
  const AuditLog::Head head = audit_.stage(batch, audit);
  std::uint64_t issued = issued_;
  for (const CertificateRecord& record : finished) {
    if (record.state == RecordState::kIssued) {
      batch.put(key_in(Table::kIssued, {big_endian(++issued)}), record.intent.serial);
    }
  }
  I2_TRY(store_->commit(batch, store::KeyValueStore::Durability::kLater));
  audit_.advance(head);
  issued_ = issued;
  return {};
}

Result<void> CertificateStore::begin(std::span<const Intent> intents,
                                     std::span<const AuditEntry> audit) {
  store::Batch batch;
  for (const Intent& intent : intents) {
    put_intent(batch, intent);
  }
  I2_TRY(write(batch, audit));
  return store_->sync();
}

Result<void> CertificateStore::finish(std::span<const CertificateRecord> records,
                                      std::span<const AuditEntry> audit) {
  store::Batch batch;
  for (const CertificateRecord& record : records) {
    put_outcome(batch, record);
  }
  I2_TRY(write(batch, audit, records));
  return store_->sync();
}

Result<void> CertificateStore::sync() {
  return store_->sync();
}

Result<void> CertificateStore::note(std::span<const AuditEntry> audit) {
  store::Batch batch;
  return write(batch, audit);
}

Result<std::vector<RevokedCertificate>> CertificateStore::revoke(
    std::span<const CertificateRecord> records, const crypto::Revocation& revocation,
    const AuditEntry& audit) {
  std::vector<RevokedCertificate> out;
  {
    const std::scoped_lock lock(writing_);
    store::Batch batch;
    std::vector<AuditEntry> entries;
    for (const CertificateRecord& record : records) {
      const Intent& intent = record.intent;
      const Bytes key = list_key(Table::kRevoked, intent.issuer_key_hash, crl_shard(intent.serial),
                                 intent.serial);
      I2_TRY_VALUE(const auto present, store_->get(key));
      if (present) {
        continue;
      }
      out.push_back({.issuer_key_hash = intent.issuer_key_hash,
                     .serial = intent.serial,
                     .revocation = revocation,
                     .not_after = intent.not_after});
      batch.put(key, encode_revocation(out.back()));
      entries.push_back(audit);
      entries.back().subject = to_hex(intent.serial);
    }
    const AuditLog::Head head = audit_.stage(batch, entries);
    I2_TRY(store_->commit(batch, store::KeyValueStore::Durability::kSynced));
    audit_.advance(head);
  }
  return out;
}

Result<std::optional<crypto::Revocation>> CertificateStore::revocation(
    const Hash256& issuer_key_hash, ByteView serial) const {
  I2_TRY_VALUE(const auto value,
               store_->get(list_key(Table::kRevoked, issuer_key_hash, crl_shard(serial), serial)));
  if (!value) {
    return std::nullopt;
  }
  I2_TRY_VALUE(const auto decoded, decode_revocation(*value));
  return decoded.revocation;
}

Result<std::vector<RevokedCertificate>> CertificateStore::revoked(
    const Hash256& issuer_key_hash, std::optional<std::uint8_t> shard) const {
  std::vector<RevokedCertificate> out;
  Result<void> read;
  const Bytes issuer = key_in(Table::kRevoked, {issuer_key_hash});
  const Bytes prefix = shard ? list_key(Table::kRevoked, issuer_key_hash, *shard) : issuer;
  I2_TRY(store_->scan(prefix, [&](ByteView key, ByteView value) {
    auto one = decode_revocation(value);
    if (!one) {
      read = fail(std::move(one).error());
      return false;
    }
    one->issuer_key_hash = issuer_key_hash;
    one->serial = to_bytes(key.subspan(issuer.size() + 1));
    out.push_back(*std::move(one));
    return true;
  }));
  I2_TRY(read);
  return out;
}

Result<std::uint64_t> CertificateStore::next_crl_number(const Hash256& issuer_key_hash,
                                                        std::optional<std::uint8_t> shard,
                                                        UnixMillis now) {
  const std::scoped_lock lock(writing_);
  const Bytes key = list_key(Table::kCrlNumber, issuer_key_hash, shard.value_or(kWholeList));
  I2_TRY_VALUE(const auto value, store_->get(key));
  // RFC 5280 §5.2.3: also greater than those of which a restored database knows nothing.
  const std::uint64_t number = std::max(now, value ? wire::Reader(*value).u64() + 1 : 1);
  store::Batch batch;
  batch.put(key, big_endian(number));
  I2_TRY(store_->commit(batch));
  return number;
}

Result<void> CertificateStore::add_issuer(std::span<const crypto::Certificate> chain) {
  wire::CanonicalWriter w(kIssuerRecordType, kVersion);
  w.count(chain.size());
  for (const crypto::Certificate& certificate : chain) {
    w.bytes(certificate.der());
  }
  const Bytes key = key_in(Table::kIssuer, {chain.front().public_key().spki_sha256()});
  store::Batch batch;
  batch.put(key, std::move(w).take());
  return store_->commit(batch);
}

Result<std::vector<crypto::Certificate>> CertificateStore::issuer(const Hash256& key_hash) const {
  std::vector<crypto::Certificate> out;
  I2_TRY_VALUE(const auto value, store_->get(key_in(Table::kIssuer, {key_hash})));
  if (!value) {
    return out;
  }
  wire::CanonicalReader r(*value, kIssuerRecordType, kVersion);
  for (std::size_t left = r.count(kChainMax); left > 0; --left) {
    if (auto one = crypto::Certificate::from_der(r.bytes(kIssuerSizeMax))) {
      out.push_back(*std::move(one));
    } else {
      r.fail();
    }
  }
  if (!r.finish()) {
    return fail("trust.record_invalid", "the record of an issuer is malformed");
  }
  return out;
}

Result<std::vector<CertificateRecord>> CertificateStore::issued_after(std::uint64_t number,
                                                                      std::size_t limit) const {
  std::vector<Bytes> serials;
  I2_TRY(store_->scan_from(key_in(Table::kIssued, {big_endian(number + 1)}), key_in(Table::kIssued),
                           [&](ByteView, ByteView serial) {
                             serials.push_back(to_bytes(serial));
                             return serials.size() < limit;
                           }));
  std::vector<CertificateRecord> out;
  for (const Bytes& serial : serials) {
    I2_TRY_VALUE(auto record, find(serial));
    if (!record) {
      return fail("trust.record_invalid", "the record of " + to_hex(serial) + " is missing");
    }
    out.push_back(*std::move(record));
  }
  return out;
}

Result<std::uint64_t> CertificateStore::indexed() const {
  I2_TRY_VALUE(const auto value, store_->get(key_in(Table::kIndexed)));
  return value ? wire::Reader(*value).u64() : 0;
}

Result<void> CertificateStore::set_indexed(std::uint64_t number) {
  store::Batch batch;
  batch.put(key_in(Table::kIndexed), big_endian(number));
  return store_->commit(batch);
}

Result<std::optional<CertificateRecord>> CertificateStore::find(ByteView serial) const {
  I2_TRY_VALUE(const auto value, store_->get(key_in(Table::kCertificate, {serial})));
  if (!value) {
    return std::nullopt;
  }
  return decode_certificate_record(*value);
}

Result<std::optional<CertificateRecord>> CertificateStore::find_fingerprint(
    const Hash256& certificate) const {
  I2_TRY_VALUE(const auto serial, store_->get(key_in(Table::kFingerprint, {certificate})));
  if (!serial) {
    return std::nullopt;
  }
  return find(*serial);
}

Result<CertificatePage> CertificateStore::list(const CertificateQuery& query) const {
  const Bytes prefix = index_of(query);
  Bytes first = prefix;
  append(first, big_endian(query.from));
  if (!query.after.empty()) {
    first = prefix;
    append(first, query.after);
    first.push_back(0);
  }
  const std::size_t limit = std::clamp<std::size_t>(query.limit, 1, kListLimitMax);
  CertificatePage out;
  Result<void> read;
  std::size_t examined = 0;
  Bytes last;
  I2_TRY(store_->scan_from(first, prefix, [&](ByteView key, ByteView) {
    const ByteView place = key.subspan(prefix.size());
    wire::Reader r(place);
    if (r.u64() >= query.until) {
      return false;
    }
    if (r.rest().size() != kSerialSize) {
      return true;  // of a text that has a zero in it
    }
    if (out.records.size() == limit || ++examined > kExaminedMax) {
      out.next = last;
      return false;
    }
    auto record = find(r.rest());
    if (!record) {
      read = fail(std::move(record).error());
      return false;
    }
    last = to_bytes(place);
    if (*record &&
        (query.name.empty() || std::ranges::contains(names_of((*record)->intent), query.name))) {
      out.records.push_back(**std::move(record));
    }
    return true;
  }));
  I2_TRY(read);
  return out;
}

}  // namespace i2::trustchain
