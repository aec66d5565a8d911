// A TLS client without I/O that looks at what a server shows and believes nothing: no certificate
// is verified. For checks whose subject is the server's certificate, or whose answer needs no
// secrecy (RFC 8737, RFC 8555 §8.3). Nothing confidential may be sent through it.
//
//   TlsProbe probe = *TlsProbe::create("example.org", "acme-tls/1");
//   send(probe.take_output());
//   while (!probe.is_connected()) { probe.handle(receive()); send(probe.take_output()); }
//
// TLS 1.2 and 1.3. Does not copy; a moved-from probe may be destroyed only. Not thread-safe.
#pragma once

#include <i2/base/bytes.h>
#include <i2/base/error.h>
#include <i2/crypto/x509.h>

#include <memory>
#include <string>
#include <string_view>

namespace i2::crypto {

class TlsProbe {
 public:
  // `server_name`: a DNS name, for SNI (RFC 6066 §3). `protocol`: the only one that ALPN offers
  // (RFC 7301); empty: no ALPN. The ClientHello is output then. Errors: crypto.provider, crypto.tls
  // (a name or protocol that TLS cannot carry).
  [[nodiscard]] static Result<TlsProbe> create(const std::string& server_name,
                                               std::string_view protocol);
  ~TlsProbe();
  TlsProbe(TlsProbe&&) noexcept;
  TlsProbe& operator=(TlsProbe&&) noexcept;

  // What the server sent. Error: crypto.tls; the probe is of no use then.
  [[nodiscard]] Result<void> handle(ByteView received);
  // What is to be sent to the server, after each of the other calls.
  [[nodiscard]] Bytes take_output();

  // The handshake is over.
  [[nodiscard]] bool is_connected() const;
  // What follows needs a finished handshake.
  // The server's own certificate. Error: crypto.certificate_malformed, also for keys of algorithms
  // that are not used here.
  [[nodiscard]] Result<Certificate> certificate() const;
  [[nodiscard]] std::string protocol() const;  // that ALPN agreed on; empty: none

  // Application data. Error: crypto.tls.
  [[nodiscard]] Result<void> write(ByteView data);
  [[nodiscard]] Bytes take_input();     // what has come
  [[nodiscard]] bool is_ended() const;  // the server sent close_notify

 private:
  struct Session;
  explicit TlsProbe(std::unique_ptr<Session> session);
  std::unique_ptr<Session> session_;
};

}  // namespace i2::crypto
