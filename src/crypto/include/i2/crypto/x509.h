// X.509 certificates and certificate requests (RFC 5280, RFC 2986) as values.
//
// A certificate is made in two steps: prepare_certificate() lays out what will be signed, so that
// it can be looked at; sign_certificate() adds the signature and changes nothing else.
#pragma once

#include <i2/base/bytes.h>
#include <i2/base/clock.h>
#include <i2/base/error.h>
#include <i2/crypto/key.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

struct x509_st;
struct X509_req_st;

namespace i2::crypto {

using IpAddress = std::array<std::uint8_t, 16>;  // IPv6, network byte order

struct IpPrefix {
  IpAddress address{};
  int bits = 128;
  friend bool operator==(const IpPrefix&, const IpPrefix&) = default;
};
[[nodiscard]] bool contains(const IpPrefix& prefix, const IpAddress& address);

// Which names a CA may certify (RFC 5280 §4.2.1.10). A DNS name stands for itself and all below.
struct NameConstraints {
  std::vector<std::string> permitted_dns{};
  std::vector<IpPrefix> permitted_ip{};
  std::vector<std::string> excluded_dns{};
  std::vector<IpPrefix> excluded_ip{};
  friend bool operator==(const NameConstraints&, const NameConstraints&) = default;
};

// What a leaf may be used for (RFC 5280 §4.2.1.12).
enum class KeyPurpose : std::uint8_t { kServerAuth, kClientAuth, kOcspSigning };

// An extension of this project (docs/wire/trust.md, "State height"), not critical: a DER INTEGER of
// 0 to 2^64-1. Below the arc that Microsoft gives to UUIDs in seven numbers, because software in Go
// reads no certificate with a number above 2^31 in an OID, as the arc 2.25 (ITU-T X.667) wants it.
inline constexpr const char* kStateHeightOid =
    "1.2.840.113556.1.8000.2554.32562.44255.65228.21576.46208.430335.6886422";

struct CertificateFields {
  PublicKey subject_key{};
  std::string common_name{};              // 1..64 characters; may be empty when there are names
  std::vector<std::string> dns_names{};   // subjectAltName; no names at all: no extension
  std::vector<IpAddress> ip_addresses{};  // likewise
  UnixMillis not_before = 0;              // truncated to seconds
  UnixMillis not_after = 0;
  bool ca = false;                     // basicConstraints and keyUsage follow from it
  std::optional<int> path_length{};    // for a CA
  NameConstraints name_constraints{};  // for a CA
  // Of a leaf. With kOcspSigning goes id-pkix-ocsp-nocheck (RFC 6960 §4.2.2.2.1).
  std::vector<KeyPurpose> purposes{KeyPurpose::kServerAuth, KeyPurpose::kClientAuth};
  Bytes serial{};                          // 16 random bytes of the caller's; RFC 5280 §4.1.2.2
  std::vector<std::string> policies{};     // OIDs in dotted form
  std::vector<std::string> crl_urls{};     // of one distribution point
  std::vector<std::string> ocsp_urls{};    // authorityInfoAccess
  std::vector<std::string> issuer_urls{};  // authorityInfoAccess: the issuer's certificate
  bool subject_key_id = false;             // in a leaf; a CA always has one
  // The height of the fleet's state by which it was issued (kStateHeightOid).
  std::optional<std::uint64_t> state_height{};
  bool precertificate = false;  // RFC 6962 §3.1: with the poison
  std::vector<Bytes> scts{};    // RFC 6962 §3.3: SignedCertificateTimestamps
  friend bool operator==(const CertificateFields&, const CertificateFields&) = default;
};

class Certificate {
 public:
  Certificate() = default;
  // One certificate in DER, the lengths of its fields and extensions included; bytes after it, and
  // keys of other algorithms, are errors.
  // Error: crypto.certificate_malformed.
  [[nodiscard]] static Result<Certificate> from_der(ByteView der);
  [[nodiscard]] static Result<Certificate> from_pem(std::string_view pem);
  // Shares (does not steal) a certificate of OpenSSL's, e.g. the peer's of a TLS session.
  [[nodiscard]] static Result<Certificate> from_native(x509_st* certificate);

