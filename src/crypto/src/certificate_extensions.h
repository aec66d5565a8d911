// The extensions of a certificate: from its fields and back.
#pragma once

#include <i2/crypto/x509.h>

#include "native.h"

namespace i2::crypto {

// False when a field is not well formed. The subject's key must be set already.
[[nodiscard]] bool add_extensions(X509* certificate, const CertificateFields& fields,
                                  const Certificate* issuer);
void read_extensions(const X509* certificate, CertificateFields& out);

}  // namespace i2::crypto
