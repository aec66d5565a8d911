// What one ALPN means on an endpoint: its TLS, the leaf a server shows, whether the stoq session
// runs above it, and what it costs at most.
//
// An endpoint serves several profiles on one port; the client's ALPN offer selects one while its
// ClientHello is read, before anything of the others is used. Profiles share nothing but the port:
// neither keys, groups, signature schemes nor resumption.
#pragma once

#include <i2/base/clock.h>
#include <i2/stoq/core/errors.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace i2::stoq::core {

inline constexpr std::string_view kAlpnStoq = "stoq/1";
inline constexpr std::string_view kAlpnStoqJoin = "stoq-join/1";
inline constexpr std::string_view kAlpnHttp3 = "h3";  // RFC 9114 §3.1

enum class PeerCertificate : std::uint8_t {
  kNone,      // a server does not ask: a browser would ask its user
  kOptional,  // asked for; the application judges Connection::peer_leaf()
  kRequired,
};

struct TlsPolicy {
  std::string alpn{kAlpnStoq};
  // OpenSSL group list. Post-quantum hybrids only; the first is the share a client sends (no extra
  // round trip).
  std::string groups = "X25519MLKEM768:SecP384r1MLKEM1024";
  std::string signature_algorithms = "falcon1024";
  std::string cipher_suites =
      "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
  PeerCertificate peer_certificate = PeerCertificate::kRequired;  // of a server's clients
  std::size_t tickets = 1;  // that a server issues on each connection; 0: nobody resumes
};

// Which credential of ports::CertSource a server shows.
enum class ServerLeaf : std::uint8_t {
  kNode,      // current(): the leaf alone
  kOrdinary,  // ordinary(): the leaf and its chain
};

// Where a profile's connections get less than EndpointConfig gives (RFC 9000 §18.2).
struct ProfileLimits {
  std::uint64_t connection_window = 0;
  std::uint64_t stream_window = 0;
  std::uint64_t streams_bidi_max = 0;
  std::uint64_t streams_uni_max = 0;
  std::size_t datagram_size_max = 0;  // 0: no datagrams
};

// The numbers with which this side ends connections and streams by itself.
struct ProfileCodes {
  std::uint64_t going_away = static_cast<std::uint64_t>(AppError::kGoingAway);
  std::uint64_t overloaded = static_cast<std::uint64_t>(AppError::kOverloaded);
  std::uint64_t cancelled = static_cast<std::uint64_t>(AppError::kCancelled);  // of a stream
};

struct Profile {
  TlsPolicy tls{};
  ServerLeaf leaf = ServerLeaf::kNode;
  // Control streams, SETTINGS and HELLO, and a type at the head of every stream
  // (docs/wire/session.md). Without it a connection is usable when the TLS handshake is complete,
  // its streams are raw, and who the peer is remains the application's question.
  bool session = true;
  std::optional<ProfileLimits> limits{};
  ProfileCodes codes{};
};

// "stoq/1", between members: post-quantum only, Falcon leaves on both sides, HELLO.
[[nodiscard]] Profile stoq_profile();
// "stoq-join/1", for nodes that are not members yet: as stoq/1, but the client shows no
// certificate, and there is no session.
[[nodiscard]] Profile join_profile();
// "h3", for ordinary clients: a P-256 chain, X25519MLKEM768 for those who have it, else X25519.
[[nodiscard]] Profile http3_profile();

}  // namespace i2::stoq::core
