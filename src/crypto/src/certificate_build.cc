// Certificates: making them (RFC 5280 §4).
#include <i2/crypto/provider.h>
#include <i2/crypto/x509.h>
#include <openssl/err.h>

#include "certificate_extensions.h"
#include "der.h"
#include "error_queue.h"
#include "native.h"
#include "x509_util.h"

namespace i2::crypto {
namespace {

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

bool announces(const X509* certificate, SignatureAlgorithm algorithm) {
  const NativePointer<X509_ALGOR, X509_ALGOR_free> expected(X509_ALGOR_new());
  return expected != nullptr && set_signature_algorithm(expected.get(), algorithm) &&
         X509_ALGOR_cmp(expected.get(), X509_get0_tbs_sigalg(certificate)) == 0;
}

// What is wrong with the issuer; empty when nothing is.
std::string_view objection(const Certificate* issuer, const Certificate& prepared,
                           const PrivateKey& issuer_key) {
  const PublicKey& subject_key = prepared.public_key();
  if (!subject_key || !issuer_key) {
    return "a certificate needs the subject's and the issuer's key";
  }
  const PublicKey& expected = issuer != nullptr ? issuer->public_key() : subject_key;
  if (EVP_PKEY_eq(expected.native(), issuer_key.native()) != 1) {
    return issuer != nullptr ? "the issuer's key does not belong to the issuer's certificate"
                             : "a self-signed certificate must be signed by its own key";
  }
  if (!announces(prepared.native(), issuer_key.algorithm())) {
    return "the certificate was prepared for a key of another algorithm";
  }
  return {};
}

// The algorithm is part of what is signed, so it is there before the signature (RFC 5280 §4.1.2.3).
bool announce_algorithm(X509* certificate, SignatureAlgorithm algorithm) {
  const ASN1_BIT_STRING* signature = nullptr;
  const X509_ALGOR* outer = nullptr;
  X509_get0_signature(&signature, &outer, certificate);
  return set_signature_algorithm(const_cast<X509_ALGOR*>(outer), algorithm) &&
         set_signature_algorithm(const_cast<X509_ALGOR*>(X509_get0_tbs_sigalg(certificate)),
                                 algorithm);
}

// The encoding as it is: X509_set_pubkey() would write the key and read it again.
bool set_key(X509* certificate, const PublicKey& key) {
  ByteView in(key.spki());
  const auto sequence = take_der(in);
  in = sequence ? sequence->contents : ByteView();
  // RFC 5280 §4.1: SEQUENCE { algorithm, BIT STRING }, whose first octet counts unused bits: none.
  const auto named = take_der(in);
  const auto bits = take_der(in);
  const unsigned char* cursor = named ? named->whole.data() : nullptr;
  const NativePointer<X509_ALGOR, X509_ALGOR_free> algorithm(
      named ? d2i_X509_ALGOR(nullptr, &cursor, static_cast<long>(named->whole.size())) : nullptr);
  if (algorithm == nullptr || !bits || bits->identifier != kDerBitString ||
      bits->contents.size() < 2) {
    return false;
  }
  const ASN1_OBJECT* oid = nullptr;
  int parameter_type = 0;
  const void* parameter = nullptr;
  X509_ALGOR_get0(&oid, &parameter_type, &parameter, algorithm.get());
  const ByteView point = bits->contents.subspan(1);
  CharsPointer octets(static_cast<unsigned char*>(OPENSSL_memdup(point.data(), point.size())));
  NativePointer<ASN1_OBJECT, ASN1_OBJECT_free> name(OBJ_dup(oid));
  NativePointer<ASN1_OBJECT, ASN1_OBJECT_free> curve(
      parameter_type == V_ASN1_OBJECT ? OBJ_dup(static_cast<const ASN1_OBJECT*>(parameter))
                                      : nullptr);
  if (octets == nullptr || name == nullptr ||
      X509_PUBKEY_set0_param(X509_get_X509_PUBKEY(certificate), name.get(), parameter_type,
                             curve.get(), octets.get(), static_cast<int>(point.size())) != 1) {
    return false;
  }
  (void)name.release();
  (void)curve.release();
  (void)octets.release();
  return true;
}

}  // namespace

Result<Certificate> prepare_certificate(const CertificateFields& fields,
                                        const Certificate* issuer) {
  I2_TRY(install_provider());
  if (!fields.subject_key) {
    return fail("crypto.certificate_build", "a certificate needs the subject's key");
  }
  if (issuer != nullptr && (!*issuer || !issuer->is_ca())) {
    return fail("crypto.certificate_build", "the issuer's certificate is not that of a CA");
  }
  CertificatePointer certificate(X509_new());
  const NamePointer subject = make_name(fields.common_name);
  const bool named =
      !fields.common_name.empty() || !fields.dns_names.empty() || !fields.ip_addresses.empty();
  if (certificate == nullptr || subject == nullptr || !named ||
      (fields.ca && fields.common_name.empty())) {
    return fail(openssl_error("crypto.certificate_build",
                              "the common name must have 1 to 64 printable characters"));
  }
  if (!set_serial(X509_get_serialNumber(certificate.get()), fields.serial)) {
    return fail("crypto.certificate_build",
                "the serial must be positive and have at most 20 octets");
  }
  if (!set_validity(certificate.get(), fields.not_before, fields.not_after)) {
    return fail("crypto.certificate_build", "the validity must end after it begins, before 10000");
  }
  const X509_NAME* issuer_name =
      issuer != nullptr ? X509_get_subject_name(issuer->native()) : subject.get();
  const PublicKey& issuer_key = issuer != nullptr ? issuer->public_key() : fields.subject_key;
  if (X509_set_version(certificate.get(), X509_VERSION_3) != 1 ||
      X509_set_subject_name(certificate.get(), subject.get()) != 1 ||
      X509_set_issuer_name(certificate.get(), issuer_name) != 1 ||
      !set_key(certificate.get(), fields.subject_key) ||
      !add_extensions(certificate.get(), fields, issuer)) {
    return fail(openssl_error("crypto.certificate_build",
                              "a name, a URL, an OID, an SCT or the path length is not well "
                              "formed"));
  }
  if (!announce_algorithm(certificate.get(), issuer_key.algorithm())) {
    return fail(openssl_error("crypto.certificate_build", "the signature has no name"));
  }
  Bytes der = to_der<i2d_X509>(certificate.get());
  return Certificate(certificate.release(), std::move(der), fields.subject_key);
}

Result<Certificate> sign_certificate(const Certificate& prepared, const Certificate* issuer,
                                     const PrivateKey& issuer_key) {
  if (const std::string_view text = objection(issuer, prepared, issuer_key); !text.empty()) {
    ERR_clear_error();
    return fail("crypto.certificate_build", std::string(text));
  }
  const ByteView contents = tbs_of(prepared.der());
  I2_TRY_VALUE(const Bytes signature, issuer_key.sign(contents));
  const Bytes algorithm = to_der<i2d_X509_ALGOR>(X509_get0_tbs_sigalg(prepared.native()));
  return Certificate(nullptr, signed_der(contents, algorithm, signature), prepared.public_key());
}

Result<Certificate> build_certificate(const CertificateFields& fields, const Certificate* issuer,
                                      const PrivateKey& issuer_key) {
  I2_TRY_VALUE(const Certificate prepared, prepare_certificate(fields, issuer));
  return sign_certificate(prepared, issuer, issuer_key);
}

}  // namespace i2::crypto
