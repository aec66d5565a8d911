#include <i2/base/assert.h>
#include <i2/crypto/provider.h>
#include <i2/stoq/core/tls.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>

#include "tls_session.h"

namespace i2::stoq::core {
namespace {

std::unexpected<Error> tls_error(std::string_view what) {
  std::array<char, 256> text{};
  const unsigned long code = ERR_get_error();
  ERR_error_string_n(code, text.data(), text.size());
  ERR_clear_error();
  return fail("stoq.tls_setup", std::string(what) + ": " + text.data(),
              static_cast<std::int64_t>(code));
}

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

int verify_mode(PeerCertificate wanted) {
  switch (wanted) {
    case PeerCertificate::kNone:
      return SSL_VERIFY_NONE;
    case PeerCertificate::kOptional:
      return SSL_VERIFY_PEER;
    case PeerCertificate::kRequired:
      return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  }
  return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
}

// The ProtocolNameList of a ClientHello, without its own length; empty when there is none.
ByteView offered_protocols(SSL* ssl) {
  const unsigned char* data = nullptr;
  std::size_t size = 0;
  constexpr std::size_t kListLength = 2;
  if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &data,
                                &size) != 1 ||
      size < kListLength) {
    return {};
  }
  return ByteView(data, size).subspan(kListLength);
}

// Every server starts as the first profile; for another one all that differs is set here, before
// OpenSSL looks at groups, signature schemes and sessions.
bool follow(SSL* ssl, const TlsPolicy& policy) {
  SSL_set_verify(ssl, verify_mode(policy.peer_certificate), nullptr);
  // A session of one ALPN is not resumed on another.
  return SSL_set1_groups_list(ssl, policy.groups.c_str()) == 1 &&
         SSL_set1_sigalgs_list(ssl, policy.signature_algorithms.c_str()) == 1 &&
         SSL_set_ciphersuites(ssl, policy.cipher_suites.c_str()) == 1 &&
         SSL_set_num_tickets(ssl, policy.tickets) == 1 &&
         SSL_set_session_id_context(ssl, bytes_of(policy.alpn),
                                    static_cast<unsigned>(policy.alpn.size())) == 1;
}

int on_client_hello(SSL* ssl, int* alert, void* arg) {
  const auto& context = *static_cast<const TlsContext*>(arg);
  const Profile* const profile = context.select(offered_protocols(ssl));
  if (profile == nullptr) {
    *alert = SSL_AD_NO_APPLICATION_PROTOCOL;  // RFC 9001 §8.1
    return SSL_CLIENT_HELLO_ERROR;
  }
  if (profile != &context.profiles().front() && !follow(ssl, profile->tls)) {
    *alert = SSL_AD_INTERNAL_ERROR;
    return SSL_CLIENT_HELLO_ERROR;
  }
  *alert = on_profile(ssl, *profile);
  return *alert == 0 ? SSL_CLIENT_HELLO_SUCCESS : SSL_CLIENT_HELLO_ERROR;
}

// The same choice as on_client_hello() made; this is where OpenSSL wants to be told.
int select_alpn(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
                unsigned int in_size, void* arg) {
  const Profile* const profile = static_cast<const TlsContext*>(arg)->select({in, in_size});
  if (profile == nullptr) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *out = bytes_of(profile->tls.alpn);
  *out_size = static_cast<unsigned char>(profile->tls.alpn.size());
  return SSL_TLSEXT_ERR_OK;
}

// The leaf is judged after the handshake, with a reason of its own (tls.h).
int accept_any_chain(X509_STORE_CTX*, void*) {
  return 1;
}

Result<void> configure(SSL_CTX* context, const TlsPolicy& policy) {
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  if (SSL_CTX_set1_groups_list(context, policy.groups.c_str()) != 1) {
    return tls_error("groups " + policy.groups);
  }
  if (SSL_CTX_set1_sigalgs_list(context, policy.signature_algorithms.c_str()) != 1) {
    return tls_error("signature algorithms " + policy.signature_algorithms);
  }
  if (SSL_CTX_set_ciphersuites(context, policy.cipher_suites.c_str()) != 1) {
    return tls_error("cipher suites " + policy.cipher_suites);
  }
  // What a credential holds and no more: with an intermediate the node's flight no longer fits the
  // amplification limit.
  SSL_CTX_set_mode(context, SSL_MODE_NO_AUTO_CHAIN | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_cert_verify_callback(context, accept_any_chain, nullptr);
  return {};
}

}  // namespace

TlsContext::~TlsContext() {
  SSL_CTX_free(server_);
  for (SSL_CTX* const client : clients_) {
    SSL_CTX_free(client);
  }
}

