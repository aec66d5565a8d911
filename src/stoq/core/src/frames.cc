#include <i2/stoq/core/frames.h>
#include <i2/wire/reader.h>

namespace i2::stoq::core {
namespace {

enum class SettingId : std::uint64_t {
  kVersionMin = 0x01,
  kVersionMax = 0x02,
  kDatagramMax = 0x03
};

std::unexpected<Error> malformed_frame(std::string_view what) {
  return fail("stoq.frame_malformed", "malformed " + std::string(what) + " frame");
}

}  // namespace

void append_frame(Bytes& out, FrameType type, ByteView body) {
  wire::Writer writer(out);
  writer.varint(static_cast<std::uint64_t>(type));
  writer.varint(body.size());
  writer.bytes(body);
}

Result<FrameParse> parse_frame(ByteView input) {
  wire::Reader reader(input);
  Frame frame;
  frame.type = reader.varint();
  const std::uint64_t size = reader.varint();
  if (!reader.ok()) {
    return FrameParse{};
  }
  if (size > kFrameBodyMax) {
    return fail("stoq.frame_malformed", "a frame body of " + std::to_string(size) + " bytes");
  }
  frame.body = reader.bytes(size);
  if (!reader.ok()) {
    return FrameParse{};
  }
  return FrameParse{frame, input.size() - reader.rest().size()};
}

Bytes encode(const Settings& settings) {
  Bytes out;
  wire::Writer writer(out);
  const auto put = [&](SettingId id, std::uint64_t value) {
    writer.varint(static_cast<std::uint64_t>(id));
    writer.varint(value);
  };
  put(SettingId::kVersionMin, settings.version_min);
  put(SettingId::kVersionMax, settings.version_max);
  put(SettingId::kDatagramMax, settings.datagram_size_max);
  return out;
}

Result<Settings> decode_settings(ByteView body) {
  Settings settings;
  wire::Reader reader(body);
  std::uint64_t seen = 0;
  while (reader.ok() && !reader.rest().empty()) {
    const std::uint64_t id = reader.varint();
    const std::uint64_t value = reader.varint();
    if (!reader.ok()) {
      break;
    }
    if (id < 64) {
      if ((seen >> id & 1) != 0) {
        return malformed_frame("SETTINGS");
      }
      seen |= std::uint64_t{1} << id;
    }
    switch (static_cast<SettingId>(id)) {
      case SettingId::kVersionMin:
        settings.version_min = value;
        break;
      case SettingId::kVersionMax:
        settings.version_max = value;
        break;
      case SettingId::kDatagramMax:
        settings.datagram_size_max = value;
        break;
      default:
        break;
    }
  }
  if (!reader.done() || settings.version_min > settings.version_max) {
    return malformed_frame("SETTINGS");
  }
  return settings;
}

Bytes encode(const Hello& hello) {
  Bytes out;
  wire::Writer writer(out);
  writer.bytes(hello.node_id.view());
  writer.varint(hello.binding.size());
  writer.bytes(hello.binding);
  writer.varint(hello.signature.size());
  writer.bytes(hello.signature);
  return out;
}

Result<Hello> decode_hello(ByteView body) {
  wire::Reader reader(body);
  Hello hello;
  hello.node_id.bytes = reader.array<32>();
  const std::uint64_t binding_size = reader.minimal_varint();
  if (binding_size > kBindingMax) {
    return malformed_frame("HELLO");
  }
  hello.binding = to_bytes(reader.bytes(binding_size));
  const std::uint64_t signature_size = reader.minimal_varint();
  if (signature_size != 64) {
    return malformed_frame("HELLO");
  }
  hello.signature = to_bytes(reader.bytes(signature_size));
  if (!reader.done()) {
    return malformed_frame("HELLO");
  }
  return hello;
}

Bytes hello_exporter_context(Role role, const NodeId& node_id) {
  Bytes out{static_cast<std::uint8_t>(role)};
  append(out, node_id.view());
  return out;
}

Bytes hello_message(ByteView exported) {
  Bytes out = to_bytes(as_bytes("i2/hello/v1"));
  append(out, exported);
  return out;
}

Bytes encode(const Ping& ping) {
  Bytes out;
  wire::Writer writer(out);
  writer.u64(ping.sequence);
  writer.u64(ping.sent_at);
  return out;
}

Result<Ping> decode_ping(ByteView body) {
  wire::Reader reader(body);
  Ping ping;
  ping.sequence = reader.u64();
  ping.sent_at = reader.u64();
  if (!reader.done()) {
    return malformed_frame("PING");
  }
  return ping;
}

}  // namespace i2::stoq::core
