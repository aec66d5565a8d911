// What the fleet's state says of certificates: the log they are in, which ones there are, which are
// revoked, which authorities a member is pinned to. Keys and values: docs/wire/state.md, "Trust".
//
// Values were written by trust_module.cc. They are decoded with errors all the same: a snapshot
// comes from another node.
#pragma once

#include <i2/trustchain/core/trust_operations.h>

#include <optional>

namespace i2::trustchain {

inline constexpr std::string_view kTrustModule = "trust";

struct LogRecord {
  std::string origin;
  Bytes spki;
  std::vector<std::string> cosigners;
  NodeId holder;
  std::uint64_t epoch = 1;
  std::uint64_t height = 0;     // of the block that made it the fleet's log
  UnixMillis since = 0;         // the time of that block
  UnixMillis until = 0;         // of the block that put another in its place; 0: none has
  UnixMillis logged_since = 0;  // `since` of the fleet's first log: from then on all are logged
  friend bool operator==(const LogRecord&, const LogRecord&) = default;
};

struct IndexRecord {
  Profile profile = Profile::kNode;
  Hash256 key_hash{};
  ports::AccountId requester;
  UnixMillis not_before = 0;
  std::uint64_t log_index = IndexEntry::kNotLogged;
  ports::AccountId authority;  // who has issued it
  friend bool operator==(const IndexRecord&, const IndexRecord&) = default;
};

// Of a certificate, or of all that an account had until then.
struct RevocationRecord {
  UnixMillis at = 0;
  crypto::RevocationReason reason = crypto::RevocationReason::kUnspecified;
  ports::AccountId by;
  friend bool operator==(const RevocationRecord&, const RevocationRecord&) = default;
};

struct PinRecord {
  bool enforced = false;
  std::vector<Hash256> issuers;
  friend bool operator==(const PinRecord&, const PinRecord&) = default;
};

// The first that came against a log.
struct LogEvidenceRecord {
  Bytes evidence;  // encoded ct::SplitView
  UnixMillis at = 0;
  ports::AccountId by;
  friend bool operator==(const LogEvidenceRecord&, const LogEvidenceRecord&) = default;
};

// The first that came against an authority's key.
struct AuthorityEvidenceRecord {
  Hash256 issuer{};   // SHA-256 of the key's SPKI
  NodeId holder;      // of the anchor
  Bytes certificate;  // DER, as misissuance.h has it
  UnixMillis at = 0;
  ports::AccountId by;
  friend bool operator==(const AuthorityEvidenceRecord&, const AuthorityEvidenceRecord&) = default;
};

// All keys with which the log signs a head: first its cosigners, then its own.
// Error: fleet.state_invalid.
[[nodiscard]] Result<std::vector<ct::NoteKey>> note_keys(const LogRecord& log);

// Keys. Those of certificates ascend by the end of their validity.
[[nodiscard]] Bytes log_key(std::optional<std::uint64_t> epoch);
[[nodiscard]] Bytes index_prefix();
[[nodiscard]] Bytes index_key(const CertificateId& id);
[[nodiscard]] Bytes revoked_certificate_prefix();
[[nodiscard]] Bytes revoked_certificate_key(const CertificateId& id);
[[nodiscard]] Bytes revoked_account_key(ByteView account_or_empty);
[[nodiscard]] Bytes pin_key(ByteView node_or_empty);
[[nodiscard]] Bytes log_evidence_key(std::optional<std::uint64_t> epoch);
[[nodiscard]] Bytes log_standbys_key();
[[nodiscard]] Bytes authority_evidence_key(ByteView issuer_or_empty);
// The certificate of a key that begins with one of the two prefixes. Error: fleet.state_invalid.
[[nodiscard]] Result<CertificateId> certificate_of_key(ByteView key, const Bytes& prefix);

// Values.
[[nodiscard]] Bytes encode(const LogRecord& value);
[[nodiscard]] Bytes encode(const IndexRecord& value);
[[nodiscard]] Bytes encode(const RevocationRecord& value);
[[nodiscard]] Bytes encode(const PinRecord& value);
[[nodiscard]] Bytes encode(const LogEvidenceRecord& value);
[[nodiscard]] Bytes encode(const std::vector<StandbyLog>& value);
[[nodiscard]] Bytes encode(const AuthorityEvidenceRecord& value);
// Error: fleet.state_invalid.
[[nodiscard]] Result<LogRecord> decode_log_record(ByteView value);
[[nodiscard]] Result<IndexRecord> decode_index_record(ByteView value);
[[nodiscard]] Result<RevocationRecord> decode_revocation_record(ByteView value);
[[nodiscard]] Result<PinRecord> decode_pin_record(ByteView value);
[[nodiscard]] Result<LogEvidenceRecord> decode_log_evidence_record(ByteView value);
[[nodiscard]] Result<std::vector<StandbyLog>> decode_log_standbys(ByteView value);
[[nodiscard]] Result<AuthorityEvidenceRecord> decode_authority_evidence_record(ByteView value);

// Typed reading. Every function: fleet.state_invalid for a value that cannot be read; absence is
// not an error where the result is optional.
class TrustState {
 public:
  // `state` must outlive this view.
  explicit TrustState(const ports::StateReader& state) : state_(state) {}

  // Ascending by epoch: the last one is the fleet's log, the others have been.
  [[nodiscard]] Result<std::vector<LogRecord>> logs() const;
  [[nodiscard]] Result<std::optional<LogRecord>> log() const;
  // By rank: the first one takes over first.
  [[nodiscard]] Result<std::vector<StandbyLog>> log_standbys() const;
  // Of a log that the state still names.
  [[nodiscard]] Result<std::optional<LogEvidenceRecord>> log_evidence(std::uint64_t epoch) const;
  // Ascending by key; also of authorities that are none any more.
  [[nodiscard]] Result<std::vector<AuthorityEvidenceRecord>> authority_evidence() const;
  [[nodiscard]] bool is_convicted(const Hash256& issuer) const;
  [[nodiscard]] Result<std::optional<IndexRecord>> indexed(const CertificateId& id) const;
  [[nodiscard]] Result<std::optional<RevocationRecord>> revoked(const CertificateId& id) const;
  [[nodiscard]] Result<std::optional<RevocationRecord>> revoked(
      const ports::AccountId& account) const;
  // The first of the two that holds for a certificate with this requester.
  [[nodiscard]] Result<std::optional<RevocationRecord>> revocation(
      const CertificateId& id, const ports::AccountId& requester, UnixMillis not_before) const;
  [[nodiscard]] Result<std::optional<PinRecord>> pins(const NodeId& node) const;
  [[nodiscard]] std::uint64_t indexed_count() const;
  [[nodiscard]] std::uint64_t revoked_count() const;
  [[nodiscard]] std::uint64_t revoked_account_count() const;

 private:
  const ports::StateReader& state_;
};

}  // namespace i2::trustchain
