// Stream identifiers and types.
#pragma once

#include <cstdint>

namespace i2::stoq::core {

using StreamId = std::int64_t;  // RFC 9000 §2.1

[[nodiscard]] constexpr bool is_unidirectional(StreamId id) {
  return (id & 0x2) != 0;
}
[[nodiscard]] constexpr bool is_server_initiated(StreamId id) {
  return (id & 0x1) != 0;
}

// The varint every stoq/1 stream begins with (docs/wire/session.md). Values 0x1f * N + 0x21 are
// reserved for greasing and their streams are ignored.
enum class StreamType : std::uint64_t {
  kControl = 0x00,
  kMessages = 0x01,
  kRpc = 0x02,
  kFile = 0x03,
  kBytes = 0x04,
  kConsensus = 0x08,
};

[[nodiscard]] constexpr bool is_grease(std::uint64_t type) {
  return type >= 0x21 && (type - 0x21) % 0x1f == 0;
}

}  // namespace i2::stoq::core
