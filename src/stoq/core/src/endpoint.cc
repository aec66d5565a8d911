#include <i2/base/assert.h>
#include <i2/crypto/hash.h>
#include <i2/stoq/core/endpoint.h>

#include <algorithm>

#include "endpoint_impl.h"

namespace i2::stoq::core {
namespace {

constexpr std::size_t kRetriedMax = 4'096;
constexpr Duration kTokenLifetime = 24 * 3600 * kSecond;
constexpr Duration kRetryTokenLifetime = 10 * kSecond;

}  // namespace

Endpoint::Impl::Impl(const EndpointConfig& config, std::shared_ptr<TlsContext> tls,
                     const ports::CertSource& certificates, const ports::PeerVerifier& verifier,
                     Rng& rng, Timestamp now, UnixMillis unix_now)
    : config_(config),
      tls_(std::move(tls)),
      certificates_(certificates),
      verifier_(verifier),
      rng_(rng),
      now_(now),
      unix_anchor_(now),
      unix_at_anchor_(unix_now),
      by_cid_(64, CidHash{rng.next_u64()}),
      by_reset_(16, CidHash{rng.next_u64()}),
      retried_(16, CidHash{rng.next_u64()}) {
  I2_ASSERT(config.workers > 0 && config.worker < config.workers);
  Hash256 secret{};
  rng_.fill(secret);
  secret = config.secret.value_or(secret);
  reset_secret_ = crypto::hmac_sha256(secret, as_bytes("i2/stoq/reset/v1"));
  token_secret_ = crypto::hmac_sha256(secret, as_bytes("i2/stoq/token/v1"));
}

UnixMillis Endpoint::Impl::unix_at(Timestamp now) const {
  return unix_at_anchor_ + (now - unix_anchor_) / kMillisecond;
}

ngtcp2_cid Endpoint::Impl::new_cid(std::size_t size) {
  ngtcp2_cid cid{};
  cid.datalen = size;
  rng_.fill({cid.data, size});
  // The kernel steers by the first byte modulo the number of workers.
  const unsigned multiple = cid.data[0] / config_.workers * config_.workers;
  const unsigned wanted = multiple + config_.worker;
  cid.data[0] = static_cast<std::uint8_t>(wanted > 255 ? wanted - config_.workers : wanted);
  return cid;
}

void Endpoint::Impl::add_cid(ConnectionImpl& connection, const ngtcp2_cid& cid) {
  if (by_cid_.emplace(CidKey(cid), &connection).second) {
    connection.cids_.push_back(cid);
  }
}

void Endpoint::Impl::remove_cid(ConnectionImpl& connection, const ngtcp2_cid& cid) {
  recent_ = nullptr;
  by_cid_.erase(CidKey(cid));
  std::erase_if(connection.cids_, [&](const ngtcp2_cid& own) { return ngtcp2_cid_eq(&own, &cid); });
}

// RFC 9000 §10.3.1: a look-up must not leak tokens through its timing, so they are found by a MAC.
CidKey Endpoint::Impl::reset_key(ByteView token) const {
  const Hash256 mac = crypto::hmac_sha256(reset_secret_, token);
  return {mac.data(), NGTCP2_STATELESS_RESET_TOKENLEN};
}

void Endpoint::Impl::add_reset_token(ConnectionImpl& connection, ByteView token) {
  if (by_reset_.emplace(reset_key(token), &connection).second) {
    ngtcp2_stateless_reset_token copy{};
    std::copy(token.begin(), token.end(), std::begin(copy.data));
    connection.reset_tokens_.push_back(copy);
  }
}

void Endpoint::Impl::remove_reset_token(ConnectionImpl& connection, ByteView token) {
  const auto removed = std::erase_if(
      connection.reset_tokens_, [&](const auto& own) { return equal(ByteView(own.data), token); });
  if (removed > 0) {
    by_reset_.erase(reset_key(token));
  }
}

ConnectionImpl* Endpoint::Impl::find_by_reset(ByteView datagram) {
  // RFC 9000 §10.3: at least 5 bytes before the token; nothing else in it is known.
  if (by_reset_.empty() ||
      datagram.size() < NGTCP2_MIN_STATELESS_RESET_RANDLEN + NGTCP2_STATELESS_RESET_TOKENLEN) {
    return nullptr;
  }
  const auto it = by_reset_.find(reset_key(datagram.last(NGTCP2_STATELESS_RESET_TOKENLEN)));
  return it == by_reset_.end() ? nullptr : it->second;
}

void Endpoint::Impl::mark_dirty(ConnectionImpl& connection) {
  if (!connection.dirty_) {
    connection.dirty_ = true;
    dirty_.push_back(connection.handle_.value);
  }
}

void Endpoint::Impl::update_timer(ConnectionImpl& connection) {
  const Timestamp expiry = connection.expiry();
  if (expiry == connection.timer_) {
    return;
  }
  if (connection.timer_ != kNever) {
    auto node = timers_.extract({connection.timer_, connection.handle_.value});
    if (expiry != kNever) {
      node.value().first = expiry;
      timers_.insert(std::move(node));
    }
  } else {
    timers_.emplace(expiry, connection.handle_.value);
  }
  connection.timer_ = expiry;
}

void Endpoint::Impl::handshake_over(ConnectionImpl& connection) {
  if (connection.handshake_counted_) {
    connection.handshake_counted_ = false;
    --handshakes_;
  }
}

ConnectionImpl* Endpoint::Impl::find(ConnectionHandle handle) {
  const auto it = connections_.find(handle.value);
  return it == connections_.end() ? nullptr : it->second.get();
}

ConnectionHandle Endpoint::Impl::add(std::unique_ptr<ConnectionImpl> connection) {
  const ConnectionHandle handle = connection->handle_;
  connection->handshake_counted_ = true;
  ++handshakes_;
  mark_dirty(*connection);
  connections_.emplace(handle.value, std::move(connection));
  return handle;
}

void Endpoint::Impl::forget(ConnectionHandle handle) {
  ConnectionImpl* const connection = find(handle);
  if (connection == nullptr) {
    return;
  }
  handshake_over(*connection);
  recent_ = nullptr;
  if (connection->timer_ != kNever) {
    timers_.erase({connection->timer_, handle.value});
  }
  for (const ngtcp2_cid& cid : connection->cids_) {
    by_cid_.erase(CidKey(cid));
  }
  for (const auto& token : connection->reset_tokens_) {
    by_reset_.erase(reset_key(token.data));
  }
  connections_.erase(handle.value);
}

Result<ConnectionHandle> Endpoint::Impl::connect(const PathAddresses& path, ConnectOptions& options,
                                                 Timestamp now) {
  now_ = std::max(now_, now);
  if (path.remote.is_ipv4_mapped()) {
    return fail("stoq.ipv4_refused",
                path.remote.to_string() + " is an IPv4 address: this network speaks IPv6 only");
  }
  if (!accepting_) {
    return fail("stoq.shut_down", "this node is shutting down");
  }
  if (connections_.size() >= config_.connections_max) {
    return fail("stoq.overloaded", "the limit of " + std::to_string(config_.connections_max) +
                                       " connections is reached");
  }
  auto connection = std::make_unique<ConnectionImpl>(*this, ConnectionHandle{next_handle_++}, true);
  if (auto started = connection->start_client(path, options, now_); !started) {
    for (const ngtcp2_cid& cid : connection->cids_) {
      by_cid_.erase(CidKey(cid));
    }
    return fail(started.error());
  }
  ++stats_.connections_opened;
  return add(std::move(connection));
}

void Endpoint::Impl::handle_datagram(const PathAddresses& path, std::uint8_t ecn, ByteView datagram,
                                     Timestamp now) {
  now_ = std::max(now_, now);
  ++stats_.datagrams_received;
  if (datagram.empty()) {  // ngtcp2 asserts that there is something to look at
    ++stats_.datagrams_dropped;
    return;
  }
  // RFC 8999 §5.2: a short header is one byte and the connection ID. A batch mostly belongs to one
  // connection.
  constexpr std::size_t kShortHeader = 1 + kLocalCidSize;
  const bool is_short = datagram.size() > kShortHeader && (datagram[0] & 0x80) == 0;
  if (is_short && recent_ != nullptr &&
      std::memcmp(datagram.data() + 1, recent_cid_.data(), kLocalCidSize) == 0) {
    deliver(*recent_, path, ecn, datagram);
    return;
  }
  ngtcp2_version_cid ids{};
  const int rv =
      ngtcp2_pkt_decode_version_cid(&ids, datagram.data(), datagram.size(), kLocalCidSize);
  if (rv == NGTCP2_ERR_VERSION_NEGOTIATION) {
    send_version_negotiation(path, ids, datagram.size());
    return;
  }
  // RFC 9000 §17.2: version 1 and 2 connection IDs have at most 20 bytes.
  if (rv != 0 || ids.dcidlen > NGTCP2_MAX_CIDLEN || ids.scidlen > NGTCP2_MAX_CIDLEN) {
    ++stats_.datagrams_dropped;
    return;
  }
  const auto it = by_cid_.find(CidKey(ids.dcid, ids.dcidlen));
  if (it == by_cid_.end()) {
    if (ids.version == 0) {
      if (ConnectionImpl* const reset = find_by_reset(datagram); reset != nullptr) {
        deliver(*reset, path, ecn, datagram);
        return;
      }
      send_stateless_reset(path, ids, datagram.size());
    } else {
      handle_initial(path, ecn, datagram);
    }
    return;
  }
  if (is_short) {
    recent_ = it->second;
    std::memcpy(recent_cid_.data(), ids.dcid, kLocalCidSize);
  }
  deliver(*it->second, path, ecn, datagram);
}

void Endpoint::Impl::deliver(ConnectionImpl& connection, const PathAddresses& path,
                             std::uint8_t ecn, ByteView datagram) {
  const int verdict = connection.handle_packet(path, ecn, datagram, now_);
  if (verdict != 0) {
    // A Retry is due although the connection exists: its first Initial never made it (see
    // accept()).
    forget(connection.handle_);
    return;
  }
  connection.start_session();
}

void Endpoint::Impl::handle_initial(const PathAddresses& path, std::uint8_t ecn,
                                    ByteView datagram) {
  ngtcp2_pkt_hd header{};
  // RFC 9000 §14.1: Initials come in datagrams of at least 1200 bytes; ngtcp2_accept checks it.
  if (!accepting_ || ngtcp2_accept(&header, datagram.data(), datagram.size()) != 0) {
    ++stats_.datagrams_dropped;
    return;
  }
  if (connections_.size() >= config_.connections_max || handshakes_ >= config_.handshakes_max) {
    ++stats_.datagrams_dropped;
    return;
  }
  NativePath native(path);
  ngtcp2_cid original{};
  if (header.tokenlen == 0) {
    if (handshakes_ >= config_.handshakes_max / 2 || handshake_lost_its_head(header.dcid)) {
      send_retry(path, header);
      return;
    }
    accept(path, ecn, datagram, {header, nullptr, NGTCP2_TOKEN_TYPE_UNKNOWN});
    return;
  }
  switch (header.token[0]) {
    case NGTCP2_CRYPTO_TOKEN_MAGIC_RETRY2: {
      const int rv = ngtcp2_crypto_verify_retry_token2(
          &original, header.token, header.tokenlen, token_secret_.data(), token_secret_.size(),
          header.version, native.path.remote.addr, native.path.remote.addrlen, &header.dcid,
          kRetryTokenLifetime, now_);
      if (rv != 0) {
        // RFC 9000 §8.1.3: an invalid Retry token must not start a connection.
        ++stats_.datagrams_dropped;
        return;
      }
      accept(path, ecn, datagram, {header, &original, NGTCP2_TOKEN_TYPE_RETRY});
      return;
    }
    case NGTCP2_CRYPTO_TOKEN_MAGIC_REGULAR: {
      const int rv = ngtcp2_crypto_verify_regular_token(
          header.token, header.tokenlen, token_secret_.data(), token_secret_.size(),
          native.path.remote.addr, native.path.remote.addrlen, kTokenLifetime, now_);
      if (rv == 0) {
        accept(path, ecn, datagram, {header, nullptr, NGTCP2_TOKEN_TYPE_NEW_TOKEN});
        return;
      }
      break;
    }
    default:
      break;
  }
  // RFC 9000 §8.1.3: a token of an earlier run or of another address is as good as none.
  if (handshakes_ >= config_.handshakes_max / 2 || handshake_lost_its_head(header.dcid)) {
    send_retry(path, header);
    return;
  }
  header.token = nullptr;
  header.tokenlen = 0;
  accept(path, ecn, datagram, {header, nullptr, NGTCP2_TOKEN_TYPE_UNKNOWN});
}

void Endpoint::Impl::accept(const PathAddresses& path, std::uint8_t ecn, ByteView datagram,
                            const ConnectionImpl::ServerStart& start) {
  auto connection =
      std::make_unique<ConnectionImpl>(*this, ConnectionHandle{next_handle_++}, false);
  if (auto started = connection->start_server(path, start, now_); !started) {
    for (const ngtcp2_cid& cid : connection->cids_) {
      by_cid_.erase(CidKey(cid));
    }
    ++stats_.datagrams_dropped;
    return;
  }
  ConnectionImpl& accepted = *connection;
  const ConnectionHandle handle = add(std::move(connection));
  const int verdict = accepted.handle_packet(path, ecn, datagram, now_);
  if (verdict == 0) {
    ++stats_.connections_accepted;
    accepted.start_session();
    return;
  }
  forget(handle);
  if (verdict == NGTCP2_ERR_RETRY) {
    // A post-quantum ClientHello spans several Initials; this was not the first one. Everything
    // else of that flight is answered with Retry as well, or a second connection would race the
    // retried one.
    if (retried_.size() < kRetriedMax) {
      const Timestamp until = now_ + kRetryTokenLifetime;
      if (retried_.emplace(CidKey(start.header.dcid), until).second) {
        retried_order_.emplace_back(until, CidKey(start.header.dcid));
      }
    }
    send_retry(path, start.header);
    return;
  }
  ++stats_.datagrams_dropped;
}

bool Endpoint::Impl::handshake_lost_its_head(const ngtcp2_cid& dcid) {
  expire_retried();
  return retried_.contains(CidKey(dcid));
}

void Endpoint::Impl::expire_retried() {
  while (!retried_order_.empty() && retried_order_.front().first <= now_) {
    retried_.erase(retried_order_.front().second);
    retried_order_.pop_front();
  }
}

std::optional<Transmit> Endpoint::Impl::poll_transmit(MutableByteView buffer, Timestamp now) {
  now_ = std::max(now_, now);
  if (!stateless_.empty()) {
    const Stateless next = std::move(stateless_.front());
    stateless_.pop_front();
    const std::size_t size = std::min(next.packet.size(), buffer.size());
    std::copy_n(next.packet.begin(), size, buffer.begin());
    return Transmit{next.path, 0, size, size};
  }
  while (!dirty_.empty()) {
    ConnectionImpl* const connection = find({dirty_.front()});
    dirty_.pop_front();
    if (connection == nullptr) {
      continue;
    }
    connection->dirty_ = false;
    auto transmit = connection->write(buffer, now_);
    if (transmit) {
      mark_dirty(*connection);  // at the end: connections share by turns
      return transmit;
    }
    if (connection->state_ == ConnectionState::kClosed && connection->released_) {
      forget(connection->handle_);
      continue;
    }
    update_timer(*connection);
  }
  return std::nullopt;
}

void Endpoint::Impl::handle_timeout(Timestamp now) {
  now_ = std::max(now_, now);
  while (!timers_.empty() && timers_.begin()->first <= now_) {
    const std::uint64_t handle = timers_.begin()->second;
    timers_.erase(timers_.begin());
    ConnectionImpl* const connection = find({handle});
    I2_ASSERT(connection != nullptr);
    connection->timer_ = kNever;
    connection->handle_expiry(now_);
    if (connection->state_ == ConnectionState::kClosed) {
      if (connection->released_) {
        forget({handle});
      }
      continue;
    }
    mark_dirty(*connection);
  }
}

void Endpoint::Impl::release(ConnectionHandle handle) {
  ConnectionImpl* const connection = find(handle);
  if (connection == nullptr) {
    return;
  }
  connection->released_ = true;
  if (connection->state_ == ConnectionState::kClosed) {
    forget(handle);
  }
}

void Endpoint::Impl::shut_down() {
  accepting_ = false;
  for (auto& [handle, connection] : connections_) {
    const std::uint64_t code =
        (connection->profile_ == nullptr ? ProfileCodes{} : connection->profile_->codes).going_away;
    connection->close(code, describe(static_cast<std::uint64_t>(AppError::kGoingAway)),
                      Error("stoq.shut_down", "this node is shutting down"));
  }
}

// --- facade

Endpoint::Endpoint(const EndpointConfig& config, std::shared_ptr<TlsContext> tls,
                   const ports::CertSource& certificates, const ports::PeerVerifier& verifier,
                   Rng& rng, Timestamp now, UnixMillis unix_now)
    : impl_(std::make_unique<Impl>(config, std::move(tls), certificates, verifier, rng, now,
                                   unix_now)) {}

Endpoint::~Endpoint() = default;

void Endpoint::handle_datagram(const PathAddresses& path, std::uint8_t ecn, ByteView datagram,
                               Timestamp now) {
  impl_->handle_datagram(path, ecn, datagram, now);
}

std::optional<Transmit> Endpoint::poll_transmit(MutableByteView buffer, Timestamp now) {
  return impl_->poll_transmit(buffer, now);
}

Timestamp Endpoint::next_timeout() const {
  return impl_->next_timeout();
}
void Endpoint::handle_timeout(Timestamp now) {
  impl_->handle_timeout(now);
}

void Endpoint::set_unix_time(UnixMillis unix_now, Timestamp now) {
  impl_->now_ = std::max(impl_->now_, now);
  impl_->unix_anchor_ = impl_->now_;
  impl_->unix_at_anchor_ = unix_now;
}

Result<ConnectionHandle> Endpoint::connect(const PathAddresses& path, ConnectOptions options,
                                           Timestamp now) {
  return impl_->connect(path, options, now);
}

std::optional<Connection> Endpoint::find(ConnectionHandle handle) {
  ConnectionImpl* const connection = impl_->find(handle);
  return connection == nullptr ? std::nullopt : std::optional<Connection>(Connection(*connection));
}

void Endpoint::forget(ConnectionHandle handle) {
  impl_->release(handle);
}

std::optional<Event> Endpoint::poll_event() {
  if (impl_->events_.empty()) {
    return std::nullopt;
  }
  const Event event = impl_->events_.front();
  impl_->events_.pop_front();
  return event;
}

void Endpoint::shut_down() {
  impl_->shut_down();
}
std::size_t Endpoint::connection_count() const {
  return impl_->connection_count();
}
const EndpointStats& Endpoint::stats() const {
  return impl_->stats_;
}

const EndpointMetrics& Endpoint::metrics() const {
  return impl_->metrics_;
}

}  // namespace i2::stoq::core
