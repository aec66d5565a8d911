// Packet protection callbacks for ngtcp2 (RFC 9001 §5).
//
// AES-GCM goes through libipsec-mb where it is built in: the same cipher at about half the cost for
// a packet of 1 452 bytes, because one call replaces five of EVP. ChaCha20-Poly1305 and everything
// else goes through OpenSSL.
#pragma once

#include <ngtcp2/ngtcp2.h>

namespace i2::stoq::core {

// Sets the encrypt, decrypt and header-protection callbacks.
void install_packet_crypto(ngtcp2_callbacks& callbacks);

// Whether AES-GCM packets take the fast way on this machine.
[[nodiscard]] bool packet_crypto_accelerated();

}  // namespace i2::stoq::core
