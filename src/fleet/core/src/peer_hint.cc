#include <i2/fleet/core/peer_hint.h>

#include <algorithm>

namespace i2::fleet {
namespace {

constexpr std::uint16_t kHintsVersion = 1;
constexpr std::uint16_t kHintsType = 0x0203;

bool is_zero(ByteView bytes) {
  return std::ranges::all_of(bytes, [](std::uint8_t byte) { return byte == 0; });
}

}  // namespace

Result<void> check_hint(const PeerHint& hint) {
  const auto& a = hint.address;
  const ByteView view = a;
  if (hint.port == 0) {
    return fail("fleet.hint_refused", "a peer address needs a port");
  }
  // RFC 4291 §2.5.5.2: ::ffff:0:0/96.
  if (is_zero(view.first(10)) && a[10] == 0xff && a[11] == 0xff) {
    return fail("fleet.hint_refused", "IPv4 is not spoken here: give the peer's IPv6 address");
  }
  if (is_zero(view)) {
    return fail("fleet.hint_refused", "'::' is no peer's address");
  }
  if (a[0] == 0xff) {
    return fail("fleet.hint_refused", "a multicast address is no peer's address");
  }
  // RFC 4291 §2.5.6: fe80::/10 means another network on every interface.
  if (a[0] == 0xfe && (a[1] & 0xc0) == 0x80) {
    return fail("fleet.hint_refused",
                "a link-local address means nothing on another host: give a routed IPv6 address");
  }
  return {};
}

void write(wire::CanonicalWriter& w, const std::vector<PeerHint>& hints) {
  w.count(hints.size());
  for (const PeerHint& hint : hints) {
    w.fixed(hint.node_id.view());
    w.fixed(hint.address);
    w.u16(hint.port);
  }
}

std::vector<PeerHint> read_hints(wire::CanonicalReader& r) {
  std::vector<PeerHint> out;
  const std::size_t count = r.count(kPeerHintsMax);
  for (std::size_t i = 0; i < count && r.ok(); ++i) {
    PeerHint hint;
    hint.node_id.bytes = r.fixed<32>();
    hint.address = r.fixed<16>();
    hint.port = r.u16();
    if (!r.ok() || !check_hint(hint)) {
      r.fail();
    }
    out.push_back(hint);
  }
  return out;
}

Bytes encode(const std::vector<PeerHint>& hints) {
  wire::CanonicalWriter w(kHintsType, kHintsVersion);
  write(w, hints);
  return std::move(w).take();
}

Result<std::vector<PeerHint>> decode_hints(ByteView encoding) {
  wire::CanonicalReader r(encoding, kHintsType, kHintsVersion);
  auto out = read_hints(r);
  if (const auto done = r.finish(); !done) {
    return fail("fleet.hints_invalid", "the list of peer addresses is malformed");
  }
  return out;
}

}  // namespace i2::fleet
