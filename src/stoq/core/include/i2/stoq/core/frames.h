// Frames inside streams and datagrams: varint type, varint length, body. Unknown types are skipped.
#pragma once

#include <i2/base/bytes.h>
#include <i2/base/error.h>
#include <i2/base/ids.h>

#include <optional>

namespace i2::stoq::core {

enum class FrameType : std::uint64_t {
  // control stream
  kSettings = 0x01,
  kHello = 0x02,
  kGoAway = 0x03,
  kPing = 0x04,
  kPong = 0x05,
};

inline constexpr std::size_t kFrameBodyMax = 16 * 1024;

struct Frame {
  std::uint64_t type = 0;
  ByteView body;
};

void append_frame(Bytes& out, FrameType type, ByteView body);

struct FrameParse {
  std::optional<Frame> frame;  // none: more bytes are needed
  std::size_t consumed = 0;
};
// The first frame of `input`. Error: stoq.frame_malformed when its body exceeds kFrameBodyMax.
[[nodiscard]] Result<FrameParse> parse_frame(ByteView input);

// SETTINGS: pairs of varint id and varint value, each id once; unknown ids are ignored.
struct Settings {
  std::uint64_t version_min = 1;
  std::uint64_t version_max = 1;
  std::uint64_t datagram_size_max = 0;  // 0: no datagrams
  friend bool operator==(const Settings&, const Settings&) = default;
};
[[nodiscard]] Bytes encode(const Settings& settings);
[[nodiscard]] Result<Settings> decode_settings(ByteView body);

// HELLO: who speaks. The signature is Ed25519, by the registered identity key, over
// hello_message().
struct Hello {
  NodeId node_id;
  Bytes binding;    // opaque to the transport; at most 8 KiB
  Bytes signature;  // 64 bytes
  friend bool operator==(const Hello&, const Hello&) = default;
};
inline constexpr std::size_t kBindingMax = 8 * 1024;
[[nodiscard]] Bytes encode(const Hello& hello);
[[nodiscard]] Result<Hello> decode_hello(ByteView body);

enum class Role : std::uint8_t { kClient = 1, kServer = 2 };
inline constexpr std::string_view kHelloExporterLabel = "EXPORTER-i2-hello";
// Context of the TLS exporter (RFC 8446 §7.5): role and node id of the signer.
[[nodiscard]] Bytes hello_exporter_context(Role role, const NodeId& node_id);
// "i2/hello/v1" followed by the 32 exported bytes.
[[nodiscard]] Bytes hello_message(ByteView exported);

// PING and PONG carry the sender's clock; PONG returns it untouched.
struct Ping {
  std::uint64_t sequence = 0;
  std::uint64_t sent_at = 0;  // nanoseconds of the sender's monotonic clock
};
[[nodiscard]] Bytes encode(const Ping& ping);
[[nodiscard]] Result<Ping> decode_ping(ByteView body);

}  // namespace i2::stoq::core
