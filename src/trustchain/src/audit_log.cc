#include <i2/trustchain/audit_log.h>

#include <algorithm>

#include "keys.h"

namespace i2::trustchain {
namespace {

constexpr std::uint16_t kAuditVersion = 1;

// The beginning of `text` that fits and is whole characters.
std::string_view cut(std::string_view text) {
  std::size_t size = std::min(text.size(), kAuditTextSizeMax);
  constexpr unsigned kContinuation = 0x80;
  while (size < text.size() && size > 0 &&
         (static_cast<unsigned char>(text[size]) & 0xc0U) == kContinuation) {
    --size;
  }
  return text.substr(0, size);
}

Result<AuditLog::Head> head_of(const std::optional<store::KeyValueStore::Pair>& last) {
  if (!last) {
    return AuditLog::Head{};
  }
  I2_TRY_VALUE(const AuditEntry entry, decode_audit_entry(last->value));
  return AuditLog::Head{.number = entry.number, .hash = object_id(kAuditDomain, last->value)};
}

}  // namespace

std::string_view name(AuditOutcome outcome) {
  switch (outcome) {
    case AuditOutcome::kAllowed:
      return "allowed";
    case AuditOutcome::kRefused:
      return "refused";
    case AuditOutcome::kFailed:
      return "failed";
  }
  return "failed";
}

std::optional<AuditOutcome> audit_outcome(std::string_view text) {
  for (const auto one : {AuditOutcome::kAllowed, AuditOutcome::kRefused, AuditOutcome::kFailed}) {
    if (name(one) == text) {
      return one;
    }
  }
  return std::nullopt;
}

Result<void> AuditChain::follow(const AuditEntry& entry) {
  if (entry.number != head_.number + 1 || entry.previous != head_.hash) {
    return fail("trust.audit_broken", "entry " + std::to_string(head_.number + 1) +
                                          " of the audit log was changed, or is missing");
  }
  head_ = {.number = entry.number, .hash = object_id(kAuditDomain, encode(entry))};
  return {};
}

Bytes encode(const AuditEntry& entry) {
  wire::CanonicalWriter w(kAuditEntryType, kAuditVersion);
  w.u64(entry.number);
  w.fixed(entry.previous);
  w.u64(entry.at);
  w.text(cut(entry.actor));
  w.text(cut(entry.action));
  w.text(cut(entry.subject));
  w.u8(static_cast<std::uint8_t>(entry.outcome));
  w.text(cut(entry.rule));
  return std::move(w).take();
}

Result<AuditEntry> decode_audit_entry(ByteView encoding) {
  wire::CanonicalReader r(encoding, kAuditEntryType, kAuditVersion);
  AuditEntry out;
  out.number = r.u64();
  out.previous = r.fixed<32>();
  out.at = r.u64();
  out.actor = r.text(kAuditTextSizeMax);
  out.action = r.text(kAuditTextSizeMax);
  out.subject = r.text(kAuditTextSizeMax);
  const std::uint8_t outcome = r.u8();
  out.rule = r.text(kAuditTextSizeMax);
  if (!r.finish() || outcome < 1 || outcome > 3) {
    return fail("trust.record_invalid", "an entry of the audit log is malformed");
  }
  out.outcome = static_cast<AuditOutcome>(outcome);
  return out;
}

Result<AuditLog> AuditLog::open(const store::KeyValueStore& store) {
  const Bytes prefix = key_in(Table::kAudit);
  I2_TRY_VALUE(const auto last,
               store.last_to(key_in(Table::kAudit, {big_endian(UINT64_MAX)}), prefix));
  I2_TRY_VALUE(const Head head, head_of(last));
  return AuditLog(head);
}

AuditLog::Head AuditLog::stage(store::Batch& batch, std::span<const AuditEntry> entries) const {
  Head head = head_;
  for (AuditEntry entry : entries) {
    entry.number = head.number + 1;
    entry.previous = head.hash;
    Bytes encoding = encode(entry);
    head = {.number = entry.number, .hash = object_id(kAuditDomain, encoding)};
    batch.put(key_in(Table::kAudit, {big_endian(entry.number)}), std::move(encoding));
  }
  return head;
}

Result<void> read_audit(const store::KeyValueStore& store, std::uint64_t from,
                        const std::function<bool(const AuditEntry&)>& visit) {
  Result<void> out;
  const Bytes prefix = key_in(Table::kAudit);
  I2_TRY(store.scan_from(key_in(Table::kAudit, {big_endian(from)}), prefix,
                         [&](ByteView, ByteView value) {
                           const auto entry = decode_audit_entry(value);
                           if (!entry) {
                             out = fail(entry.error());
                             return false;
                           }
                           return visit(*entry);
                         }));
  return out;
}

Result<AuditLog::Head> verify_audit(const store::KeyValueStore& store,
                                    const AuditLog::Head& known) {
  AuditChain chain;
  Result<void> found =
      known.number == 0
          ? Result<void>()
          : fail("trust.audit_broken", "the audit log ends before entry " +
                                           std::to_string(known.number) + ", which is known");
  Result<void> followed;
  I2_TRY(store.scan(key_in(Table::kAudit), [&](ByteView, ByteView value) {
    // One that cannot be read has number 0, which follows nothing.
    followed = chain.follow(decode_audit_entry(value).value_or(AuditEntry{}));
    const AuditLog::Head& head = chain.head();
    if (followed && head.number == known.number) {
      found = head == known ? Result<void>()
                            : fail("trust.audit_broken", "entry " + std::to_string(head.number) +
                                                             " of the audit log is not the known "
                                                             "one");
    }
    return followed.has_value();
  }));
  I2_TRY(followed);
  I2_TRY(found);
  return chain.head();
}

}  // namespace i2::trustchain
