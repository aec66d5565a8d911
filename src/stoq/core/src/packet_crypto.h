// Packet protection callbacks for ngtcp2 (RFC 9001 §5).
#pragma once

#include <ngtcp2/ngtcp2.h>

namespace i2::stoq::core {

// Sets the encrypt, decrypt and header-protection callbacks.
void install_packet_crypto(ngtcp2_callbacks& callbacks);

}  // namespace i2::stoq::core
