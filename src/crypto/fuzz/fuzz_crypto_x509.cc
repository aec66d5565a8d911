// Certificates and requests from bytes of a peer.
#include <i2/base/assert.h>
#include <i2/crypto/x509.h>

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace i2;
  using namespace i2::crypto;
  const ByteView input(data, size);
  if (const auto certificate = Certificate::from_der(input)) {
    I2_ASSERT(equal(certificate->der(), input));
    (void)certificate->subject_common_name();
    (void)certificate->dns_names();
    (void)certificate->other_names();
    (void)certificate->key_usage();
    (void)certificate->extensions();
    // What can be read can be said again, and then reads the same.
    const CertificateFields fields = certificate->fields();
    if (const auto prepared = prepare_certificate(fields, nullptr)) {
      const auto reread = prepare_certificate(prepared->fields(), nullptr);
      I2_ASSERT(reread && reread->tbs() == prepared->tbs());
    }
    I2_ASSERT(certificate->tbs().size() < size);
    if (const auto entry = precertificate_entry(*certificate, *certificate)) {
      I2_ASSERT(entry->tbs.size() <= certificate->tbs().size());
      I2_ASSERT(!fields.precertificate || entry->tbs.size() < certificate->tbs().size());
    }
    // Its own anchor, so that the checks behind the issuer are reached too.
    (void)verify_certificate(*certificate, std::span(&*certificate, 1), certificate->not_before());
    const auto again = Certificate::from_pem(certificate->pem());
    I2_ASSERT(again && again->der() == certificate->der());
  }
  if (const auto request = CertificateRequest::from_der(input)) {
    I2_ASSERT(equal(request->der(), input));
    (void)request->subject_common_name();
    (void)request->dns_names();
    (void)request->ip_addresses();
    (void)request->other_names();
    (void)request->extensions();
    (void)request->has_challenge_password();
    I2_ASSERT(PublicKey::from_spki(request->public_key().spki()).has_value());
    (void)request->verify_possession();
  }
  (void)Certificate::from_pem(as_text(input));
  return 0;
}
