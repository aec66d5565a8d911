// X.509 certificates and certificate requests (RFC 5280, RFC 2986) as values.
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

class Certificate {
 public:
  Certificate() = default;
  // One certificate in DER; bytes after it, and keys of other algorithms, are errors.
  // Error: crypto.certificate_malformed.
  [[nodiscard]] static Result<Certificate> from_der(ByteView der);
  [[nodiscard]] static Result<Certificate> from_pem(std::string_view pem);
  // Shares (does not steal) a certificate of OpenSSL's, e.g. the peer's of a TLS session.
  [[nodiscard]] static Result<Certificate> from_native(x509_st* certificate);

  [[nodiscard]] Bytes der() const;
  [[nodiscard]] std::string pem() const;
  [[nodiscard]] const PublicKey& public_key() const { return public_key_; }
  [[nodiscard]] std::string subject_common_name() const;  // empty when absent
  [[nodiscard]] std::vector<std::string> dns_names() const;
  [[nodiscard]] std::vector<IpAddress> ip_addresses() const;  // the IPv6 ones
  [[nodiscard]] Bytes serial() const;                         // big-endian, no leading zero
  [[nodiscard]] UnixMillis not_before() const;
  [[nodiscard]] UnixMillis not_after() const;
  [[nodiscard]] bool is_ca() const;
  [[nodiscard]] explicit operator bool() const { return certificate_ != nullptr; }
  [[nodiscard]] x509_st* native() const { return certificate_.get(); }

 private:
  std::shared_ptr<x509_st> certificate_;  // shared: an X509 is reference-counted and immutable
  PublicKey public_key_;
};

// RFC 2986. Carries the proof of possession of its key.
class CertificateRequest {
 public:
  // Error: crypto.request_malformed.
  [[nodiscard]] static Result<CertificateRequest> from_der(ByteView der);
  [[nodiscard]] static Result<CertificateRequest> create(
      const PrivateKey& key, std::string_view common_name,
      const std::vector<std::string>& dns_names = {});
  [[nodiscard]] Bytes der() const;
  [[nodiscard]] const PublicKey& public_key() const { return public_key_; }
  [[nodiscard]] std::string subject_common_name() const;     // empty when absent
  [[nodiscard]] std::vector<std::string> dns_names() const;  // that it asks for
  [[nodiscard]] bool verify_possession() const;              // the self-signature

 private:
  std::shared_ptr<X509_req_st> request_;  // shared: reference-counted and immutable
  PublicKey public_key_;
};

struct CertificateFields {
  PublicKey subject_key{};
  std::string common_name{};              // 1..64 characters
  std::vector<std::string> dns_names{};   // subjectAltName; no names at all: no extension
  std::vector<IpAddress> ip_addresses{};  // likewise
  UnixMillis not_before = 0;              // truncated to seconds
  UnixMillis not_after = 0;
  bool ca = false;                     // basicConstraints and keyUsage follow from it
  std::optional<int> path_length{};    // for a CA
  bool server_and_client_auth = true;  // extendedKeyUsage of a leaf
  Bytes serial{};                      // 16 random bytes of the caller's; RFC 5280 §4.1.2.2
};

// A certificate over `fields`, signed by `issuer_key`. `issuer` is the issuer's certificate, or
// none for a self-signed one. Leaf extensions stay small: with X25519MLKEM768 and Falcon the first
// flight has about 790 spare bytes.
// Error: crypto.certificate_build.
[[nodiscard]] Result<Certificate> build_certificate(const CertificateFields& fields,
                                                    const Certificate* issuer,
                                                    const PrivateKey& issuer_key);

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

}  // namespace i2::crypto
