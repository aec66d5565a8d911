// The built-in OpenSSL provider "i2falcon" that gives OpenSSL Falcon-1024: key management,
// signature, SPKI and PKCS#8 encoders and decoders, TLS signature scheme.
#pragma once

#include <i2/base/error.h>

namespace i2::crypto {

// Registers the provider in the default OSSL_LIB_CTX and loads "default" beside it. Idempotent and
// thread-safe. Must run before the first SSL_CTX of the process is made: libssl reads the signature
// schemes of providers once per SSL_CTX_new. Every function of this library that needs it calls it.
// Error: crypto.provider.
[[nodiscard]] Result<void> install_provider();

}  // namespace i2::crypto
