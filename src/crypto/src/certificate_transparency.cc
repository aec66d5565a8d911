// Certificates as a transparency log sees them (RFC 6962 §3.2).
#include <i2/base/assert.h>
#include <i2/crypto/x509.h>

#include <algorithm>

#include "tbs.h"

namespace i2::crypto {
namespace {

// Object identifiers in DER: 1.3.6.1.4.1.11129.2.4.3 (RFC 6962 §3.1) and .2 (§3.3).
constexpr std::array<std::uint8_t, 12> kPoison = {0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04,
                                                  0x01, 0xd6, 0x79, 0x02, 0x04, 0x03};
constexpr std::array<std::uint8_t, 12> kSctList = {0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04,
                                                   0x01, 0xd6, 0x79, 0x02, 0x04, 0x02};

Tbs contents_of(const Certificate& certificate) {
  auto out = read_tbs(certificate.der());
  I2_ASSERT(out);  // as from_native() has found
  return *std::move(out);
}

}  // namespace

bool Certificate::is_precertificate() const {
  return std::ranges::any_of(contents_of(*this).extensions,
                             [](const Tbs::Extension& one) { return equal(one.oid, kPoison); });
}

Result<PrecertificateEntry> precertificate_entry(const Certificate& certificate,
                                                 const Certificate& issuer) {
  if (!certificate || !issuer) {
    return fail("crypto.certificate_malformed", "a log entry needs a certificate and its issuer");
  }
  Tbs contents = contents_of(certificate);
  std::erase_if(contents.extensions, [](const Tbs::Extension& one) {
    return equal(one.oid, kPoison) || equal(one.oid, kSctList);
  });
  return PrecertificateEntry{.issuer_key_hash = issuer.public_key().spki_sha256(),
                             .tbs = write_tbs(contents)};
}

}  // namespace i2::crypto
