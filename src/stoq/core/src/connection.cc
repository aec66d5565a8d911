// The public face of ConnectionImpl.
#include <i2/base/assert.h>
#include <i2/stoq/core/connection.h>

#include "endpoint_impl.h"

namespace i2::stoq::core {

ConnectionHandle Connection::handle() const {
  return impl_->handle_;
}
ConnectionState Connection::state() const {
  return impl_->state_;
}
bool Connection::is_client() const {
  return impl_->client_;
}
bool Connection::established() const {
  return impl_->established_;
}
std::string_view Connection::alpn() const {
  return impl_->profile_ == nullptr ? std::string_view{} : impl_->profile_->tls.alpn;
}
ports::LeafStanding Connection::leaf_standing() const {
  return impl_->standing_;
}
const ports::PeerIdentity& Connection::peer() const {
  return impl_->peer_;
}
crypto::Certificate Connection::local_leaf() const {
  return impl_->credential_ == nullptr ? crypto::Certificate() : impl_->credential_->certificate;
}
const crypto::Certificate& Connection::peer_leaf() const {
  return impl_->peer_leaf_;
}
const std::vector<crypto::Certificate>& Connection::peer_chain() const {
  return impl_->peer_chain_;
}
const Error& Connection::close_error() const {
  return impl_->close_error_;
}
PathInfo Connection::path() const {
  ngtcp2_conn_info info{};
  ngtcp2_conn_get_conn_info(impl_->conn_, &info);
  return {.addresses = addresses_of(*ngtcp2_conn_get_path(impl_->conn_)),
          .smoothed_rtt = info.smoothed_rtt,
          .minimum_rtt = info.min_rtt == UINT64_MAX ? 0 : info.min_rtt,
          .mtu = impl_->packet_size_max(),
          .congestion_window = info.cwnd,
          .bytes_in_flight = info.bytes_in_flight};
}

SecurityInfo Connection::security() const {
  SecurityInfo out;
  SSL* const ssl = impl_->ssl_;
  if (const char* group = SSL_get0_group_name(ssl); group != nullptr) {
    out.key_exchange = group;
  }
  // The leaf's signature proves the TLS half, HELLO the Ed25519 half of the identity.
  if (impl_->peer_leaf_) {
    out.authentication =
        std::string(crypto::info(impl_->peer_leaf_.public_key().algorithm()).name) +
        (impl_->profile_->session ? "+ed25519" : "");
  }
  if (const SSL_CIPHER* cipher = SSL_get_current_cipher(ssl); cipher != nullptr) {
    out.cipher = SSL_CIPHER_standard_name(cipher);
  }
  out.resumed = SSL_session_reused(ssl) == 1;
  return out;
}

ByteView Connection::hello_to_sign() const {
  return impl_->hello_to_sign_;
}
void Connection::provide_hello_signature(ByteView signature) {
  impl_->provide_hello_signature(signature);
}

Result<Bytes> Connection::export_keying_material(std::string_view label, ByteView context,
                                                 std::size_t size) const {
  Bytes out(size);
  if (!impl_->handshake_done_ ||
      SSL_export_keying_material(impl_->ssl_, out.data(), out.size(), label.data(), label.size(),
                                 context.data(), context.size(), 1) != 1) {
    return fail("stoq.not_connected", "no keys to export yet");
  }
  return out;
}

TlsSession Connection::take_session() {
  return std::move(impl_->session_);
}
Bytes Connection::take_token() {
  return std::move(impl_->new_token_);
}

Result<StreamId> Connection::open_stream(StreamType type, bool bidirectional) {
  if (!impl_->established_) {
    return fail("stoq.not_connected", "the peer is not verified yet");
  }
  I2_ASSERT(impl_->profile_->session);
  return impl_->open_stream(type, bidirectional);
}

Result<StreamId> Connection::open_raw_stream(bool bidirectional) {
  if (!impl_->established_) {
    return fail("stoq.not_connected", "the handshake is not complete");
  }
  I2_ASSERT(!impl_->profile_->session);
  return impl_->open_stream(std::nullopt, bidirectional);
}

std::optional<std::uint64_t> Connection::stream_type(StreamId id) const {
  const StreamState* const state = impl_->stream(id);
  return state == nullptr ? std::nullopt : state->type;
}

Result<void> Connection::write(StreamId id, Chunk data, bool fin) {
  return impl_->write_stream(id, std::move(data), fin);
}

std::size_t Connection::unsent(StreamId id) const {
  const StreamState* const state = impl_->stream(id);
  return state == nullptr ? 0 : state->send.unsent();
}

std::uint64_t Connection::unacknowledged(StreamId id) const {
  const StreamState* const state = impl_->stream(id);
  return state == nullptr ? 0 : state->send.unacknowledged();
}

void Connection::want_writable(StreamId id) {
  if (StreamState* const state = impl_->stream(id); state != nullptr) {
    state->want_writable = true;
    impl_->watch(*state);
  }
}

void Connection::want_acknowledged(StreamId id) {
  if (StreamState* const state = impl_->stream(id); state != nullptr) {
    state->want_acknowledged = true;
    impl_->watch(*state);
  }
}

void Connection::want_stopped(StreamId id) {
  if (StreamState* const state = impl_->stream(id); state != nullptr) {
    state->want_stopped = true;
    impl_->watch(*state);
  }
}

Result<ReadResult> Connection::read(StreamId id, std::size_t size_max) {
  return impl_->read_stream(id, size_max);
}
void Connection::reset_stream(StreamId id, std::uint64_t app_error) {
  impl_->reset_stream(id, app_error);
}
void Connection::stop_sending(StreamId id, std::uint64_t app_error) {
  impl_->stop_sending(id, app_error);
}
void Connection::release_stream(StreamId id) {
  impl_->release_stream(id);
}

void Connection::set_priority(StreamId id, std::uint8_t priority) {
  if (StreamState* const state = impl_->stream(id); state != nullptr && !state->ready) {
    state->priority = std::min<std::uint8_t>(priority, kPriorities - 1);
  }
}

Result<void> Connection::send_datagram(Chunk data) {
  if (!impl_->established_) {
    return fail("stoq.not_connected", "the peer is not verified yet");
  }
  if (data.size() > datagram_size_max()) {
    return fail("stoq.datagram_too_large", "a datagram of " + std::to_string(data.size()) +
                                               " bytes; this path carries " +
                                               std::to_string(datagram_size_max()));
  }
  if (impl_->datagrams_out_.size() >= impl_->endpoint_.config_.datagram_queue_max) {
    return fail("stoq.overloaded", "the datagram queue is full");
  }
  impl_->datagrams_out_.push_back(std::move(data));
  impl_->endpoint_.mark_dirty(*impl_);
  return {};
}

std::optional<Chunk> Connection::take_datagram() {
  if (impl_->datagrams_in_.empty()) {
    return std::nullopt;
  }
  Chunk out = std::move(impl_->datagrams_in_.front());
  impl_->datagrams_in_.pop_front();
  return out;
}

std::size_t Connection::datagram_size_max() const {
  return impl_->datagram_size_max();
}

Result<void> Connection::ping(std::uint64_t sequence, Timestamp now) {
  if (!impl_->established_) {
    return fail("stoq.not_connected", "the peer is not verified yet");
  }
  if (impl_->pings_.size() + impl_->pongs_.size() >= kPingsMax) {
    return fail("stoq.overloaded", std::to_string(kPingsMax) + " pings are not answered yet");
  }
  Bytes frame;
  append_frame(frame, FrameType::kPing, encode(Ping{sequence, now}));
  I2_TRY(impl_->write_stream(impl_->control_out_, Chunk(std::move(frame)), false));
  impl_->pings_.push_back({sequence, now});
  return {};
}

std::optional<Connection::Pong> Connection::take_pong() {
  if (impl_->pongs_.empty()) {
    return std::nullopt;
  }
  const Pong out = impl_->pongs_.front();
  impl_->pongs_.pop_front();
  return out;
}

Result<void> Connection::update_keys(Timestamp now) {
  const bool open = impl_->state_ == ConnectionState::kOpen;
  if (const int rv = open ? ngtcp2_conn_initiate_key_update(impl_->conn_, now) : -1; rv != 0) {
    return fail("stoq.not_connected", "the keys cannot be updated now", rv);
  }
  impl_->endpoint_.mark_dirty(*impl_);
  return {};
}

void Connection::close(std::uint64_t app_error, std::string_view reason) {
  impl_->close(app_error, reason, Error("stoq.closed", "this side closed the connection"));
}

}  // namespace i2::stoq::core
