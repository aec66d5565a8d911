#include <i2/stoq/core/profile.h>

namespace i2::stoq::core {

Profile stoq_profile() {
  return {};
}

Profile join_profile() {
  Profile out;
  out.tls.alpn = kAlpnStoqJoin;
  out.tls.peer_certificate = PeerCertificate::kNone;
  out.tls.tickets = 0;
  out.session = false;
  // Strangers: one request and its answer, which carries certificates and members.
  out.limits = {.connection_window = 256 * 1024,
                .stream_window = 128 * 1024,
                .streams_bidi_max = 4,
                .streams_uni_max = 4};
  return out;
}

Profile http3_profile() {
  Profile out;
  out.tls.alpn = kAlpnHttp3;
  out.tls.groups = "X25519MLKEM768:X25519";
  out.tls.signature_algorithms = "ecdsa_secp256r1_sha256";
  out.tls.peer_certificate = PeerCertificate::kNone;
  out.leaf = ServerLeaf::kOrdinary;
  out.session = false;
  out.limits = {.connection_window = 1024 * 1024,
                .stream_window = 256 * 1024,
                .streams_bidi_max = 100,
                .streams_uni_max = 8};
  // RFC 9114 §8.1: H3_NO_ERROR, H3_EXCESSIVE_LOAD, H3_REQUEST_CANCELLED.
  out.codes = {.going_away = 0x100, .overloaded = 0x107, .cancelled = 0x10c};
  return out;
}

}  // namespace i2::stoq::core