  // Valid as long as a copy of this certificate is there.
  [[nodiscard]] const Bytes& der() const;
  [[nodiscard]] std::string pem() const;
  [[nodiscard]] const PublicKey& public_key() const { return public_key_; }
  [[nodiscard]] std::string subject_common_name() const;  // empty when absent
  [[nodiscard]] std::vector<std::string> dns_names() const;
  [[nodiscard]] std::vector<IpAddress> ip_addresses() const;  // the IPv6 ones
  // Kinds of the remaining names: "email", "uri", "ipv4", "directory", "other".
  [[nodiscard]] std::vector<std::string> other_names() const;
  [[nodiscard]] Bytes serial() const;  // big-endian, no leading zero
  [[nodiscard]] UnixMillis not_before() const;
  [[nodiscard]] UnixMillis not_after() const;
  [[nodiscard]] bool is_ca() const;
  [[nodiscard]] Bytes subject() const;           // DER Name
  [[nodiscard]] Bytes issuer() const;            // DER Name
  [[nodiscard]] Bytes subject_key_id() const;    // empty when absent
  [[nodiscard]] Bytes authority_key_id() const;  // empty when absent
  // RFC 5280 §4.2.1.3, the bits from the left: 0x80 digitalSignature, 0x04 keyCertSign, 0x02
  // cRLSign; nothing when absent.
  [[nodiscard]] std::optional<std::uint32_t> key_usage() const;
  // OIDs in dotted form, in their order, with repetitions.
  [[nodiscard]] std::vector<std::string> extensions() const;
  // The one extension with this OID (dotted): its critical flag, and the DER that is its value.
  // Nothing when absent, or when it is there twice.
  struct Extension {
    bool critical = false;
    Bytes value{};
  };
  [[nodiscard]] std::optional<Extension> extension(const std::string& oid) const;
  // Nothing when absent, twice there, critical, or not a number of 64 bits in DER.
  [[nodiscard]] std::optional<std::uint64_t> state_height() const;
  // Whether subject and issuer are one, and the certificate's own key signed it.
  [[nodiscard]] bool is_self_signed() const;
  // Of a CA; without any, it may certify everything.
  [[nodiscard]] NameConstraints name_constraints() const;
  // What build_certificate() would make this certificate from. What the fields cannot say (names of
  // other kinds, extensions that are not known here) is missing.
  [[nodiscard]] CertificateFields fields() const;
  [[nodiscard]] Bytes tbs() const;  // DER TBSCertificate: what is signed
  // RFC 6962 §3.1: whether it has the poison.
  [[nodiscard]] bool is_precertificate() const;
  [[nodiscard]] explicit operator bool() const { return native_ != nullptr; }
  [[nodiscard]] x509_st* native() const;

 private:
  friend Result<Certificate> prepare_certificate(const CertificateFields&, const Certificate*);
  friend Result<Certificate> sign_certificate(const Certificate&, const Certificate*,
                                              const PrivateKey&);
  struct Native;  // its encoding, and what OpenSSL makes of that from the first time it is asked
                  // for
  // `owned`: null where `der` cannot but be a certificate.
  Certificate(x509_st* owned, Bytes der, PublicKey key);

