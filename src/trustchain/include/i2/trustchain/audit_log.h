// AuditLog: what an authority decided, every entry tied to the one before by its hash.
//
// The entries lie in the database of the authority and are written in the same batch as what they
// are about. Who has the head of an earlier day (verify() gives it) sees whether anything before it
// was changed or taken away; docs/wire/trust.md, "Audit entry".
//
// Staging belongs to the one writer of the database; reading is thread-safe.
#pragma once

#include <i2/base/clock.h>
#include <i2/store/key_value_store.h>
#include <i2/trustchain/core/hybrid.h>

#include <functional>
#include <optional>
#include <span>
#include <string>

namespace i2::trustchain {

inline constexpr Domain kAuditDomain{"i2/audit/v1"};
inline constexpr std::uint16_t kAuditEntryType = 0x011a;
inline constexpr std::size_t kAuditTextSizeMax = 1024;

enum class AuditOutcome : std::uint8_t { kAllowed = 1, kRefused = 2, kFailed = 3 };
// "allowed", ...
[[nodiscard]] std::string_view name(AuditOutcome outcome);
[[nodiscard]] std::optional<AuditOutcome> audit_outcome(std::string_view name);

struct AuditEntry {
  std::uint64_t number = 0;  // from 1 on, without a gap; set by the log
  Hash256 previous{};        // the hash of the entry before, zeros for the first; set by the log
  UnixMillis at = 0;
  std::string actor{};    // who asked: a member, an account, "console", "token NAME"
  std::string action{};   // "issue", "revoke", "abandon"; of a decision the permission
  std::string subject{};  // a serial in hexadecimal digits, or the name that was asked for
  AuditOutcome outcome = AuditOutcome::kAllowed;
  std::string rule{};  // what decided: a rule of the policy, or the code of an error
  friend bool operator==(const AuditEntry&, const AuditEntry&) = default;
};
// Texts are cut to kAuditTextSizeMax, at the end of a character.
[[nodiscard]] Bytes encode(const AuditEntry& entry);
// Form only. Error: trust.record_invalid.
[[nodiscard]] Result<AuditEntry> decode_audit_entry(ByteView encoding);

class AuditLog {
 public:
  struct Head {
    std::uint64_t number = 0;  // of the last entry; 0: there is none
    Hash256 hash{};
    friend bool operator==(const Head&, const Head&) = default;
  };
  // Errors: trust.record_invalid, store.*.
  [[nodiscard]] static Result<AuditLog> open(const store::KeyValueStore& store);

  [[nodiscard]] const Head& head() const { return head_; }
  // Puts `entries` behind the head; advance() when the batch has been committed.
  [[nodiscard]] Head stage(store::Batch& batch, std::span<const AuditEntry> entries) const;
  void advance(const Head& head) { head_ = head; }

 private:
  explicit AuditLog(const Head& head) : head_(head) {}
  Head head_;
};

// Checks entries one after another, from the first one on, wherever they are kept.
class AuditChain {
 public:
  // Error: trust.audit_broken: it was changed, or one is missing before it.
  [[nodiscard]] Result<void> follow(const AuditEntry& entry);
  [[nodiscard]] const AuditLog::Head& head() const { return head_; }

 private:
  AuditLog::Head head_;
};

// The entries from number `from` on, until `visit` says false. Errors: trust.record_invalid,
// store.*.
[[nodiscard]] Result<void> read_audit(const store::KeyValueStore& store, std::uint64_t from,
                                      const std::function<bool(const AuditEntry&)>& visit);
// Whether every entry is there and follows from the one before, and `known`, the head of an earlier
// day, is among them; the head. Error: trust.audit_broken, store.*.
[[nodiscard]] Result<AuditLog::Head> verify_audit(const store::KeyValueStore& store,
                                                  const AuditLog::Head& known = {});

}  // namespace i2::trustchain
