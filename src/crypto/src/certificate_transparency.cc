// Certificates as a transparency log sees them (RFC 6962 §3.2).
#include <i2/crypto/x509.h>
#include <openssl/err.h>

#include "error_queue.h"
#include "x509_util.h"

namespace i2::crypto {
namespace {

void remove_extension(X509* certificate, int nid) {
  for (int at = X509_get_ext_by_NID(certificate, nid, -1); at >= 0;
       at = X509_get_ext_by_NID(certificate, nid, -1)) {
    X509_EXTENSION_free(X509_delete_ext(certificate, at));
  }
}

}  // namespace

Result<PrecertificateEntry> precertificate_entry(const Certificate& certificate,
                                                 const Certificate& issuer) {
  if (!certificate || !issuer) {
    return fail("crypto.certificate_malformed", "a log entry needs a certificate and its issuer");
  }
  const CertificatePointer copy(X509_dup(certificate.native()));
  // Written anew before anything is removed, it has to be what was signed.
  if (copy == nullptr || to_der<i2d_re_X509_tbs>(copy.get()) != certificate.tbs()) {
    ERR_clear_error();
    return fail("crypto.certificate_malformed", "the certificate is not in DER throughout");
  }
  remove_extension(copy.get(), NID_ct_precert_poison);
  remove_extension(copy.get(), NID_ct_precert_scts);
  return PrecertificateEntry{.issuer_key_hash = issuer.public_key().spki_sha256(),
                             .tbs = to_der<i2d_re_X509_tbs>(copy.get())};
}

}  // namespace i2::crypto