  std::shared_ptr<const Native> native_;  // shared: copies are the same certificate
  PublicKey public_key_;
};

// What is signed, within Certificate::der().
[[nodiscard]] ByteView tbs_of(ByteView certificate);

// RFC 2986. Carries the proof of possession of its key.
class CertificateRequest {
 public:
  // The key has to be in its canonical form, as for PublicKey::from_spki().
  // Error: crypto.request_malformed.
  [[nodiscard]] static Result<CertificateRequest> from_der(ByteView der);
  [[nodiscard]] static Result<CertificateRequest> from_pem(std::string_view pem);
  [[nodiscard]] static Result<CertificateRequest> create(
      const PrivateKey& key, std::string_view common_name,
      const std::vector<std::string>& dns_names = {},
      const std::vector<IpAddress>& ip_addresses = {});
  [[nodiscard]] Bytes der() const;
  [[nodiscard]] const PublicKey& public_key() const { return public_key_; }
  [[nodiscard]] std::string subject_common_name() const;  // empty when absent
  // What it asks for.
  [[nodiscard]] std::vector<std::string> dns_names() const;
  [[nodiscard]] std::vector<IpAddress> ip_addresses() const;   // the IPv6 ones
  [[nodiscard]] std::vector<std::string> other_names() const;  // kinds, as of a certificate
  [[nodiscard]] std::vector<std::string> extensions() const;   // OIDs in dotted form
  // RFC 2985 §5.4.1.
  [[nodiscard]] bool has_challenge_password() const;
  // The self-signature. False also for one made with SHA-1 or anything else that is weak or
  // unusual.
  [[nodiscard]] bool verify_possession() const;

 private:
  std::shared_ptr<X509_req_st> request_;  // shared: reference-counted and immutable
  PublicKey public_key_;
};

// The certificate over `fields` with an empty signature, to be looked at and signed: what it holds
// as native() has no key that OpenSSL could use. `issuer` is the issuer's certificate, or
// none for a self-signed one. One set of fields makes one string of bytes: a final certificate and
// its precertificate differ in nothing but the poison and the SCTs. Leaf extensions stay small:
// with X25519MLKEM768 and Falcon the first flight has about 790 spare bytes.
// Error: crypto.certificate_build.
[[nodiscard]] Result<Certificate> prepare_certificate(const CertificateFields& fields,
                                                      const Certificate* issuer);

// `prepared` with a signature by `issuer_key`, which belongs to `issuer` (none: self-signed).
// Error: crypto.certificate_build.
[[nodiscard]] Result<Certificate> sign_certificate(const Certificate& prepared,
                                                   const Certificate* issuer,
                                                   const PrivateKey& issuer_key);

// Both. Error: crypto.certificate_build.
[[nodiscard]] Result<Certificate> build_certificate(const CertificateFields& fields,
                                                    const Certificate* issuer,
                                                    const PrivateKey& issuer_key);

// What a log is given of a certificate that is not final yet (RFC 6962 §3.2, PreCert).
struct PrecertificateEntry {
  Hash256 issuer_key_hash{};
  Bytes tbs{};  // TBSCertificate without the poison and without SCTs
  friend bool operator==(const PrecertificateEntry&, const PrecertificateEntry&) = default;
};
// From the precertificate or from the final certificate: both give the same. Precertificate signing
// certificates are not supported. Error: crypto.certificate_malformed, without a certificate.
[[nodiscard]] Result<PrecertificateEntry> precertificate_entry(const Certificate& certificate,
                                                               const Certificate& issuer);

// Checks that `leaf` was issued by one of `anchors` (each trusted as it is; its own issuer need not
// be known), that it may be used for TLS by a server or a client, and that it is valid at `now`.
// The validity of the leaf is checked last: crypto.expired and crypto.not_yet_valid mean that all
// else holds. An anchor that is not valid at `now` gives crypto.untrusted.
// Error: crypto.untrusted, crypto.purpose, crypto.expired, crypto.not_yet_valid.
[[nodiscard]] Result<void> verify_certificate(const Certificate& leaf,
                                              std::span<const Certificate> anchors, UnixMillis now);

// Checks that `leaf` leads over some of `intermediates` to `root`, that it may be used by a TLS
// server, and that each of them is valid at `now` (RFC 5280 §6).
// Error: crypto.untrusted, crypto.expired, crypto.not_yet_valid.
[[nodiscard]] Result<void> verify_chain(const Certificate& leaf,
                                        std::span<const Certificate> intermediates,
                                        const Certificate& root, UnixMillis now);

// Whether `issuer` is a CA whose name `certificate` has as its issuer's and whose key signed it.
// Neither time, purposes nor constraints matter: a log takes also what clients refuse.
[[nodiscard]] bool is_signed_by(const Certificate& certificate, const Certificate& issuer);

}  // namespace i2::crypto
