// Where OpenSSL's session callback leaves a client's resumption state.
#pragma once

#include <openssl/ssl.h>

namespace i2::stoq::core {

// SSL_CTX_sess_set_new_cb: hands the session to the ConnectionImpl behind `ssl`; takes the
// reference.
int take_new_session(SSL* ssl, SSL_SESSION* session);

}  // namespace i2::stoq::core
