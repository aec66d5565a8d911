#include <i2/fleet/core/join_messages.h>
#include <i2/trustchain/core/leaf.h>

#include <type_traits>

namespace i2::fleet {
namespace {

constexpr std::uint16_t kJoinVersion = 1;
// A chunk is a record of its own (state_snapshot.h), and so is a link (seal.h).
constexpr std::uint16_t kOfferType = 0x020d;
constexpr std::uint16_t kRequestType = 0x020e;
constexpr std::uint16_t kAcceptedType = 0x020f;
constexpr std::uint16_t kRefusedType = 0x0210;
constexpr std::size_t kLengthSize = 4;
constexpr std::size_t kCodeSizeMax = 64;
constexpr std::size_t kPointSizeMax = kSealSizeMax + 1024;

std::unexpected<Error> malformed_message(std::string what) {
  return fail("trust.join_malformed",
              "the other side broke the rules of joining: " + std::move(what));
}

void write(wire::CanonicalWriter& w, const JoinOffer& message) {
  w.bytes(encode(message.genesis));
  w.count(message.anchors.size());
  for (const auto& anchor : message.anchors) {
    w.bytes(encode(anchor));
  }
  write(w, message.identity);
  w.bytes(message.binding);
}
void read(wire::CanonicalReader& r, JoinOffer& message) {
  auto genesis = decode_genesis(r.bytes(kGenesisSizeMax));
  const std::size_t count = genesis ? r.count(kAnchorsMax) : 0;
  for (std::size_t i = 0; i < count && r.ok(); ++i) {
    auto anchor = trustchain::decode_anchor(r.bytes(kAnchorSizeMax));
    if (!anchor) {
      r.fail();
      return;
    }
    message.anchors.push_back(*std::move(anchor));
  }
  message.identity = trustchain::read_public_key(r);
  message.binding = to_bytes(r.bytes(trustchain::kBindingSizeMax));
  if (!genesis) {
    r.fail();
    return;
  }
  message.genesis = *std::move(genesis);
}

void write(wire::CanonicalWriter& w, const JoinRequest& message) {
  write(w, message.proof);
  w.bytes(message.certificate_request);
  w.text(message.name);
}
void read(wire::CanonicalReader& r, JoinRequest& message) {
  message.proof = read_join_proof(r);
  message.certificate_request = to_bytes(r.bytes(kCertificateRequestMax));
  message.name = r.text(trustchain::kNameSizeMax);
  if (!trustchain::is_name(message.name)) {
    r.fail();
  }
}

void write(wire::CanonicalWriter& w, const JoinAccepted& message) {
  w.text(message.name);
  w.bytes(message.leaf);
  w.bytes(encode(message.epoch));
  w.bytes(encode(message.point));
  write(w, message.peers);
}
void read(wire::CanonicalReader& r, JoinAccepted& message) {
  message.name = r.text(trustchain::kNameSizeMax);
  message.leaf = to_bytes(r.bytes(trustchain::kCertificateSizeMax));
  auto epoch = decode_epoch_record(r.bytes(ports::kStateValueSizeMax));
  auto point = decode_snapshot_point(r.bytes(kPointSizeMax));
  message.peers = read_hints(r);
  if (!epoch || !point || !trustchain::is_name(message.name)) {
    r.fail();
    return;
  }
  message.epoch = *std::move(epoch);
  message.point = *std::move(point);
}

void write(wire::CanonicalWriter& w, const JoinRefused& message) {
  w.text(message.code);
  w.text(message.message);
}
void read(wire::CanonicalReader& r, JoinRefused& message) {
  message.code = r.text(kCodeSizeMax);
  message.message = r.text(kRefusalMessageMax);
}

template <class T>
Bytes encode_as(std::uint16_t type, const T& message) {
  wire::CanonicalWriter w(type, kJoinVersion);
  write(w, message);
  return std::move(w).take();
}

Bytes record_of(const JoinMessage& message) {
  return std::visit(
      [](const auto& typed) -> Bytes {
        using T = std::decay_t<decltype(typed)>;
        if constexpr (std::is_same_v<T, JoinOffer>) {
          return encode_as(kOfferType, typed);
        } else if constexpr (std::is_same_v<T, JoinRequest>) {
          return encode_as(kRequestType, typed);
        } else if constexpr (std::is_same_v<T, JoinAccepted>) {
          return encode_as(kAcceptedType, typed);
        } else if constexpr (std::is_same_v<T, JoinRefused>) {
          return encode_as(kRefusedType, typed);
        } else if constexpr (std::is_same_v<T, JoinLink>) {
          return encode(typed.link);
        } else {
          return typed.chunk;
        }
      },
      message);
}

template <class T>
Result<JoinMessage> decode_as(std::uint16_t type, ByteView record) {
  wire::CanonicalReader r(record, type, kJoinVersion);
  T out;
  read(r, out);
  if (!r.finish()) {
    return malformed_message("a message is not what it says");
  }
  return JoinMessage(std::move(out));
}

}  // namespace

Bytes encode(const JoinMessage& message) {
  const Bytes record = record_of(message);
  Bytes out;
  wire::Writer w(out);
  w.u32(static_cast<std::uint32_t>(record.size()));
  w.bytes(record);
  return out;
}

Result<JoinMessage> decode_join_message(ByteView record) {
  wire::Reader r(record);
  switch (r.u16()) {
    case kOfferType:
      return decode_as<JoinOffer>(kOfferType, record);
    case kRequestType:
      return decode_as<JoinRequest>(kRequestType, record);
    case kAcceptedType:
      return decode_as<JoinAccepted>(kAcceptedType, record);
    case kRefusedType:
      return decode_as<JoinRefused>(kRefusedType, record);
    case kSnapshotChunkType:
      if (!decode_chunk(record)) {
        return malformed_message("a part of the state is not what it says");
      }
      return JoinMessage(JoinChunk{.chunk = to_bytes(record)});
    case kEpochLinkType: {
      auto link = decode_link(record);
      if (!link) {
        return malformed_message("a link between epochs is not what it says");
      }
      return JoinMessage(JoinLink{.link = *std::move(link)});
    }
    default:
      return malformed_message("a message of an unknown kind");
  }
}

Result<std::optional<Bytes>> JoinFramer::next() {
  if (held_.size() < kLengthSize) {
    return std::nullopt;
  }
  wire::Reader r(held_);
  const std::size_t size = r.u32();
  if (size > size_max_) {
    return malformed_message("a message of " + std::to_string(size) + " bytes");
  }
  if (held_.size() - kLengthSize < size) {
    return std::nullopt;
  }
  Bytes out = to_bytes(ByteView(held_).subspan(kLengthSize, size));
  held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(kLengthSize + size));
  return std::optional(std::move(out));
}

}  // namespace i2::fleet
