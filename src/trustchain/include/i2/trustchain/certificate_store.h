// CertificateStore: everything that an authority signed or was about to sign, on disk.
//
// A certificate is there twice: begin() records the intent before anything is signed, finish() what
// came of it before anybody gets it. What a crash leaves in between is found at the next start and
// recorded as abandoned: it may have been signed, and nobody was given it.
//
// Thread-safe. It has no clock: callers pass the time. Formats: docs/wire/trust.md, "Records of an
// authority".
#pragma once

#include <i2/crypto/crl.h>
#include <i2/store/key_value_store.h>
#include <i2/trustchain/audit_log.h>
#include <i2/trustchain/core/issuance.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace i2::trustchain {

inline constexpr std::uint16_t kCertificateRecordType = 0x0118;
inline constexpr std::uint16_t kStoredRevocationType = 0x0119;
inline constexpr std::uint16_t kIssuerRecordType = 0x011b;
inline constexpr std::uint8_t kCrlShards = 16;
inline constexpr std::size_t kListLimitMax = 1000;

enum class RecordState : std::uint8_t {
  kOpen = 1,       // decided
  kIssued = 2,     // signed, stored
  kFailed = 3,     // nobody was given it; an error came in between
  kAbandoned = 4,  // the same, because the process ended
};
[[nodiscard]] std::string_view name(RecordState state);

struct CertificateRecord {
  Intent intent{};
  RecordState state = RecordState::kOpen;
  UnixMillis changed_at = 0;
  Bytes certificate{};                       // DER, of an issued one
  std::optional<std::uint64_t> log_index{};  // of a logged one
  friend bool operator==(const CertificateRecord&, const CertificateRecord&) = default;
};
[[nodiscard]] Bytes encode(const CertificateRecord& record);
// Form only. Error: trust.record_invalid.
[[nodiscard]] Result<CertificateRecord> decode_certificate_record(ByteView encoding);

struct RevokedCertificate {
  Hash256 issuer_key_hash{};
  Bytes serial{};
  crypto::Revocation revocation{};
  UnixMillis not_after = 0;
  friend bool operator==(const RevokedCertificate&, const RevokedCertificate&) = default;
};

// 16 bytes in the form that a certificate has: positive, no zero in front.
[[nodiscard]] Bytes random_certificate_serial();
// The list that has it if it is revoked: fixed for life.
[[nodiscard]] std::uint8_t crl_shard(ByteView serial);

struct CertificateQuery {
  std::string name{};       // one of its names; empty: any
  std::string requester{};  // likewise
  UnixMillis from = 0;      // of the decision
  UnixMillis until = UINT64_MAX;
  std::size_t limit = 100;  // at most kListLimitMax
  Bytes after{};            // where the page before ended
};
struct CertificatePage {
  std::vector<CertificateRecord> records;  // by time
  Bytes next;                              // empty: this was the last page
};

class CertificateStore {
 public:
  // Made if there is none. `backup`: opened for the first time since it was restored, from a backup
  // of that time, which the audit log then says. Errors: trust.record_invalid, store.*.
  [[nodiscard]] static Result<std::unique_ptr<CertificateStore>> open(
      const std::filesystem::path& dir, UnixMillis now, std::optional<UnixMillis> backup = {});
  // How many open intents that found.
  [[nodiscard]] std::size_t abandoned() const { return abandoned_; }

  // Both are on disk, whole, when they return without an error. Errors: store.*.
  [[nodiscard]] Result<void> begin(std::span<const Intent> intents,
                                   std::span<const AuditEntry> audit);
  [[nodiscard]] Result<void> finish(std::span<const CertificateRecord> records,
                                    std::span<const AuditEntry> audit);
  // On disk later, in order.
  [[nodiscard]] Result<void> note(std::span<const AuditEntry> audit);
  // What could be read before is on disk when this returns without an error: a record shows before
  // finish() has returned, and goes on to when finish() fails. Errors: store.*.
  [[nodiscard]] Result<void> sync();

  // What was revoked stays so, with its first reason: those that were revoked by this call. On disk
  // when it returns. Errors: store.*.
  [[nodiscard]] Result<std::vector<RevokedCertificate>> revoke(
      std::span<const CertificateRecord> records, const crypto::Revocation& revocation,
      const AuditEntry& audit);
  [[nodiscard]] Result<std::optional<crypto::Revocation>> revocation(const Hash256& issuer_key_hash,
                                                                     ByteView serial) const;
  // Of one list, or without `shard` of the issuer. Errors: trust.record_invalid, store.*.
  [[nodiscard]] Result<std::vector<RevokedCertificate>> revoked(
      const Hash256& issuer_key_hash, std::optional<std::uint8_t> shard) const;
  // Greater than every one before, and at least `now`, so that a restored authority goes on above
  // those that it made after its backup; on disk when it returns. Errors: store.*.
  [[nodiscard]] Result<std::uint64_t> next_crl_number(const Hash256& issuer_key_hash,
                                                      std::optional<std::uint8_t> shard,
                                                      UnixMillis now);

  // The certificates from an issuer to its root. Errors: store.*.
  [[nodiscard]] Result<void> add_issuer(std::span<const crypto::Certificate> chain);
  // Empty when there is none. Errors: trust.record_invalid, store.*.
  [[nodiscard]] Result<std::vector<crypto::Certificate>> issuer(const Hash256& key_hash) const;

  // What was issued, numbered from 1 on without a gap. How many there are.
  [[nodiscard]] std::uint64_t issued() const { return issued_; }
  // Those after `number`, at most `limit`. Errors: trust.record_invalid, store.*.
  [[nodiscard]] Result<std::vector<CertificateRecord>> issued_after(std::uint64_t number,
                                                                    std::size_t limit) const;
  // Up to which number they are in the fleet's index. Errors: store.*.
  [[nodiscard]] Result<std::uint64_t> indexed() const;
  // On disk when it returns.
  [[nodiscard]] Result<void> set_indexed(std::uint64_t number);

  // Errors: trust.record_invalid, store.*.
  [[nodiscard]] Result<std::optional<CertificateRecord>> find(ByteView serial) const;
  [[nodiscard]] Result<std::optional<CertificateRecord>> find_fingerprint(
      const Hash256& certificate) const;
  [[nodiscard]] Result<CertificatePage> list(const CertificateQuery& query) const;

  // For read_audit() and verify_audit().
  [[nodiscard]] const store::KeyValueStore& database() const { return *store_; }

 private:
  CertificateStore(std::unique_ptr<store::KeyValueStore> store, AuditLog audit)
      : store_(std::move(store)), audit_(std::move(audit)) {}
  [[nodiscard]] Result<void> note_restore(UnixMillis now, UnixMillis backup);
  [[nodiscard]] Result<void> abandon(UnixMillis now, std::string_view rule);
  [[nodiscard]] Result<void> write(store::Batch& batch, std::span<const AuditEntry> audit,
                                   std::span<const CertificateRecord> finished = {});

  std::unique_ptr<store::KeyValueStore> store_;
  std::mutex writing_;  // batches are in the log of the database in the order of the audit log
  AuditLog audit_;
  std::atomic<std::uint64_t> issued_ = 0;  // written with `writing_`
  std::size_t abandoned_ = 0;
};

}  // namespace i2::trustchain
