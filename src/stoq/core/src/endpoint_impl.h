// The inside of an Endpoint.
#pragma once

#include <deque>
#include <set>
#include <unordered_map>

#include "connection_impl.h"

namespace i2::stoq::core {

// Connection IDs chosen here have this length: one byte for the worker, seven random ones.
inline constexpr std::size_t kLocalCidSize = 8;

struct CidKey {
  std::uint8_t size = 0;
  std::array<std::uint8_t, NGTCP2_MAX_CIDLEN> bytes{};

  CidKey(const std::uint8_t* data, std::size_t length) : size(static_cast<std::uint8_t>(length)) {
    std::memcpy(bytes.data(), data, length);
  }
  explicit CidKey(const ngtcp2_cid& cid) : CidKey(cid.data, cid.datalen) {}
  friend bool operator==(const CidKey&, const CidKey&) = default;
};

// Seeded, because clients choose the first connection ID and could otherwise choose collisions.
struct CidHash {
  std::uint64_t seed;
  std::size_t operator()(const CidKey& key) const {
    std::uint64_t words[3] = {};
    static_assert(sizeof words >= NGTCP2_MAX_CIDLEN);
    std::memcpy(words, key.bytes.data(), key.bytes.size());
    std::uint64_t hash = seed ^ key.size;
    for (const std::uint64_t word : words) {
      hash ^= word;
      hash *= 0x9e3779b97f4a7c15u;
      hash ^= hash >> 32;
    }
    return hash;
  }
};

class Endpoint::Impl {
 public:
  Impl(const EndpointConfig& config, std::shared_ptr<TlsContext> tls,
       const ports::CertSource& certificates, const ports::PeerVerifier& verifier, Rng& rng,
       Timestamp now, UnixMillis unix_now);

  void handle_datagram(const PathAddresses& path, std::uint8_t ecn, ByteView datagram,
                       Timestamp now);
  [[nodiscard]] std::optional<Transmit> poll_transmit(MutableByteView buffer, Timestamp now);
  void handle_timeout(Timestamp now);
  [[nodiscard]] Result<ConnectionHandle> connect(const PathAddresses& path, ConnectOptions& options,
                                                 Timestamp now);
  void forget(ConnectionHandle handle);
  // The application is done with a closed connection; it goes when its closing period is over.
  void release(ConnectionHandle handle);
  void shut_down();
  [[nodiscard]] Timestamp next_timeout() const {
    return timers_.empty() ? kNever : timers_.begin()->first;
  }
  [[nodiscard]] std::size_t connection_count() const { return connections_.size(); }
  [[nodiscard]] ConnectionImpl* find(ConnectionHandle handle);

  // --- for connections
  void mark_dirty(ConnectionImpl& connection);
  void update_timer(ConnectionImpl& connection);
  void add_cid(ConnectionImpl& connection, const ngtcp2_cid& cid);
  void remove_cid(ConnectionImpl& connection, const ngtcp2_cid& cid);
  void add_reset_token(ConnectionImpl& connection, ByteView token);
  void remove_reset_token(ConnectionImpl& connection, ByteView token);
  [[nodiscard]] ngtcp2_cid new_cid(std::size_t size = kLocalCidSize);
  void handshake_over(ConnectionImpl& connection);
  [[nodiscard]] UnixMillis unix_at(Timestamp now) const;

  EndpointConfig config_;
  std::shared_ptr<TlsContext> tls_;  // shared with the other workers' endpoints
  const ports::CertSource& certificates_;
  const ports::PeerVerifier& verifier_;
  Rng& rng_;
  Timestamp now_;  // the latest time seen; ngtcp2 asserts that time never goes backwards
  Timestamp unix_anchor_;
  UnixMillis unix_at_anchor_;
  std::array<std::uint8_t, 32> reset_secret_{};
  std::array<std::uint8_t, 32> token_secret_{};
  bool accepting_ = true;
  std::deque<Event> events_;
  EndpointStats stats_;
  EndpointMetrics metrics_;
  BlockPool blocks_;

 private:
  void handle_initial(const PathAddresses& path, std::uint8_t ecn, ByteView datagram);
  void deliver(ConnectionImpl& connection, const PathAddresses& path, std::uint8_t ecn,
               ByteView datagram);
  void accept(const PathAddresses& path, std::uint8_t ecn, ByteView datagram,
              const ConnectionImpl::ServerStart& start);
  void send_retry(const PathAddresses& path, const ngtcp2_pkt_hd& header);
  void send_version_negotiation(const PathAddresses& path, const ngtcp2_version_cid& ids,
                                std::size_t received);
  void send_stateless_reset(const PathAddresses& path, const ngtcp2_version_cid& ids,
                            std::size_t received);
  // False when too many wait already.
  [[nodiscard]] bool queue_stateless(const PathAddresses& path, Bytes packet);
  [[nodiscard]] CidKey reset_key(ByteView token) const;
  // The connection whose peer may have ended it by this datagram, or null.
  [[nodiscard]] ConnectionImpl* find_by_reset(ByteView datagram);
  [[nodiscard]] bool handshake_lost_its_head(const ngtcp2_cid& dcid);
  void expire_retried();
  [[nodiscard]] ConnectionHandle add(std::unique_ptr<ConnectionImpl> connection);

  std::uint64_t next_handle_ = 1;
  std::unordered_map<std::uint64_t, std::unique_ptr<ConnectionImpl>> connections_;
  std::unordered_map<CidKey, ConnectionImpl*, CidHash> by_cid_;
  std::unordered_map<CidKey, ConnectionImpl*, CidHash>
      by_reset_;                      // reset_key() of the peers' tokens
  ConnectionImpl* recent_ = nullptr;  // whose short header came last
  std::array<std::uint8_t, kLocalCidSize> recent_cid_{};
  std::set<std::pair<Timestamp, std::uint64_t>> timers_;
  std::deque<std::uint64_t> dirty_;
  std::size_t handshakes_ = 0;

  struct Stateless {
    PathAddresses path;
    Bytes packet;
  };
  std::deque<Stateless> stateless_;
  Timestamp resets_window_start_ = 0;
  std::uint64_t resets_in_window_ = 0;
  // First connection IDs of clients that were told to Retry because their first Initial was lost;
  // the tokenless rest of that flight must not start a second connection.
  std::unordered_map<CidKey, Timestamp, CidHash> retried_;
  std::deque<std::pair<Timestamp, CidKey>> retried_order_;
};

}  // namespace i2::stoq::core
