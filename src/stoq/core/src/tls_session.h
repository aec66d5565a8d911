// What OpenSSL's callbacks tell the ConnectionImpl behind an SSL.
#pragma once

#include <i2/stoq/core/profile.h>
#include <openssl/ssl.h>

namespace i2::stoq::core {

// SSL_CTX_sess_set_new_cb: hands the session to the connection; takes the reference.
int take_new_session(SSL* ssl, SSL_SESSION* session);

// SSL_custom_ext_add_cb_ex of kRoomExtension: on a first contact the ClientHello is made long
// enough for a third Initial, so that the server may answer with certificate and HELLO in one
// flight.
int add_room(SSL* ssl, unsigned type, unsigned context, const unsigned char** out,
             std::size_t* out_size, X509* certificate, std::size_t chain_index, int* alert,
             void* arg);
// RFC 8701 §2: reserved, ignored by every server.
inline constexpr unsigned kRoomExtension = 0x0a0a;

// A server's client has selected this profile; `ssl` already follows its TlsPolicy. The connection
// adds its leaf. Returns the TLS alert to fail with, or 0. Called again after a
// HelloRetryRequest.
int on_profile(SSL* ssl, const Profile& profile);

}  // namespace i2::stoq::core
