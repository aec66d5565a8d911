// Certificates: making them (RFC 5280 §4).
#include <i2/crypto/provider.h>
#include <i2/crypto/x509.h>
#include <openssl/err.h>

#include <algorithm>

#include "error_queue.h"
#include "native.h"
#include "x509_util.h"

namespace i2::crypto {
namespace {

// Bits of KeyUsage, RFC 5280 §4.2.1.3.
constexpr int kDigitalSignature = 0;
constexpr int kKeyCertSign = 5;
constexpr int kCrlSign = 6;

bool set_serial(X509* certificate, ByteView serial) {
  // RFC 5280 §4.1.2.2: positive and at most 20 octets, of which a set top bit costs one.
  constexpr std::size_t kMaxOctets = 20;
  const auto first = std::ranges::find_if(serial, [](std::uint8_t byte) { return byte != 0; });
  const ByteView number(first, serial.end());
  if (number.empty() || number.size() + (number[0] >= 0x80 ? 1 : 0) > kMaxOctets) {
    return false;
  }
  const BignumPointer value(BN_bin2bn(number.data(), static_cast<int>(number.size()), nullptr));
  return value != nullptr &&
         BN_to_ASN1_INTEGER(value.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool set_validity(X509* certificate, UnixMillis not_before, UnixMillis not_after) {
  // RFC 5280 §4.1.2.5: UTCTime until 2049 and GeneralizedTime from 2050, as ASN1_TIME_set chooses;
  // the year has four digits.
  constexpr UnixMillis kEndOf9999 = 253402300799000;
  return not_before <= not_after && not_after <= kEndOf9999 &&
         ASN1_TIME_set(X509_getm_notBefore(certificate),
                       static_cast<std::time_t>(not_before / 1000)) != nullptr &&
         ASN1_TIME_set(X509_getm_notAfter(certificate),
                       static_cast<std::time_t>(not_after / 1000)) != nullptr;
}

bool add(X509* certificate, int nid, void* value, bool critical) {
  return X509_add1_ext_i2d(certificate, nid, value, critical ? 1 : 0, X509V3_ADD_DEFAULT) == 1;
}

bool add_key_usage(X509* certificate, bool ca) {
  const NativePointer<ASN1_BIT_STRING, ASN1_BIT_STRING_free> usage(ASN1_BIT_STRING_new());
  if (usage == nullptr) {
    return false;
  }
  const bool set = ca ? ASN1_BIT_STRING_set_bit(usage.get(), kKeyCertSign, 1) == 1 &&
                            ASN1_BIT_STRING_set_bit(usage.get(), kCrlSign, 1) == 1
                      : ASN1_BIT_STRING_set_bit(usage.get(), kDigitalSignature, 1) == 1;
  return set && add(certificate, NID_key_usage, usage.get(), true);
}

bool add_basic_constraints(X509* certificate, std::optional<int> path_length) {
  const NativePointer<BASIC_CONSTRAINTS, BASIC_CONSTRAINTS_free> constraints(
      BASIC_CONSTRAINTS_new());
  if (constraints == nullptr) {
    return false;
  }
  constraints->ca = 1;
  if (path_length) {
    constraints->pathlen = ASN1_INTEGER_new();
    if (*path_length < 0 || constraints->pathlen == nullptr ||
        ASN1_INTEGER_set_int64(constraints->pathlen, *path_length) != 1) {
      return false;
    }
  }
  return add(certificate, NID_basic_constraints, constraints.get(), true);
}

bool add_extended_key_usage(X509* certificate) {
  const NativePointer<EXTENDED_KEY_USAGE, EXTENDED_KEY_USAGE_free> usage(EXTENDED_KEY_USAGE_new());
  return usage != nullptr && sk_ASN1_OBJECT_push(usage.get(), OBJ_nid2obj(NID_server_auth)) > 0 &&
         sk_ASN1_OBJECT_push(usage.get(), OBJ_nid2obj(NID_client_auth)) > 0 &&
         add(certificate, NID_ext_key_usage, usage.get(), false);
}

// RFC 7093 §2 (1): the leftmost 160 bits of SHA-256 over the subjectPublicKey bits.
bool add_subject_key_id(X509* certificate) {
  constexpr int kIdSize = 20;
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  const NativePointer<ASN1_OCTET_STRING, ASN1_OCTET_STRING_free> id(ASN1_OCTET_STRING_new());
  return id != nullptr &&
         X509_pubkey_digest(certificate, EVP_sha256(), digest.data(), &size) == 1 &&
         ASN1_OCTET_STRING_set(id.get(), digest.data(), kIdSize) == 1 &&
         add(certificate, NID_subject_key_identifier, id.get(), false);
}

bool add_authority_key_id(X509* certificate, X509* issuer) {
  const ASN1_OCTET_STRING* issuer_id = X509_get0_subject_key_id(issuer);
  if (issuer_id == nullptr) {
    return true;
  }
  const NativePointer<AUTHORITY_KEYID, AUTHORITY_KEYID_free> id(AUTHORITY_KEYID_new());
  if (id == nullptr) {
    return false;
  }
  id->keyid = ASN1_OCTET_STRING_dup(issuer_id);
  if (id->keyid == nullptr) {
    return false;
  }
  return add(certificate, NID_authority_key_identifier, id.get(), false);
}

bool add_extensions(X509* certificate, const CertificateFields& fields, const Certificate* issuer) {
  if (fields.ca && (!add_basic_constraints(certificate, fields.path_length) ||
                    !add_subject_key_id(certificate))) {
    return false;
  }
  if (!add_key_usage(certificate, fields.ca) ||
      (!fields.ca && fields.server_and_client_auth && !add_extended_key_usage(certificate))) {
    return false;
  }
  if (!fields.dns_names.empty() || !fields.ip_addresses.empty()) {
    const NamesPointer names = make_alt_names(fields.dns_names, fields.ip_addresses);
    if (names == nullptr || !add(certificate, NID_subject_alt_name, names.get(), false)) {
      return false;
    }
  }
  return issuer == nullptr || add_authority_key_id(certificate, issuer->native());
}

// What is wrong with the request for a certificate; empty when nothing is.
std::string_view objection(const CertificateFields& fields, const Certificate* issuer,
                           const PrivateKey& issuer_key) {
  if (!fields.subject_key || !issuer_key) {
    return "a certificate needs the subject's and the issuer's key";
  }
  if (issuer != nullptr && (!*issuer || !issuer->is_ca())) {
    return "the issuer's certificate is not that of a CA";
  }
  const PublicKey& expected = issuer != nullptr ? issuer->public_key() : fields.subject_key;
  if (EVP_PKEY_eq(expected.native(), issuer_key.native()) != 1) {
    return issuer != nullptr ? "the issuer's key does not belong to the issuer's certificate"
                             : "a self-signed certificate must be signed by its own key";
  }
  return {};
}

}  // namespace

Result<Certificate> build_certificate(const CertificateFields& fields, const Certificate* issuer,
                                      const PrivateKey& issuer_key) {
  I2_TRY(install_provider());
  if (const std::string_view text = objection(fields, issuer, issuer_key); !text.empty()) {
    ERR_clear_error();
    return fail("crypto.certificate_build", std::string(text));
  }
  const CertificatePointer certificate(X509_new());
  const NamePointer subject = make_name(fields.common_name);
  if (certificate == nullptr || subject == nullptr) {
    return fail(openssl_error("crypto.certificate_build",
                              "the common name must have 1 to 64 printable characters"));
  }
  if (!set_serial(certificate.get(), fields.serial)) {
    return fail("crypto.certificate_build",
                "the serial must be positive and have at most 20 octets");
  }
  if (!set_validity(certificate.get(), fields.not_before, fields.not_after)) {
    return fail("crypto.certificate_build", "the validity must end after it begins, before 10000");
  }
  const X509_NAME* issuer_name =
      issuer != nullptr ? X509_get_subject_name(issuer->native()) : subject.get();
  if (X509_set_version(certificate.get(), X509_VERSION_3) != 1 ||
      X509_set_subject_name(certificate.get(), subject.get()) != 1 ||
      X509_set_issuer_name(certificate.get(), issuer_name) != 1 ||
      X509_set_pubkey(certificate.get(), fields.subject_key.native()) != 1 ||
      !add_extensions(certificate.get(), fields, issuer)) {
    return fail(openssl_error("crypto.certificate_build",
                              "a DNS name or the path length is not well formed"));
  }
  if (X509_sign(certificate.get(), issuer_key.native(), x509_digest(issuer_key.algorithm())) <= 0) {
    return fail(openssl_error("crypto.certificate_build", "the certificate could not be signed"));
  }
  return Certificate::from_native(certificate.get());
}

}  // namespace i2::crypto
