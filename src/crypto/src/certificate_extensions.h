// The extensions of a certificate: from its fields and back.
#pragma once

#include <i2/crypto/x509.h>

#include "native.h"

namespace i2::crypto {

// False when a field is not well formed. The subject's key must be set already.
[[nodiscard]] bool add_extensions(X509* certificate, const CertificateFields& fields,
                                  const Certificate* issuer);
[[nodiscard]] NameConstraints read_name_constraints(const X509* certificate);
void read_extensions(const X509* certificate, CertificateFields& out);
// The value of the extension. Nothing when it is not the DER of a number in 64 bits.
[[nodiscard]] std::optional<std::uint64_t> read_state_height(ByteView der);

}  // namespace i2::crypto
