// ngtcp2's callbacks: from C to ConnectionImpl.
#include "endpoint_impl.h"
#include "packet_crypto.h"
#include "tls_session.h"

namespace i2::stoq::core {
namespace {

ConnectionImpl& self(void* user_data) {
  return *static_cast<ConnectionImpl*>(user_data);
}

void fill_random(std::uint8_t* out, std::size_t size, const ngtcp2_rand_ctx* context) {
  static_cast<Rng*>(context->native_handle)->fill({out, size});
}

int new_connection_id(ngtcp2_conn*, ngtcp2_cid* cid, std::uint8_t* token, std::size_t size,
                      void* user_data) {
  ConnectionImpl& connection = self(user_data);
  *cid = connection.endpoint_.new_cid(size);
  const auto& secret = connection.endpoint_.reset_secret_;
  if (ngtcp2_crypto_generate_stateless_reset_token(token, secret.data(), secret.size(), cid) != 0) {
    return NGTCP2_ERR_CALLBACK_FAILURE;
  }
  connection.endpoint_.add_cid(connection, *cid);
  return 0;
}

int remove_connection_id(ngtcp2_conn*, const ngtcp2_cid* cid, void* user_data) {
  self(user_data).endpoint_.remove_cid(self(user_data), *cid);
  return 0;
}

int handshake_completed(ngtcp2_conn*, void* user_data) {
  self(user_data).on_handshake_completed();
  return 0;
}

int sending_keys(ngtcp2_conn*, ngtcp2_encryption_level level, void* user_data) {
  if (level == NGTCP2_ENCRYPTION_LEVEL_1RTT) {
    self(user_data).keys_ready_ = true;
  }
  return 0;
}

int stream_data(ngtcp2_conn*, std::uint32_t flags, std::int64_t id, std::uint64_t,
                const std::uint8_t* data, std::size_t size, void* user_data, void* stream) {
  return self(user_data).on_stream_data(id, flags, {data, size}, static_cast<StreamState*>(stream));
}

int stream_open(ngtcp2_conn* conn, std::int64_t id, void* user_data) {
  ConnectionImpl& connection = self(user_data);
  auto state = std::make_unique<StreamState>(id);
  state->reading_type = connection.profile_->session;
  state->write_closed = is_unidirectional(id);
  ngtcp2_conn_set_stream_user_data(conn, id, state.get());
  connection.streams_[id] = std::move(state);
  return 0;
}

int stream_close(ngtcp2_conn*, std::uint32_t, std::int64_t, std::uint64_t, void* user_data,
                 void* stream) {
  return self(user_data).on_stream_close(static_cast<StreamState*>(stream));
}

int stream_reset(ngtcp2_conn*, std::int64_t, std::uint64_t, std::uint64_t app_error,
                 void* user_data, void* stream) {
  if (auto* state = static_cast<StreamState*>(stream); state != nullptr) {
    state->reset_code = app_error;
    self(user_data).flag_readable(*state);
  }
  return 0;
}

int acknowledged(ngtcp2_conn*, std::int64_t, std::uint64_t offset, std::uint64_t size,
                 void* user_data, void* stream) {
  if (auto* state = static_cast<StreamState*>(stream); state != nullptr) {
    state->send.acknowledge(offset + size);
    self(user_data).path_size_.acknowledged();
    if (state->want_acknowledged && state->send.unacknowledged() == 0) {
      state->want_acknowledged = false;
      self(user_data).event(EventKind::kStreamAcknowledged, state->id);
    }
  }
  return 0;
}

int extend_stream_data(ngtcp2_conn*, std::int64_t, std::uint64_t, void* user_data, void* stream) {
  if (auto* state = static_cast<StreamState*>(stream); state != nullptr && state->blocked) {
    state->blocked = false;
    self(user_data).make_ready(*state);
  }
  return 0;
}

int extend_streams(ngtcp2_conn*, std::uint64_t, void* user_data) {
  ConnectionImpl& connection = self(user_data);
  if (connection.streams_wanted_) {
    connection.streams_wanted_ = false;
    connection.event(EventKind::kStreamsAvailable);
  }
  return 0;
}

int datagram(ngtcp2_conn*, std::uint32_t, const std::uint8_t* data, std::size_t size,
             void* user_data) {
  ConnectionImpl& connection = self(user_data);
  if (!connection.established_) {
    return 0;  // datagrams may be lost (RFC 9221 §5.2), and nobody is known yet
  }
  auto& queue = connection.datagrams_in_;
  if (queue.size() >= connection.endpoint_.config_.datagram_queue_max) {
    queue.pop_front();
  }
  queue.push_back(Chunk::copy_of({data, size}));
  if (queue.size() == 1) {
    connection.event(EventKind::kDatagramReceived);
  }
  return 0;
}

int datagram_acknowledged(ngtcp2_conn*, std::uint64_t, void* user_data) {
  self(user_data).datagram_under_way_ = false;
  self(user_data).path_size_.acknowledged();
  return 0;
}

int datagram_lost(ngtcp2_conn*, std::uint64_t, void* user_data) {
  self(user_data).datagram_under_way_ = false;
  return 0;
}

int handshake_confirmed(ngtcp2_conn*, void* user_data) {
  self(user_data).on_handshake_confirmed();
  return 0;
}

// An Initial packet must have room for more than its token.
constexpr std::size_t kTokenMax = 512;

int new_token(ngtcp2_conn*, const std::uint8_t* token, std::size_t size, void* user_data) {
  if (size <= kTokenMax) {
    self(user_data).new_token_.assign(token, token + size);
  }
  return 0;
}

int peer_connection_id(ngtcp2_conn*, ngtcp2_connection_id_status_type status, std::uint64_t,
                       const ngtcp2_cid*, const ngtcp2_stateless_reset_token* token,
                       void* user_data) {
  if (token != nullptr) {
    ConnectionImpl& connection = self(user_data);
    if (status == NGTCP2_CONNECTION_ID_STATUS_TYPE_ACTIVATE) {
      connection.endpoint_.add_reset_token(connection, token->data);
    } else {
      connection.endpoint_.remove_reset_token(connection, token->data);
    }
  }
  return 0;
}

int stateless_reset(ngtcp2_conn*, const ngtcp2_pkt_stateless_reset2*, void* user_data) {
  self(user_data).reset_by_peer_ = true;
  return 0;
}

ngtcp2_callbacks common_callbacks() {
  ngtcp2_callbacks out{};
  out.recv_crypto_data = ngtcp2_crypto_recv_crypto_data_cb;
  out.handshake_completed = handshake_completed;
  out.recv_tx_key = sending_keys;
  install_packet_crypto(out);
  out.recv_stream_data = stream_data;
  out.acked_stream_data_offset = acknowledged;
  out.stream_open = stream_open;
  out.stream_close = stream_close;
  out.stream_reset = stream_reset;
  out.extend_max_local_streams_bidi = extend_streams;
  out.extend_max_local_streams_uni = extend_streams;
  out.extend_max_stream_data = extend_stream_data;
  out.rand = fill_random;
  out.get_new_connection_id = new_connection_id;
  out.remove_connection_id = remove_connection_id;
  out.update_key = ngtcp2_crypto_update_key_cb;
  out.delete_crypto_aead_ctx = ngtcp2_crypto_delete_crypto_aead_ctx_cb;
  out.delete_crypto_cipher_ctx = ngtcp2_crypto_delete_crypto_cipher_ctx_cb;
  out.get_path_challenge_data = ngtcp2_crypto_get_path_challenge_data_cb;
  out.version_negotiation = ngtcp2_crypto_version_negotiation_cb;
  out.recv_datagram = datagram;
  out.ack_datagram = datagram_acknowledged;
  out.lost_datagram = datagram_lost;
  out.recv_stateless_reset2 = stateless_reset;
  out.dcid_status2 = peer_connection_id;
  return out;
}

}  // namespace

const ngtcp2_callbacks& ConnectionImpl::client_callbacks() {
  static const ngtcp2_callbacks kCallbacks = [] {
    ngtcp2_callbacks out = common_callbacks();
    out.client_initial = ngtcp2_crypto_client_initial_cb;
    out.recv_retry = ngtcp2_crypto_recv_retry_cb;
    out.recv_new_token = new_token;
    out.handshake_confirmed = handshake_confirmed;
    return out;
  }();
  return kCallbacks;
}

const ngtcp2_callbacks& ConnectionImpl::server_callbacks() {
  static const ngtcp2_callbacks kCallbacks = [] {
    ngtcp2_callbacks out = common_callbacks();
    out.recv_client_initial = ngtcp2_crypto_recv_client_initial_cb;
    return out;
  }();
  return kCallbacks;
}

int take_new_session(SSL* ssl, SSL_SESSION* session) {
  auto* ref = static_cast<ngtcp2_crypto_conn_ref*>(SSL_get_app_data(ssl));
  if (ref == nullptr) {
    return 0;
  }
  auto* connection = static_cast<ConnectionImpl*>(ref->user_data);
  connection->session_ = TlsSession(session, SSL_SESSION_free);
  return 1;
}

// RFC 9000 §8.1: a server sends at most three times what it received before it knows the address.
// Two Initials allow 7 200 bytes, its flight with a Falcon leaf, SETTINGS and HELLO takes about 8
// 000.
int add_room(SSL* ssl, unsigned, unsigned, const unsigned char** out, std::size_t* out_size, X509*,
             std::size_t, int*, void*) {
  static constexpr std::array<unsigned char, 1'000> kZeros{};
  const auto* ref = static_cast<ngtcp2_crypto_conn_ref*>(SSL_get_app_data(ssl));
  if (ref == nullptr || static_cast<ConnectionImpl*>(ref->user_data)->address_token_) {
    return 0;  // a validated address has no such limit
  }
  *out = kZeros.data();
  *out_size = kZeros.size();
  return 1;
}

int on_profile(SSL* ssl, const Profile& profile) {
  auto* ref = static_cast<ngtcp2_crypto_conn_ref*>(SSL_get_app_data(ssl));
  return static_cast<ConnectionImpl*>(ref->user_data)->adopt(profile);
}

int ConnectionImpl::on_stream_data(StreamId id, std::uint32_t flags, ByteView data,
                                   StreamState* state) {
  if (state == nullptr || state->read_closed || state_ == ConnectionState::kClosing) {
    // Nobody reads it any more: give the credit back and forget the bytes.
    ngtcp2_conn_extend_max_stream_offset(conn_, id, data.size());
    ngtcp2_conn_extend_max_offset(conn_, data.size());
    return 0;
  }
  state->receive.append(data, endpoint_.blocks_);
  if ((flags & NGTCP2_STREAM_DATA_FLAG_FIN) != 0) {
    state->fin_received = true;
  }
  flag_readable(*state);
  return 0;
}

int ConnectionImpl::on_stream_close(StreamState* state) {
  if (state != nullptr) {
    // Also when nothing was written yet: a service that prepares its answer wants to know.
    const bool was_open = !state->write_closed && !state->fin_queued;
    state->transport_closed = true;
    state->write_closed = true;
    if (state->send.unacknowledged() > 0 || was_open) {
      flag_stopped(*state);  // the peer stopped reading, or this side reset the stream
    }
    erase_if_done(*state);
  }
  return 0;
}

}  // namespace i2::stoq::core
