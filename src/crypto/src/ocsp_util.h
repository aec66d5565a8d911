// What requests and responses of OCSP share.
#pragma once

#include <i2/crypto/ocsp.h>
#include <openssl/ocsp.h>

#include "native.h"

namespace i2::crypto {

using OcspIdPointer = NativePointer<OCSP_CERTID, OCSP_CERTID_free>;
using OctetsPointer = NativePointer<ASN1_OCTET_STRING, ASN1_OCTET_STRING_free>;

// Null when it cannot be read, with bytes after it, or without memory.
[[nodiscard]] OcspIdPointer to_native(const OcspCertificateId& id);
// Null without memory.
[[nodiscard]] OctetsPointer make_nonce(ByteView nonce);
// RFC 9654 §2.1: 1 to 128 bytes. None when it is there but is not that.
[[nodiscard]] std::optional<Bytes> read_nonce(const ASN1_OCTET_STRING* nonce);

}  // namespace i2::crypto
