// TLS 1.3 for QUIC: which groups, signature schemes and ALPN a side accepts, and session
// resumption.
//
// The certificates of a handshake are checked in two steps. TLS proves possession of the leaf key
// and accepts Falcon signatures only; whether the leaf belongs to the fleet is decided right after
// the handshake by ports::PeerVerifier, so that each reason has its own application error code.
#pragma once

#include <i2/base/bytes.h>
#include <i2/base/error.h>
#include <i2/ports/trust.h>

#include <memory>
#include <string>
#include <string_view>

struct ssl_ctx_st;
struct ssl_st;
struct ssl_session_st;

namespace i2::stoq::core {

inline constexpr std::string_view kAlpnStoq = "stoq/1";

struct TlsPolicy {
  std::string alpn{kAlpnStoq};
  // OpenSSL group list. Post-quantum hybrids only; the first is the share a client sends (no extra
  // round trip).
  std::string groups = "X25519MLKEM768:SecP384r1MLKEM1024";
  std::string signature_algorithms = "falcon1024";
  std::string cipher_suites =
      "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
  bool peer_certificate = true;  // a server asks for one and refuses clients without
  std::size_t tickets = 1;       // that a server issues on each connection; 0: nobody resumes
};

// One SSL_CTX for each role. Immutable after creation except for the server's session cache, which
// is thread-safe and shared by all workers.
class TlsContext {
 public:
  // Error: stoq.tls_setup.
  [[nodiscard]] static Result<std::shared_ptr<TlsContext>> create(const TlsPolicy& policy);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  // A session object that presents `credential`. Error: stoq.tls_setup.
  [[nodiscard]] Result<ssl_st*> new_server(const ports::LeafCredential& credential) const;
  [[nodiscard]] Result<ssl_st*> new_client(const ports::LeafCredential& credential) const;
  [[nodiscard]] const TlsPolicy& policy() const { return policy_; }

 private:
  explicit TlsContext(const TlsPolicy& policy);
  TlsPolicy policy_;
  std::string alpn_wire_;
  ssl_ctx_st* server_ = nullptr;
  ssl_ctx_st* client_ = nullptr;
};

// A client's resumption state for one peer (RFC 8446 §4.6.1). Shared because a cache and a
// connection hold it.
using TlsSession = std::shared_ptr<ssl_session_st>;

}  // namespace i2::stoq::core
