// Packets that are properly protected but say what the fuzzer wants: the next packet that an
// endpoint protects gets other frames. Without this nearly every mutation would end at the AEAD
// tag.
//
// The linker sends the library's install_packet_crypto() through here first (--wrap,
// CMakeLists.txt).
#pragma once

#include <i2/base/bytes.h>

namespace i2::stoq::core::fuzz {

// What the next protected packet will carry instead; frames beyond its size are cut, the rest is
// padding. Empty: packets are left alone.
struct Forgery {
  Bytes frames;
  bool handshake_too = false;  // else only 1-RTT packets
};
[[nodiscard]] Forgery& forgery();

}  // namespace i2::stoq::core::fuzz
