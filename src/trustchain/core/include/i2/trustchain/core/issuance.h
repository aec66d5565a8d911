// Issuing a certificate as separate steps, each a pure function of values that can be stored:
//
//   decide()    policy and proof of possession; what will be made, as an Intent. Store it first: a
//               crash after this point leaves a record of everything that was or may be signed.
//   prepare()   the bytes that the intent means, unsigned, linted.
//   sign()      the first signature: a precertificate, or without a log the certificate.
//   complete()  the certificate, from its precertificate and the SCTs of a log.
//
// docs/wire/trust.md, "Issuing intent".
#pragma once

#include <i2/base/clock.h>
#include <i2/crypto/x509.h>
#include <i2/trustchain/core/anchor.h>
#include <i2/trustchain/core/policy.h>
#include <i2/trustchain/core/profile.h>

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace i2::trustchain {

inline constexpr std::size_t kIntentSizeMax = 64 * 1024;
inline constexpr std::size_t kRequesterSizeMax = 256;
inline constexpr std::size_t kUrlSizeMax = 1024;

// A key that signs certificates, and within which limits.
struct Issuer {
  crypto::Certificate certificate{};
  crypto::PrivateKey key{};
  UnixMillis not_before = 0;  // issues from the first to just before the second
  UnixMillis not_after = 0;
  UnixMillis leaf_life_ms_max = kLeafLifeMs;
  crypto::NameConstraints constraints{};  // besides those in the certificate
  // What its certificates point to.
  std::vector<std::string> policies{};  // OIDs
  std::vector<std::string> ocsp_urls{};
  std::vector<std::string> issuer_urls{};
};
// An anchor within its record.
[[nodiscard]] Issuer issuer_of(const AnchorRecord& anchor, crypto::PrivateKey key);

struct Application {
  Profile profile = Profile::kNode;
  Applicant applicant{};
  std::string requester{};  // for the record: a node id, an account; at most kRequesterSizeMax
  std::string common_name{};
  std::vector<std::string> dns_names{};
  std::vector<crypto::IpAddress> ip_addresses{};
  UnixMillis life_ms = 0;  // 0: as long as the profile and the issuer allow
  UnixMillis now = 0;
  Bytes serial{};         // 16 random bytes
  std::string crl_url{};  // the shard that will list it if it is revoked; may be empty
  bool logged = false;    // by way of a precertificate and SCTs
  // Of the state that authorises it, for a certificate of the node profile; none: no state does,
  // and peers take it for its own renewal only.
  std::optional<std::uint64_t> state_height{};
};

struct Intent {
  Profile profile = Profile::kNode;
  bool logged = false;
  Hash256 issuer_key_hash{};
  Bytes serial{};
  std::string common_name{};
  std::vector<std::string> dns_names{};
  std::vector<crypto::IpAddress> ip_addresses{};
  Hash256 key_hash{};  // SHA-256 of the subject's SPKI
  UnixMillis not_before = 0;
  UnixMillis not_after = 0;
  std::string crl_url{};
  std::string requester{};
  UnixMillis decided_at = 0;
  std::optional<std::uint64_t> state_height{};
  friend bool operator==(const Intent&, const Intent&) = default;
};

// Valid from five minutes before `now`, never beyond the issuer. Errors: those of to_result(),
// trust.request_possession, trust.anchor_not_valid (the issuer's time).
[[nodiscard]] Result<Intent> decide(const crypto::CertificateRequest& request, const Issuer& issuer,
                                    const Application& application);

// Version 1 without a height, version 2 with one.
[[nodiscard]] Bytes encode(const Intent& intent);
// The object id.
[[nodiscard]] Hash256 id(const Intent& intent);
// Form only. Error: trust.intent_invalid.
[[nodiscard]] Result<Intent> decode_intent(ByteView encoding);

// Errors: trust.intent_invalid (another key or issuer than the intent's), trust.lint (all findings
// in the message), crypto.certificate_build.
[[nodiscard]] Result<crypto::Certificate> prepare(const Intent& intent,
                                                  const crypto::PublicKey& subject_key,
                                                  const Issuer& issuer);

// Error: crypto.certificate_build.
[[nodiscard]] Result<crypto::Certificate> sign(const crypto::Certificate& prepared,
                                               const Issuer& issuer);

// The certificate that `precertificate` announced, linted too. Errors: trust.intent_invalid (not
// the intent's precertificate), those of prepare().
[[nodiscard]] Result<crypto::Certificate> complete(const Intent& intent,
                                                   const crypto::Certificate& precertificate,
                                                   std::span<const Bytes> scts,
                                                   const Issuer& issuer);

// A member's application for its own leaf, and for the one that it shows to ordinary clients: what
// `request` and the terms (leaf.h, ordinary.h) come to. Error: trust.request_name, when the request
// names somebody else.
struct LeafTerms;
struct OrdinaryTerms;
[[nodiscard]] Result<Application> application_for(const crypto::CertificateRequest& request,
                                                  const LeafTerms& terms);
[[nodiscard]] Result<Application> application_for(const crypto::CertificateRequest& request,
                                                  const OrdinaryTerms& terms);

// All steps at once, for a certificate that is not logged.
[[nodiscard]] Result<crypto::Certificate> issue(const crypto::CertificateRequest& request,
                                                const Issuer& issuer,
                                                const Application& application);

}  // namespace i2::trustchain
