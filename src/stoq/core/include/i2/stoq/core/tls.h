// TLS 1.3 for QUIC: which groups, signature schemes and ALPN a side accepts, and session
// resumption.
//
// The certificates of a stoq/1 handshake are checked in two steps. TLS proves possession of the
// leaf key and accepts Falcon signatures only; whether the leaf belongs to the fleet is decided
// right after the handshake by ports::PeerVerifier, so that each reason has its own application
// error code.
#pragma once

#include <i2/base/bytes.h>
#include <i2/base/error.h>
#include <i2/ports/trust.h>
#include <i2/stoq/core/profile.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

struct ssl_ctx_st;
struct ssl_st;
struct ssl_session_st;

namespace i2::stoq::core {

// One SSL_CTX for the server side of all profiles and one for the client side of each. Immutable
// after creation except for the server's session cache, which is thread-safe and shared by all
// workers.
class TlsContext {
 public:
  // For one stoq session profile of this policy. Error: stoq.tls_setup.
  [[nodiscard]] static Result<std::shared_ptr<TlsContext>> create(const TlsPolicy& policy);
  // For these profiles, the most wanted first; their ALPNs differ. Error: stoq.tls_setup.
  [[nodiscard]] static Result<std::shared_ptr<TlsContext>> serve(std::vector<Profile> profiles);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  [[nodiscard]] std::span<const Profile> profiles() const { return profiles_; }
  // Null when this ALPN is not known here.
  [[nodiscard]] const Profile* find(std::string_view alpn) const;
  // The first profile that a client's ProtocolNameList (RFC 7301 §3.1, without its own length)
  // names, or null. A malformed list names nothing.
  [[nodiscard]] const Profile* select(ByteView offered) const;

  // A session object for a new client, whose offer selects the profile: on_profile()
  // (tls_session.h) then says which leaf it shows. Error: stoq.tls_setup.
  [[nodiscard]] Result<ssl_st*> new_server() const;
  // `profile` is one of profiles(). A null `credential` shows nothing. Error: stoq.tls_setup.
  [[nodiscard]] Result<ssl_st*> new_client(const Profile& profile,
                                           const ports::LeafCredential* credential) const;

 private:
  explicit TlsContext(std::vector<Profile> profiles) : profiles_(std::move(profiles)) {}
  [[nodiscard]] Result<void> make_server();
  [[nodiscard]] Result<void> make_client(const Profile& profile);

  const std::vector<Profile> profiles_;
  ssl_ctx_st* server_ = nullptr;
  std::vector<ssl_ctx_st*> clients_;  // as profiles_
};

// A client's resumption state for one peer (RFC 8446 §4.6.1). Shared because a cache and a
// connection hold it.
using TlsSession = std::shared_ptr<ssl_session_st>;

}  // namespace i2::stoq::core