Result<std::shared_ptr<TlsContext>> TlsContext::create(const TlsPolicy& policy) {
  Profile profile;
  profile.tls = policy;
  return serve({std::move(profile)});
}

Result<std::shared_ptr<TlsContext>> TlsContext::serve(std::vector<Profile> profiles) {
  I2_ASSERT(!profiles.empty());
  I2_TRY(crypto::install_provider());
  // Shared by the workers' endpoints and by connections that outlive a change of policy.
  std::shared_ptr<TlsContext> out(new TlsContext(std::move(profiles)));
  I2_TRY(out->make_server());
  for (const Profile& profile : out->profiles_) {
    I2_TRY(out->make_client(profile));
  }
  return out;
}

Result<void> TlsContext::make_server() {
  const TlsPolicy& first = profiles_.front().tls;
  server_ = SSL_CTX_new(TLS_server_method());
  if (server_ == nullptr) {
    return tls_error("SSL_CTX_new");
  }
  I2_TRY(configure(server_, first));
  SSL_CTX_set_verify(server_, verify_mode(first.peer_certificate), nullptr);
  SSL_CTX_set_client_hello_cb(server_, on_client_hello, this);
  SSL_CTX_set_alpn_select_cb(server_, select_alpn, this);
  // Stateful tickets: a stateless one would carry the client's Falcon certificate and make the
  // resumed ClientHello five datagrams long.
  SSL_CTX_set_options(server_, SSL_OP_NO_TICKET);
  SSL_CTX_set_session_cache_mode(server_, SSL_SESS_CACHE_SERVER);
  SSL_CTX_sess_set_cache_size(server_, 20'000);
  SSL_CTX_set_timeout(server_, 3600);
  SSL_CTX_set_num_tickets(server_, first.tickets);
  SSL_CTX_set_session_id_context(server_, bytes_of(first.alpn),
                                 static_cast<unsigned>(first.alpn.size()));
  return {};
}

Result<void> TlsContext::make_client(const Profile& profile) {
  SSL_CTX* const client = SSL_CTX_new(TLS_client_method());
  if (client == nullptr) {
    return tls_error("SSL_CTX_new");
  }
  clients_.push_back(client);
  I2_TRY(configure(client, profile.tls));
  SSL_CTX_set_verify(client, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_session_cache_mode(client, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(client, take_new_session);
  if (profile.session &&
      SSL_CTX_add_custom_ext(client, kRoomExtension, SSL_EXT_CLIENT_HELLO, add_room, nullptr,
                             nullptr, nullptr, nullptr) != 1) {
    return tls_error("SSL_CTX_add_custom_ext");
  }
  const std::string& alpn = profile.tls.alpn;
  const std::string wire = static_cast<char>(alpn.size()) + alpn;
  if (SSL_CTX_set_alpn_protos(client, bytes_of(wire), static_cast<unsigned>(wire.size())) != 0) {
    return tls_error("ALPN");
  }
  return {};
}

const Profile* TlsContext::find(std::string_view alpn) const {
  const auto found = std::ranges::find_if(
      profiles_, [alpn](const Profile& profile) { return profile.tls.alpn == alpn; });
  return found == profiles_.end() ? nullptr : &*found;
}

const Profile* TlsContext::select(ByteView offered) const {
  const Profile* best = nullptr;
  while (!offered.empty()) {
    const std::size_t size = offered.front();
    if (size == 0 || size >= offered.size()) {
      return nullptr;
    }
    const Profile* const named = find(as_text(offered.subspan(1, size)));
    if (named != nullptr && (best == nullptr || named < best)) {
      best = named;
    }
    offered = offered.subspan(1 + size);
  }
  return best;
}

Result<ssl_st*> TlsContext::new_server() const {
  SSL* const ssl = SSL_new(server_);
  if (ssl == nullptr) {
    return tls_error("SSL_new");
  }
  SSL_set_accept_state(ssl);
  return ssl;
}

Result<ssl_st*> TlsContext::new_client(const Profile& profile,
                                       const ports::LeafCredential* credential) const {
  const auto index = static_cast<std::size_t>(&profile - profiles_.data());
  I2_ASSERT(index < clients_.size());
  SSL* const ssl = SSL_new(clients_[index]);
  if (ssl == nullptr) {
    return tls_error("SSL_new");
  }
  if (credential != nullptr && credential->certificate &&
      (SSL_use_certificate(ssl, credential->certificate.native()) != 1 ||
       SSL_use_PrivateKey(ssl, credential->key.native()) != 1)) {
    SSL_free(ssl);
    return tls_error("leaf certificate");
  }
  SSL_set_connect_state(ssl);
  return ssl;
}

}  // namespace i2::stoq::core
