// A QUIC endpoint, sans I/O: datagrams and time in, datagrams and events out.
//
// Drive it like this, on one thread:
//   handle_datagram() for everything that arrived, handle_timeout() when next_timeout() is due,
//   poll_event() until it is empty (react through Connection),
//   poll_transmit() until it returns nothing, sending each result.
// The endpoint answers Version Negotiation (RFC 9000 §6), Retry (§8.1.2) and stateless resets
// (§10.3) itself, keeps at most `connections_max` connections and `handshakes_max` unfinished
// handshakes, and never sends an unverified address more than three times what it received (§8.1;
// ngtcp2).
#pragma once

#include <i2/base/rng.h>
#include <i2/ports/trust.h>
#include <i2/stoq/core/config.h>
#include <i2/stoq/core/connection.h>
#include <i2/stoq/core/metrics.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace i2::stoq::core {

// One write for the network: `size` bytes of the caller's buffer, cut into datagrams of
// `segment_size` (the last may be shorter), all to one address.
struct Transmit {
  PathAddresses path;
  std::uint8_t ecn = 0;  // RFC 3168 codepoint
  std::size_t size = 0;
  std::size_t segment_size = 0;
};

// The largest super-buffer that UDP segmentation offload takes.
inline constexpr std::size_t kTransmitSizeMax = 65'487;

struct EndpointStats {
  std::uint64_t datagrams_received = 0;
  std::uint64_t datagrams_dropped = 0;  // unparsable, unknown, over a limit
  std::uint64_t retries_sent = 0;
  std::uint64_t version_negotiations_sent = 0;
  std::uint64_t stateless_resets_sent = 0;
  std::uint64_t connections_accepted = 0;
  std::uint64_t connections_opened = 0;
  std::uint64_t connections_established = 0;
  std::uint64_t handshakes_failed = 0;
  std::uint64_t peers_refused = 0;  // handshake fine, identity not
};

class Endpoint {
 public:
  // The references and `tls` outlive the endpoint. A null `tls` server side: it only connects.
  Endpoint(const EndpointConfig& config, std::shared_ptr<TlsContext> tls,
           const ports::CertSource& certificates, const ports::PeerVerifier& verifier, Rng& rng,
           Timestamp now, UnixMillis unix_now);
  ~Endpoint();
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  // --- network
  void handle_datagram(const PathAddresses& path, std::uint8_t ecn, ByteView datagram,
                       Timestamp now);
  [[nodiscard]] std::optional<Transmit> poll_transmit(MutableByteView buffer, Timestamp now);
  [[nodiscard]] Timestamp next_timeout() const;
  void handle_timeout(Timestamp now);
  // Wall-clock time for certificate checks; call it now and then, clocks drift apart.
  void set_unix_time(UnixMillis unix_now, Timestamp now);

  // --- application
  struct ConnectOptions {
    TlsSession session{};  // resume, when there is one
    Bytes token{};         // from an earlier connection's NEW_TOKEN
    std::string alpn{};    // of one of the profiles; empty: the first
    // Whether the server is the right one. Needed exactly when the profile has no stoq session:
    // there nobody else decides it.
    std::function<Result<void>(const crypto::Certificate& leaf)> check_leaf{};
  };
  // Error: stoq.overloaded, stoq.shut_down, stoq.tls_setup (also an ALPN without a profile),
  // stoq.ipv4_refused.
  [[nodiscard]] Result<ConnectionHandle> connect(const PathAddresses& path, ConnectOptions options,
                                                 Timestamp now);
  // Null when the connection is gone. kClosed keeps it until forget().
  [[nodiscard]] std::optional<Connection> find(ConnectionHandle handle);
  void forget(ConnectionHandle handle);
  [[nodiscard]] std::optional<Event> poll_event();
  // Closes every connection with kGoingAway (here: stoq.shut_down) and accepts and opens no more.
  void shut_down();
  [[nodiscard]] std::size_t connection_count() const;
  [[nodiscard]] const EndpointStats& stats() const;
  [[nodiscard]] const EndpointMetrics& metrics() const;  // may be read on any thread

 private:
  friend class ConnectionImpl;
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace i2::stoq::core
