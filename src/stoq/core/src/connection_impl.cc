// The life of a connection: start, packets, timers, end.
#include <algorithm>
#include <format>

#include "endpoint_impl.h"

namespace i2::stoq::core {
namespace {

// RFC 9000 §13.2.1: less than max_ack_delay, which is 25 ms.
constexpr Duration kAckDelay = 5 * kMillisecond;

ngtcp2_conn* conn_of(ngtcp2_crypto_conn_ref* ref) {
  return static_cast<ConnectionImpl*>(ref->user_data)->conn_;
}

ngtcp2_settings make_settings(const EndpointConfig& config, Rng& rng, Timestamp now) {
  ngtcp2_settings out;
  ngtcp2_settings_default(&out);
  out.initial_ts = now;
  out.cc_algo =
      config.congestion == CongestionControl::kBbr ? NGTCP2_CC_ALGO_BBR : NGTCP2_CC_ALGO_CUBIC;
  out.rand_ctx.native_handle = &rng;
  out.max_tx_udp_payload_size = kTransmitSizeMax;
  out.handshake_timeout = config.handshake_timeout;
  out.pmtud_probes = config.mtu_probes.data();
  out.pmtud_probeslen = config.mtu_probes.size();
  out.no_pmtud = config.mtu_probes.empty() ? 1 : 0;
  return out;
}

void apply(const ProfileLimits& limits, ngtcp2_transport_params& out) {
  out.initial_max_data = limits.connection_window;
  out.initial_max_stream_data_bidi_local = limits.stream_window;
  out.initial_max_stream_data_bidi_remote = limits.stream_window;
  out.initial_max_stream_data_uni = limits.stream_window;
  out.initial_max_streams_bidi = limits.streams_bidi_max;
  out.initial_max_streams_uni = limits.streams_uni_max;
  out.max_datagram_frame_size = limits.datagram_size_max;
}

ngtcp2_transport_params make_params(const EndpointConfig& config) {
  ngtcp2_transport_params out;
  ngtcp2_transport_params_default(&out);
  out.initial_max_data = config.connection_window;
  out.initial_max_stream_data_bidi_local = config.stream_window;
  out.initial_max_stream_data_bidi_remote = config.stream_window;
  out.initial_max_stream_data_uni = config.stream_window;
  out.initial_max_streams_bidi = config.streams_bidi_max;
  out.initial_max_streams_uni = config.streams_uni_max;
  out.max_idle_timeout = config.idle_timeout;
  out.max_datagram_frame_size = config.datagram_size_max;
  out.active_connection_id_limit = 4;
  out.grease_quic_bit = 1;
  return out;
}

}  // namespace

ConnectionImpl::ConnectionImpl(Endpoint::Impl& endpoint, ConnectionHandle handle, bool client)
    : endpoint_(endpoint), handle_(handle), client_(client) {
  conn_ref_.get_conn = conn_of;
  conn_ref_.user_data = this;
  ngtcp2_ccerr_default(&close_error_native_);
}

ConnectionImpl::~ConnectionImpl() {
  if (conn_ != nullptr) {
    ngtcp2_conn_del(conn_);
  }
  if (ssl_ != nullptr) {
    SSL_set_app_data(ssl_, nullptr);
    // Without a shutdown OpenSSL marks the session as not resumable.
    SSL_set_quiet_shutdown(ssl_, 1);
    SSL_shutdown(ssl_);
  }
  ngtcp2_crypto_ossl_ctx_del(tls_);
  SSL_free(ssl_);
}

void ConnectionImpl::trace_to_qlog(ngtcp2_settings& settings, const ngtcp2_cid& first_dcid) {
  if (!endpoint_.config_.qlog) {
    return;
  }
  std::string name;
  for (std::size_t i = 0; i < first_dcid.datalen; ++i) {
    name += std::format("{:02x}", first_dcid.data[i]);
  }
  qlog_ = endpoint_.config_.qlog(name + (client_ ? "-client" : "-server"));
  if (qlog_ != nullptr) {
    settings.qlog_write = [](void* user_data, std::uint32_t, const void* data, std::size_t size) {
      static_cast<ConnectionImpl*>(user_data)->qlog_->write(
          {static_cast<const std::uint8_t*>(data), size});
    };
  }
}

Result<void> ConnectionImpl::start_client(const PathAddresses& path,
                                          Endpoint::ConnectOptions& options, Timestamp now) {
  profile_ = options.alpn.empty() ? &endpoint_.tls_->profiles().front()
                                  : endpoint_.tls_->find(options.alpn);
  if (profile_ == nullptr || profile_->session == static_cast<bool>(options.check_leaf)) {
    return fail("stoq.tls_setup", profile_ == nullptr
                                      ? "this node does not speak '" + options.alpn + "'"
                                      : "who decides whether the server is the right one?");
  }
  check_leaf_ = std::move(options.check_leaf);
  credential_ = endpoint_.certificates_.current();
  const bool wanted = profile_->tls.peer_certificate != PeerCertificate::kNone;
  I2_TRY_VALUE(ssl_, endpoint_.tls_->new_client(*profile_, wanted ? credential_.get() : nullptr));
  if (profile_->session && credential_ == nullptr) {
    return fail("stoq.tls_setup", "this node has no certificate");
  }
  if (options.session && SSL_set_session(ssl_, options.session.get()) != 1) {
    return fail("stoq.tls_setup", "the resumption state was refused");
  }
  SSL_set_app_data(ssl_, &conn_ref_);
  ngtcp2_cid dcid{};
  dcid.datalen = 16;  // RFC 9000 §7.2: at least 8 unpredictable bytes
  endpoint_.rng_.fill({dcid.data, dcid.datalen});
  const ngtcp2_cid scid = endpoint_.new_cid();
  ngtcp2_settings settings = make_settings(endpoint_.config_, endpoint_.rng_, now);
  if (!options.token.empty()) {
    settings.token = options.token.data();
    settings.tokenlen = options.token.size();
    settings.token_type = NGTCP2_TOKEN_TYPE_NEW_TOKEN;
    address_token_ = true;
  }
  trace_to_qlog(settings, dcid);
  ngtcp2_transport_params params = make_params(endpoint_.config_);
  if (profile_->limits) {
    apply(*profile_->limits, params);
  }
  NativePath native(path);
  if (ngtcp2_crypto_ossl_configure_client_session(ssl_) != 0 ||
      ngtcp2_crypto_ossl_ctx_new(&tls_, ssl_) != 0) {
    return fail("stoq.tls_setup", "the TLS session cannot be used for QUIC");
  }
  const std::uint32_t version =
      endpoint_.config_.version == QuicVersion::kV2 ? NGTCP2_PROTO_VER_V2 : NGTCP2_PROTO_VER_V1;
  const int rv = ngtcp2_conn_client_new(&conn_, &dcid, &scid, &native.path, version,
                                        &client_callbacks(), &settings, &params, nullptr, this);
  if (rv != 0) {
    return fail("stoq.connect", ngtcp2_strerror(rv), rv);
  }
  ngtcp2_conn_set_tls_native_handle(conn_, tls_);
  ngtcp2_conn_set_keep_alive_timeout(conn_, endpoint_.config_.keep_alive);
  endpoint_.add_cid(*this, scid);
  session_deadline_ = now + endpoint_.config_.handshake_timeout;
  return {};
}

Result<void> ConnectionImpl::start_server(const PathAddresses& path, const ServerStart& start,
                                          Timestamp now) {
  I2_TRY_VALUE(ssl_, endpoint_.tls_->new_server());
  SSL_set_app_data(ssl_, &conn_ref_);
  const ngtcp2_cid scid = endpoint_.new_cid();
  ngtcp2_settings settings = make_settings(endpoint_.config_, endpoint_.rng_, now);
  settings.token = start.header.token;
  settings.tokenlen = start.header.tokenlen;
  settings.token_type = start.token_type;
  ngtcp2_transport_params params = make_params(endpoint_.config_);
  params.original_dcid_present = 1;
  if (start.original_dcid != nullptr) {
    params.original_dcid = *start.original_dcid;
    params.retry_scid = start.header.dcid;
    params.retry_scid_present = 1;
  } else {
    params.original_dcid = start.header.dcid;
  }
  trace_to_qlog(settings, params.original_dcid);
  params.stateless_reset_token_present = 1;
  if (ngtcp2_crypto_generate_stateless_reset_token(params.stateless_reset_token,
                                                   endpoint_.reset_secret_.data(),
                                                   endpoint_.reset_secret_.size(), &scid) != 0) {
    return fail("stoq.tls_setup", "stateless reset token");
  }
  NativePath native(path);
  if (ngtcp2_crypto_ossl_configure_server_session(ssl_) != 0 ||
      ngtcp2_crypto_ossl_ctx_new(&tls_, ssl_) != 0) {
    return fail("stoq.tls_setup", "the TLS session cannot be used for QUIC");
  }
  const int rv =
      ngtcp2_conn_server_new(&conn_, &start.header.scid, &scid, &native.path, start.header.version,
                             &server_callbacks(), &settings, &params, nullptr, this);
  if (rv != 0) {
    return fail("stoq.accept", ngtcp2_strerror(rv), rv);
  }
  ngtcp2_conn_set_tls_native_handle(conn_, tls_);
  endpoint_.add_cid(*this, scid);
  endpoint_.add_cid(*this, start.header.dcid);
  session_deadline_ = now + endpoint_.config_.handshake_timeout;
  return {};
}

int ConnectionImpl::adopt(const Profile& profile) {
  if (profile_ != nullptr) {
    // RFC 8446 §4.1.2: a second ClientHello offers what the first one offered.
    return profile_ == &profile ? 0 : SSL_AD_ILLEGAL_PARAMETER;
  }
  profile_ = &profile;
  if (!show_leaf()) {
    return SSL_AD_HANDSHAKE_FAILURE;
  }
  return limit_client() ? 0 : SSL_AD_INTERNAL_ERROR;
}

bool ConnectionImpl::show_leaf() {
  if (profile_->leaf == ServerLeaf::kNode) {
    credential_ = endpoint_.certificates_.current();
    return credential_ != nullptr && credential_->certificate &&
           SSL_use_certificate(ssl_, credential_->certificate.native()) == 1 &&
           SSL_use_PrivateKey(ssl_, credential_->key.native()) == 1;
  }
  ordinary_ = endpoint_.certificates_.ordinary();
  if (ordinary_ == nullptr || SSL_use_certificate(ssl_, ordinary_->certificate.native()) != 1 ||
      SSL_use_PrivateKey(ssl_, ordinary_->key.native()) != 1) {
    return false;
  }
  return std::ranges::all_of(ordinary_->chain, [this](const crypto::Certificate& issuer) {
    return SSL_add1_chain_cert(ssl_, issuer.native()) == 1;
  });
}

bool ConnectionImpl::limit_client() {
  if (!profile_->limits) {
    return true;
  }
  ngtcp2_transport_params params = *ngtcp2_conn_get_local_transport_params(conn_);
  apply(*profile_->limits, params);
  return ngtcp2_conn_set_local_transport_params(conn_, &params) == 0;
}

int ConnectionImpl::handle_packet(const PathAddresses& path, std::uint8_t ecn, ByteView packet,
                                  Timestamp now) {
  if (close_deferred_) {
    NativePath native(path);
    const ngtcp2_pkt_info info{.ecn = ecn};
    if (ngtcp2_conn_read_pkt(conn_, &native.path, &info, packet.data(), packet.size(), now) != 0) {
      close_deferred_ = false;
      state_ = ConnectionState::kClosed;
    }
    endpoint_.mark_dirty(*this);
    return 0;
  }
  if (state_ == ConnectionState::kClosing) {
    // RFC 9000 §10.2.1: answer fewer and fewer of the packets that still arrive.
    ++closing_received_;
    send_close_ = (closing_received_ & (closing_received_ - 1)) == 0;
    endpoint_.mark_dirty(*this);
    return 0;
  }
  if (state_ != ConnectionState::kHandshaking && state_ != ConnectionState::kOpen) {
    return 0;
  }
  NativePath native(path);
  const ngtcp2_pkt_info info{.ecn = ecn};
  const int rv =
      ngtcp2_conn_read_pkt(conn_, &native.path, &info, packet.data(), packet.size(), now);
  switch (rv) {
    case 0:
      stops_unasked_ = true;
      if (now >= ack_at_) {
        unanswered_ = 0;
        ack_at_ = now + kAckDelay;
      }
      ++unanswered_;
      break;
    case NGTCP2_ERR_DRAINING:
      state_ = ConnectionState::kDraining;
      close_until_ = now + 3 * ngtcp2_conn_get_pto(conn_);
      report_closed(error_of_peer());
      break;
    case NGTCP2_ERR_RETRY:
    case NGTCP2_ERR_DROP_CONN:
      return rv;
    case NGTCP2_ERR_CLOSING:
      break;
    default:
      fail_with(rv);
  }
  endpoint_.mark_dirty(*this);
  return 0;
}

// ngtcp2 found that the connection cannot go on.
void ConnectionImpl::fail_with(int rv) {
  if (state_ == ConnectionState::kClosing) {
    return;  // it was refused while this packet was read
  }
  Error error("stoq.protocol_violation", ngtcp2_strerror(rv), rv);
  if (rv == NGTCP2_ERR_RECV_VERSION_NEGOTIATION) {
    error = Error("stoq.version_unsupported",
                  "the peer speaks no version of QUIC that this node knows", rv);
  } else if (rv == NGTCP2_ERR_CRYPTO) {
    const std::uint8_t alert = ngtcp2_conn_get_tls_alert(conn_);
    ngtcp2_ccerr_set_tls_alert(&close_error_native_, alert, nullptr, 0);
    error =
        Error("stoq.tls_failed",
              "the TLS handshake failed: " + std::string(SSL_alert_desc_string_long(alert)), alert);
  }
  if (rv != NGTCP2_ERR_CRYPTO) {
    ngtcp2_ccerr_set_liberr(&close_error_native_, rv, nullptr, 0);
  }
  if (state_ == ConnectionState::kHandshaking) {
    ++endpoint_.stats_.handshakes_failed;
  }
  state_ = ConnectionState::kClosing;
  send_close_ = true;
  close_until_ = endpoint_.now_ + 3 * ngtcp2_conn_get_pto(conn_);
  report_closed(std::move(error));
}

// Why the peer closed, from its CONNECTION_CLOSE.
Error ConnectionImpl::error_of_peer() const {
  if (reset_by_peer_) {
    return {"stoq.peer_restarted",
            "the peer does not know the connection any more: it was restarted"};
  }
  const ngtcp2_ccerr* const peer = ngtcp2_conn_get_ccerr(conn_);
  const auto native = static_cast<std::int64_t>(peer->error_code);
  if (peer->type == NGTCP2_CCERR_TYPE_APPLICATION) {
    return {error_code(peer->error_code), std::string(describe(peer->error_code)), native};
  }
  if (peer->error_code >= NGTCP2_CRYPTO_ERROR && peer->error_code < 0x200) {
    return {"stoq.tls_refused",
            "the peer refused the TLS handshake: " +
                std::string(SSL_alert_desc_string_long(static_cast<int>(peer->error_code & 0xff))),
            native};
  }
  const std::string reason(reinterpret_cast<const char*>(peer->reason), peer->reasonlen);
  return {"stoq.closed_by_peer",
          "the peer closed the connection with QUIC error " + std::to_string(peer->error_code) +
              (reason.empty() ? "" : " (" + reason + ")"),
          native};
}

// The first reason is the one that counts.
void ConnectionImpl::report_closed(Error error) {
  if (closed_reported_) {
    return;
  }
  close_error_ = std::move(error);
  endpoint_.handshake_over(*this);
  event(EventKind::kClosed);
  closed_reported_ = true;
}

void ConnectionImpl::handle_expiry(Timestamp now) {
  if (close_deferred_) {
    if (now >= close_until_ || ngtcp2_conn_handle_expiry(conn_, now) != 0) {
      on_handshake_confirmed();
    }
    return;
  }
  if (state_ == ConnectionState::kClosing || state_ == ConnectionState::kDraining) {
    if (now >= close_until_) {
      state_ = ConnectionState::kClosed;
    } else if (now >= close_repeat_at_) {
      send_close_ = true;
      endpoint_.mark_dirty(*this);
    }
    return;
  }
  if (state_ == ConnectionState::kClosed) {
    return;
  }
  if (!established_ && now >= session_deadline_ && handshake_done_) {
    refuse(Error(error_code(static_cast<std::uint64_t>(AppError::kHelloTimeout)),
                 "the peer sent no valid HELLO in time"));
    return;
  }
  watch_packet_size(now);
  const int rv = ngtcp2_conn_handle_expiry(conn_, now);
  if (rv != 0) {
    Error error("stoq.transport", ngtcp2_strerror(rv), rv);
    if (rv == NGTCP2_ERR_IDLE_CLOSE) {
      error = Error("stoq.idle_timeout", "the peer has not been heard of for too long", rv);
    } else if (rv == NGTCP2_ERR_HANDSHAKE_TIMEOUT) {
      ngtcp2_conn_info info{};
      ngtcp2_conn_get_conn_info(conn_, &info);
      error = info.pkt_recv == 0
                  ? Error("stoq.unreachable", "nothing answered in time", rv)
                  : Error("stoq.handshake_timeout", "the peer did not finish in time", rv);
      ++endpoint_.stats_.handshakes_failed;
    }
    // RFC 9000 §10.1: an idle connection ends silently.
    state_ = ConnectionState::kClosed;
    report_closed(std::move(error));
    return;
  }
  endpoint_.mark_dirty(*this);
}

Timestamp ConnectionImpl::expiry() const {
  if (close_deferred_) {
    return std::min(close_until_, ngtcp2_conn_get_expiry(conn_));
  }
  switch (state_) {
    case ConnectionState::kClosed:
      return kNever;
    case ConnectionState::kClosing:
    case ConnectionState::kDraining:
      return std::min(close_until_, close_repeat_at_);
    default:
      break;
  }
  const Timestamp transport = ngtcp2_conn_get_expiry(conn_);
  if (holds_ack(transport)) {
    return ack_at_;
  }
  return established_ || !handshake_done_ ? transport : std::min(transport, session_deadline_);
}

std::size_t ConnectionImpl::packet_size_max() const {
  return std::min(ngtcp2_conn_get_path_max_tx_udp_payload_size(conn_),
                  path_size_.limit(endpoint_.now_));
}

std::size_t ConnectionImpl::datagram_size_max() const {
  // Short header with an 18-byte connection ID at most, packet number, AEAD tag, frame type and
  // length.
  constexpr std::size_t kOverhead = 1 + NGTCP2_MAX_CIDLEN + 4 + 16 + 1 + 4;
  const ngtcp2_transport_params* const peer = ngtcp2_conn_get_remote_transport_params(conn_);
  if (peer == nullptr || peer->max_datagram_frame_size == 0) {
    return 0;
  }
  return std::min<std::size_t>(packet_size_max() - kOverhead, peer->max_datagram_frame_size - 5);
}

void ConnectionImpl::watch_packet_size(Timestamp now) {
  if (!path_size_.due(now) ||
      ngtcp2_conn_get_path_max_tx_udp_payload_size(conn_) <= PathSize::kBase) {
    return;
  }
  ngtcp2_conn_info info{};
  ngtcp2_conn_get_conn_info(conn_, &info);
  const bool in_flight =
      info.bytes_in_flight > 0 &&
      (datagram_under_way_ || std::ranges::any_of(streams_, [](const auto& item) {
         return !item.second->write_closed && item.second->send.in_flight() > 0;
       }));
  path_size_.observe(now, ngtcp2_conn_get_pto(conn_), in_flight);
}

std::optional<Transmit> ConnectionImpl::write(MutableByteView buffer, Timestamp now) {
  ngtcp2_path_storage storage;
  ngtcp2_path_storage_zero(&storage);
  ngtcp2_pkt_info info{};
  if (close_deferred_) {
    return write_packets(buffer, now);
  }
  if (state_ == ConnectionState::kClosing) {
    if (!send_close_) {
      return std::nullopt;
    }
    send_close_ = false;
    ngtcp2_ssize written = 0;
    if (close_packet_.empty()) {
      written = ngtcp2_conn_write_connection_close(conn_, &storage.path, &info, buffer.data(),
                                                   std::min<std::size_t>(buffer.size(), 1452),
                                                   &close_error_native_, now);
      close_until_ = now + 3 * ngtcp2_conn_get_pto(conn_);
      if (written <= 0) {
        state_ = ConnectionState::kClosed;
        return std::nullopt;
      }
      close_packet_.assign(buffer.begin(), buffer.begin() + written);
    } else {
      ngtcp2_path_copy(&storage.path, ngtcp2_conn_get_path(conn_));
      written = static_cast<ngtcp2_ssize>(close_packet_.size());
      std::copy(close_packet_.begin(), close_packet_.end(), buffer.begin());
    }
    // Nobody acknowledges CONNECTION_CLOSE, and a peer that only receives would learn of a lost one
    // by its idle timeout. A peer whose address is not proved gets no more than one (RFC 9000
    // §8.1).
    close_repeat_at_ = handshake_done_ ? now + ngtcp2_conn_get_pto(conn_) : kNever;
    const auto size = static_cast<std::size_t>(written);
    return Transmit{addresses_of(storage.path), 0, size, size};
  }
  if (state_ != ConnectionState::kHandshaking && state_ != ConnectionState::kOpen) {
    return std::nullopt;
  }
  if (stops_unasked_) {
    ask_for_stops(now);
  }
  return holds_ack(now) ? std::nullopt : write_packets(buffer, now);
}

// ngtcp2 acknowledges after an eighth of the round trip, in a network of one building at once: a
// packet for each packet, and every few of them with a PING that asks for another one. Whatever
// else there is to send waits as long at most.
bool ConnectionImpl::holds_ack(Timestamp now) const {
  return established_ && unanswered_ == 1 && now < ack_at_ &&
         ngtcp2_conn_get_expiry(conn_) < ack_at_ && datagrams_out_.empty() &&
         std::ranges::all_of(ready_, [](const auto& streams) { return streams.empty(); });
}

std::optional<Transmit> ConnectionImpl::write_packets(MutableByteView buffer, Timestamp now) {
  ngtcp2_path_storage storage;
  ngtcp2_path_storage_zero(&storage);
  ngtcp2_pkt_info info{};
  std::size_t segment = 0;
  const ngtcp2_ssize written = ngtcp2_conn_write_aggregate_pkt2(
      conn_, &storage.path, &info, buffer.data(), std::min(buffer.size(), kTransmitSizeMax),
      &segment,
      [](ngtcp2_conn*, ngtcp2_path* path, ngtcp2_pkt_info* packet_info, std::uint8_t* out,
         std::size_t size, ngtcp2_tstamp ts, void* user_data) {
        return static_cast<ConnectionImpl*>(user_data)->write_packet(path, packet_info, out, size,
                                                                     ts);
      },
      0, now);
  if (written < 0) {
    if (close_deferred_) {
      on_handshake_confirmed();
      return write(buffer, now);
    }
    ngtcp2_ccerr_set_liberr(&close_error_native_, static_cast<int>(written), nullptr, 0);
    state_ = ConnectionState::kClosing;
    send_close_ = true;
    report_closed(Error("stoq.transport", ngtcp2_strerror(static_cast<int>(written)), written));
    return write(buffer, now);
  }
  if (written == 0) {
    return std::nullopt;
  }
  ack_at_ = now;
  // RFC 9002 §7.7: the initial window may go at once. The handshake is smaller, and the session
  // waits for its last packet.
  if (endpoint_.config_.pacing && established_) {
    ngtcp2_conn_update_pkt_tx_time(conn_, now);
  }
  return Transmit{addresses_of(storage.path), info.ecn, static_cast<std::size_t>(written),
                  segment == 0 ? static_cast<std::size_t>(written) : segment};
}

void ConnectionImpl::close(std::uint64_t app_error, std::string_view reason, Error local_error) {
  if (state_ != ConnectionState::kHandshaking && state_ != ConnectionState::kOpen) {
    return;
  }
  close_reason_ = reason;
  ngtcp2_ccerr_set_application_error(&close_error_native_, app_error,
                                     reinterpret_cast<const std::uint8_t*>(close_reason_.data()),
                                     close_reason_.size());
  state_ = ConnectionState::kClosing;
  // Before the handshake is confirmed a client's close must also go into a Handshake packet, where
  // an application error is hidden (RFC 9000 §10.2.3): wait for the confirmation, or the peer never
  // learns why.
  close_deferred_ = client_ && handshake_done_ && !established_;
  send_close_ = !close_deferred_;
  close_until_ = endpoint_.now_ + 3 * ngtcp2_conn_get_pto(conn_);
  report_closed(std::move(local_error));
  endpoint_.mark_dirty(*this);
}

}  // namespace i2::stoq::core
