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
    (void)certificate->serial();
    (void)certificate->is_ca();
    // Its own anchor, so that the checks behind the issuer are reached too.
    (void)verify_certificate(*certificate, std::span(&*certificate, 1), certificate->not_before());
    const auto again = Certificate::from_pem(certificate->pem());
    I2_ASSERT(again && again->der() == certificate->der());
  }
  if (const auto request = CertificateRequest::from_der(input)) {
    I2_ASSERT(equal(request->der(), input));
    (void)request->subject_common_name();
    (void)request->dns_names();
    (void)request->verify_possession();
  }
  (void)Certificate::from_pem(as_text(input));
  return 0;
}
