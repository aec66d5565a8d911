// Lists of revoked certificates, and requests and responses of OCSP, from bytes of anybody. The
// first byte chooses the parser.
#include <i2/base/assert.h>
#include <i2/crypto/crl.h>
#include <i2/crypto/ocsp.h>

#include <cstddef>
#include <cstdint>

namespace i2::crypto {
namespace {

// Signs nothing here: an issuer for what asks for one.
const Certificate& some_issuer() {
  static const Certificate made = [] {
    const PrivateKey key = PrivateKey::from_ed25519_seed(Bytes(32, 7)).value();
    return build_certificate({.subject_key = key.public_key(),
                              .common_name = "issuer",
                              .not_after = 1000,
                              .ca = true,
                              .serial = {1}},
                             nullptr, key)
        .value();
  }();
  return made;
}

void fuzz_list(ByteView input) {
  const auto crl = Crl::from_der(input);
  if (!crl) {
    return;
  }
  I2_ASSERT(equal(crl->der(), input));
  (void)crl->number();
  (void)crl->this_update();
  (void)crl->next_update();
  (void)crl->distribution_point();
  (void)crl->find(Bytes(16, 0x42));
  I2_ASSERT(!crl->verify(some_issuer()));
}

void fuzz_request(ByteView input) {
  const auto request = parse_ocsp_request(input);
  if (!request) {
    return;
  }
  I2_ASSERT(!request->certificates.empty());
  I2_ASSERT(request->certificates.size() <= kOcspCertificatesMax);
  I2_ASSERT(request->nonce.size() <= kOcspNonceSizeMax);
  for (const OcspCertificateId& id : request->certificates) {
    (void)id.is_issued_by(some_issuer());
  }
  const auto again = parse_ocsp_request(encode(*request).value());
  I2_ASSERT(again && again->certificates == request->certificates &&
            again->nonce == request->nonce);
}

}  // namespace
}  // namespace i2::crypto

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace i2;
  using namespace i2::crypto;
  if (size == 0) {
    return 0;
  }
  const ByteView input = ByteView(data, size).subspan(1);
  switch (data[0] % 3) {
    case 0:
      fuzz_list(input);
      break;
    case 1:
      fuzz_request(input);
      break;
    default:
      I2_ASSERT(!verify_ocsp_response(input, some_issuer(), 0).has_value());
  }
  return 0;
}
