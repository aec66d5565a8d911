#include <i2/base/assert.h>
#include <i2/crypto/provider.h>
#include <i2/crypto/tls_probe.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <array>
#include <utility>

#include "error_queue.h"
#include "native.h"

namespace i2::crypto {
namespace {

using TlsContextPointer = NativePointer<SSL_CTX, SSL_CTX_free>;
using TlsPointer = NativePointer<SSL, SSL_free>;

std::unexpected<Error> tls_failure(std::string_view what) {
  return fail(openssl_error("crypto.tls", what));
}

bool set_protocol(SSL* ssl, std::string_view protocol) {
  // RFC 7301 §3.1: a list of names, each behind its length.
  Bytes list{static_cast<std::uint8_t>(protocol.size())};
  append(list, as_bytes(protocol));
  return protocol.size() <= 255 &&
         SSL_set_alpn_protos(ssl, list.data(), static_cast<unsigned>(list.size())) == 0;
}

}  // namespace

struct TlsProbe::Session {
  TlsContextPointer context;
  TlsPointer ssl;
  Bytes input{};
  bool connected = false;
  bool ended = false;

  // What a call of OpenSSL's returned that is no success. Wanting more is no error.
  Result<void> judge(int result) {
    switch (SSL_get_error(ssl.get(), result)) {
      case SSL_ERROR_WANT_READ:
      case SSL_ERROR_WANT_WRITE:
        return {};
      case SSL_ERROR_ZERO_RETURN:
        ended = true;
        return {};
      default:
        return tls_failure(connected ? "the TLS connection failed" : "the TLS handshake failed");
    }
  }

  Result<void> handshake() {
    const int result = SSL_do_handshake(ssl.get());
    connected = result == 1;
    return connected ? Result<void>() : judge(result);
  }

  Result<void> read() {
    std::array<std::uint8_t, 16 * 1024> buffer;
    for (;;) {
      const int size = SSL_read(ssl.get(), buffer.data(), static_cast<int>(buffer.size()));
      if (size <= 0) {
        return judge(size);
      }
      append(input, ByteView(buffer).first(static_cast<std::size_t>(size)));
    }
  }
};

TlsProbe::TlsProbe(std::unique_ptr<Session> session) : session_(std::move(session)) {}
TlsProbe::~TlsProbe() = default;
TlsProbe::TlsProbe(TlsProbe&&) noexcept = default;
TlsProbe& TlsProbe::operator=(TlsProbe&&) noexcept = default;

Result<TlsProbe> TlsProbe::create(const std::string& server_name, std::string_view protocol) {
  I2_TRY(install_provider());
  ERR_clear_error();
  auto session = std::make_unique<Session>();
  session->context.reset(SSL_CTX_new(TLS_client_method()));
  if (session->context == nullptr ||
      SSL_CTX_set_min_proto_version(session->context.get(), TLS1_2_VERSION) != 1) {
    return tls_failure("TLS could not be set up");
  }
  SSL_CTX_set_verify(session->context.get(), SSL_VERIFY_NONE, nullptr);
  SSL_CTX_set_options(session->context.get(), SSL_OP_NO_RENEGOTIATION);
  session->ssl.reset(SSL_new(session->context.get()));
  BIO* const in = BIO_new(BIO_s_mem());
  BIO* const out = BIO_new(BIO_s_mem());
  if (session->ssl == nullptr || in == nullptr || out == nullptr) {
    BIO_free(in);
    BIO_free(out);
    return tls_failure("TLS could not be set up");
  }
  // Nothing more to read means not yet, not the end.
  BIO_set_mem_eof_return(in, -1);
  SSL_set_bio(session->ssl.get(), in, out);
  SSL_set_connect_state(session->ssl.get());
  if (server_name.find('\0') != std::string::npos ||
      SSL_set_tlsext_host_name(session->ssl.get(), server_name.c_str()) != 1 ||
      (!protocol.empty() && !set_protocol(session->ssl.get(), protocol))) {
    return tls_failure("this name or protocol cannot be asked for by TLS");
  }
  I2_TRY(session->handshake());
  return TlsProbe(std::move(session));
}

Result<void> TlsProbe::handle(ByteView received) {
  ERR_clear_error();
  BIO* const in = SSL_get_rbio(session_->ssl.get());
  std::size_t written = 0;
  if (!received.empty() && BIO_write_ex(in, received.data(), received.size(), &written) != 1) {
    return tls_failure("no memory for what the server sent");
  }
  if (!session_->connected) {
    I2_TRY(session_->handshake());
  }
  return session_->connected ? session_->read() : Result<void>();
}

Bytes TlsProbe::take_output() {
  BIO* const out = SSL_get_wbio(session_->ssl.get());
  Bytes bytes(BIO_ctrl_pending(out));
  if (!bytes.empty()) {
    I2_ASSERT(BIO_read(out, bytes.data(), static_cast<int>(bytes.size())) ==
              static_cast<int>(bytes.size()));
  }
  return bytes;
}

bool TlsProbe::is_connected() const {
  return session_->connected;
}

Result<Certificate> TlsProbe::certificate() const {
  return Certificate::from_native(SSL_get0_peer_certificate(session_->ssl.get()));
}

std::string TlsProbe::protocol() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(session_->ssl.get(), &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

Result<void> TlsProbe::write(ByteView data) {
  I2_ASSERT(session_->connected);
  ERR_clear_error();
  std::size_t written = 0;
  if (!data.empty() && SSL_write_ex(session_->ssl.get(), data.data(), data.size(), &written) != 1) {
    return tls_failure("the TLS connection failed");
  }
  return {};
}

Bytes TlsProbe::take_input() {
  return std::exchange(session_->input, {});
}

bool TlsProbe::is_ended() const {
  return session_->ended;
}

}  // namespace i2::crypto
