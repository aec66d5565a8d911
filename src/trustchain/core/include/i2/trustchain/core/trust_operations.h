// The bodies of the operations by which the fleet's state learns of certificates.
// docs/wire/operation.md, "Kinds of trust"; the rules are in trust_module.h.
#pragma once

#include <i2/crypto/crl.h>
#include <i2/ports/state_module.h>
#include <i2/trustchain/core/ct/witness.h>
#include <i2/trustchain/core/hybrid.h>
#include <i2/trustchain/core/misissuance.h>
#include <i2/trustchain/core/profile.h>

#include <compare>
#include <variant>
#include <vector>

namespace i2::trustchain {

inline constexpr std::uint16_t kSetLog = 0x0501;
inline constexpr std::uint16_t kIndexCertificates = 0x0502;
inline constexpr std::uint16_t kRevokeCertificates = 0x0503;
inline constexpr std::uint16_t kRevokeAccount = 0x0504;
inline constexpr std::uint16_t kSetPins = 0x0505;
inline constexpr std::uint16_t kLogEvidence = 0x0506;
inline constexpr std::uint16_t kLogStandby = 0x0507;
inline constexpr std::uint16_t kAuthorityEvidence = 0x0508;

inline constexpr std::size_t kSerialSizeMax = 20;  // RFC 5280 §4.1.2.2
inline constexpr std::size_t kCertificatesPerOperationMax = 256;
inline constexpr std::size_t kCosignersMax = 4;
inline constexpr std::size_t kLogStandbysMax = 4;
inline constexpr std::size_t kPinsMax = 8;
inline constexpr std::size_t kLogEvidenceSizeMax = 32 * 1024;  // encoded

// Names a certificate for good. With the end of its validity in front: so they are forgotten.
struct CertificateId {
  UnixMillis not_after = 0;
  Hash256 issuer{};  // SHA-256 of the issuer's SPKI
  Bytes serial;      // 1 to 20 bytes, without leading zeros, as Certificate::serial() has it
  friend auto operator<=>(const CertificateId&, const CertificateId&) = default;
  friend bool operator==(const CertificateId&, const CertificateId&) = default;
};
[[nodiscard]] CertificateId certificate_id(const crypto::Certificate& certificate,
                                           const Hash256& issuer);

// The log in which the fleet's certificates are. Of two records the one with the higher epoch
// counts; who has a lower one writes no more. A standby orders it for its own log, with the next
// epoch; everybody else needs operators.
struct SetLog {
  std::string origin;
  Bytes spki;                          // ECDSA P-256
  std::vector<std::string> cosigners;  // vkeys of the log's other signatures (ct/note_key.h)
  NodeId holder;
  std::uint64_t epoch = 1;
};

struct IndexEntry {
  UnixMillis not_after = 0;
  Bytes serial;
  Profile profile = Profile::kNode;
  Hash256 key_hash{};  // SHA-256 of the subject's SPKI
  ports::AccountId requester;
  UnixMillis not_before = 0;
  std::uint64_t log_index = kNotLogged;
  static constexpr std::uint64_t kNotLogged = UINT64_MAX;
};
// Certificates that one authority has issued; ascending by end and serial.
struct IndexCertificates {
  Hash256 issuer{};
  std::vector<IndexEntry> entries;
};

struct RevokeCertificates {
  crypto::RevocationReason reason = crypto::RevocationReason::kUnspecified;
  std::vector<CertificateId> certificates;  // ascending
};

// All that have been issued to the account until the block that orders this.
struct RevokeAccount {
  ports::AccountId account;
  crypto::RevocationReason reason = crypto::RevocationReason::kUnspecified;
};

// Which authorities' certificates a member may show.
struct SetPins {
  NodeId node;
  bool enforced = false;         // else only reported
  std::vector<Hash256> issuers;  // SHA-256 of SPKIs, ascending; none: no pins any more
};

// That a key of one of the fleet's logs signed two trees.
struct LogEvidence {
  ct::SplitView evidence;
};

// A log that is ready to become the fleet's without operators, on a node that they trust with it.
struct StandbyLog {
  NodeId node;
  std::string origin;                  // these as in SetLog
  Bytes spki;                          //
  std::vector<std::string> cosigners;  //
  friend bool operator==(const StandbyLog&, const StandbyLog&) = default;
};
// Names it, behind those that are named already or in the place of the node's former one; without a
// log: takes the node's back.
struct SetLogStandby {
  StandbyLog log;
  [[nodiscard]] bool removes() const { return log.spki.empty(); }
};

// That an authority issued a certificate which the state does not authorise (misissuance.h).
struct AuthorityEvidence {
  Bytes certificate;  // DER; a precertificate does as well
};

using TrustOperation = std::variant<SetLog, IndexCertificates, RevokeCertificates, RevokeAccount,
                                    SetPins, LogEvidence, SetLogStandby, AuthorityEvidence>;

[[nodiscard]] std::uint16_t kind_of(const TrustOperation& operation);
// Whether such an operation is signed with Falcon too. There are many of the others.
[[nodiscard]] constexpr bool is_high(std::uint16_t kind) {
  return kind != kIndexCertificates;
}
[[nodiscard]] Bytes encode(const TrustOperation& operation);
// Form only. Error: fleet.operation_malformed, also for a kind that is not of these.
[[nodiscard]] Result<TrustOperation> decode_trust_operation(std::uint16_t kind, ByteView body);

// As fields: trust_state.cc has them too.
void write_standby(wire::CanonicalWriter& w, const StandbyLog& log);
[[nodiscard]] StandbyLog read_standby(wire::CanonicalReader& r);
[[nodiscard]] crypto::RevocationReason read_reason(wire::CanonicalReader& r);

}  // namespace i2::trustchain
