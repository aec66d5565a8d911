// OpenSSL callbacks that need the ConnectionImpl behind an SSL.
#pragma once

#include <openssl/ssl.h>

namespace i2::stoq::core {

// SSL_CTX_sess_set_new_cb: hands the session to the ConnectionImpl behind `ssl`; takes the
// reference.
int take_new_session(SSL* ssl, SSL_SESSION* session);

// SSL_custom_ext_add_cb_ex of kRoomExtension: on a first contact the ClientHello is made long
// enough for a third Initial, so that the server may answer with certificate and HELLO in one
// flight.
int add_room(SSL* ssl, unsigned type, unsigned context, const unsigned char** out,
             std::size_t* out_size, X509* certificate, std::size_t chain_index, int* alert,
             void* arg);
// RFC 8701 §2: reserved, ignored by every server.
inline constexpr unsigned kRoomExtension = 0x0a0a;

}  // namespace i2::stoq::core
