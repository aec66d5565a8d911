// Packets that are properly protected but say something else: a peer that breaks the rules of QUIC
// or stoq. Link i2::stoq_core_forger; the linker then sends the library's install_packet_crypto()
// through here (--wrap).
#pragma once

#include <i2/base/bytes.h>

#include <functional>

namespace i2::stoq::core::testing {

// Called with the frames of every packet (RFC 9000 §12.4) right before it is protected; may change
// them in place. The sender believes that it has sent what it wrote. Set it for the duration of a
// test only.
using Forger = std::function<void(bool long_header, MutableByteView frames)>;
[[nodiscard]] Forger& forger();

// Overwrites `frames` with `wanted` and PADDING; what does not fit is cut.
void replace_frames(MutableByteView frames, ByteView wanted);

}  // namespace i2::stoq::core::testing
