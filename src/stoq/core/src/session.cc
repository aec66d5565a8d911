// The stoq session above the QUIC handshake: who the peer is (docs/wire/session.md).
#include <i2/base/assert.h>

#include <algorithm>

#include "endpoint_impl.h"

namespace i2::stoq::core {
namespace {

// A peer that asks without taking the answers gets no more of them. Far above kPingsMax of an
// honest one.
constexpr std::uint64_t kControlQueueMax = 32 * 1024;
constexpr std::size_t kChainMax = 4;

}  // namespace

void ConnectionImpl::on_handshake_completed() {
  handshake_done_ = true;
  // Not from inside ngtcp2's callback: opening streams and closing wait until the packet is done.
  endpoint_.mark_dirty(*this);
}

void ConnectionImpl::on_handshake_confirmed() {
  if (close_deferred_) {
    close_deferred_ = false;
    send_close_ = true;
  }
}

// After every packet, outside ngtcp2's callbacks. A server speaks as soon as it has 1-RTT keys,
// half a round trip before the handshake ends (RFC 9001 §5.7), so that a client which fits its
// first flight into the amplification limit knows the server after one round trip. Neither side
// listens before it has checked the other's leaf.
void ConnectionImpl::start_session() {
  if (profile_ == nullptr) {
    return;  // the ClientHello is not complete
  }
  if (!profile_->session) {
    start_raw();
    return;
  }
  const bool alive = state_ == ConnectionState::kHandshaking || state_ == ConnectionState::kOpen;
  if (!client_ && keys_ready_ && control_out_ == -1 && alive) {
    open_control();
  }
  if (session_started_ || !handshake_done_ || state_ != ConnectionState::kHandshaking) {
    return;
  }
  session_started_ = true;
  state_ = ConnectionState::kOpen;
  if (!client_) {
    submit_token();
  }
  if (!check_peer_leaf()) {
    return;
  }
  if (client_) {
    open_control();
  }
  if (control_in_ != -1) {
    read_control();  // it came in one datagram with the end of the handshake
  }
}

// Without a stoq session the handshake is all.
void ConnectionImpl::start_raw() {
  if (session_started_ || !handshake_done_ || state_ != ConnectionState::kHandshaking) {
    return;
  }
  session_started_ = true;
  state_ = ConnectionState::kOpen;
  if (!client_) {
    submit_token();
  }
  if (!take_peer_leaf()) {
    return;
  }
  if (client_) {
    if (const auto checked = check_leaf_(peer_leaf_); !checked) {
      refuse(checked.error());
      return;
    }
  }
  set_established();
  event(EventKind::kConnected);
  announce_waiting();
}

// RFC 9000 §8.1.3: a token lets the next first flight exceed the amplification limit.
void ConnectionImpl::submit_token() {
  std::array<std::uint8_t, NGTCP2_CRYPTO_MAX_REGULAR_TOKENLEN> token{};
  const ngtcp2_path* path = ngtcp2_conn_get_path(conn_);
  const ngtcp2_ssize size = ngtcp2_crypto_generate_regular_token(
      token.data(), endpoint_.token_secret_.data(), endpoint_.token_secret_.size(),
      path->remote.addr, path->remote.addrlen, endpoint_.now_);
  if (size > 0) {
    ngtcp2_conn_submit_new_token(conn_, token.data(), static_cast<std::size_t>(size));
  }
}

// False when the connection was refused.
bool ConnectionImpl::take_peer_leaf() {
  if (X509* const leaf = SSL_get0_peer_certificate(ssl_); leaf != nullptr) {
    auto certificate = crypto::Certificate::from_native(leaf);
    if (!certificate) {
      refuse(Error("trust.leaf_untrusted", certificate.error().message()));
      return false;
    }
    peer_leaf_ = std::move(*certificate);
  }
  // Without the leaf on a server, with it on a client.
  STACK_OF(X509)* const chain = SSL_get_peer_cert_chain(ssl_);
  for (int i = client_ ? 1 : 0; i < sk_X509_num(chain) && peer_chain_.size() < kChainMax; ++i) {
    if (auto certificate = crypto::Certificate::from_native(sk_X509_value(chain, i))) {
      peer_chain_.push_back(std::move(*certificate));
    }
  }
  return true;
}

bool ConnectionImpl::check_peer_leaf() {
  if (!take_peer_leaf()) {
    return false;
  }
  if (!peer_leaf_) {
    refuse(Error("trust.leaf_untrusted", "the peer showed no certificate"));
    return false;
  }
  const auto standing =
      endpoint_.verifier_.check_leaf(peer_leaf_, endpoint_.unix_at(endpoint_.now_));
  if (!standing) {
    refuse(standing.error());
    return false;
  }
  standing_ = *standing;
  return true;
}

Result<Bytes> ConnectionImpl::export_hello_message(Role role, const NodeId& node_id) {
  const Bytes context = hello_exporter_context(role, node_id);
  std::array<std::uint8_t, 32> exported{};
  if (SSL_export_keying_material(ssl_, exported.data(), exported.size(), kHelloExporterLabel.data(),
                                 kHelloExporterLabel.size(), context.data(), context.size(),
                                 1) != 1) {
    return fail("stoq.transport", "the TLS exporter failed");
  }
  return hello_message(exported);
}

void ConnectionImpl::open_control() {
  auto message = export_hello_message(client_ ? Role::kClient : Role::kServer,
                                      endpoint_.certificates_.node_id());
  if (!message) {
    refuse(message.error());
    return;
  }
  const auto control = open_stream(StreamType::kControl, false);
  if (!control) {
    refuse(Error("stoq.protocol_violation", "the peer allows no control stream"));
    return;
  }
  control_out_ = *control;
  hello_to_sign_ = std::move(*message);
  Settings settings;
  settings.datagram_size_max = endpoint_.config_.datagram_size_max;
  Bytes frame;
  append_frame(frame, FrameType::kSettings, encode(settings));
  (void)write_stream(control_out_, Chunk(std::move(frame)), false);
  event(EventKind::kHelloSignatureWanted);
}

void ConnectionImpl::provide_hello_signature(ByteView signature) {
  const bool alive = state_ == ConnectionState::kHandshaking || state_ == ConnectionState::kOpen;
  if (hello_sent_ || control_out_ == -1 || !alive) {
    return;
  }
  Hello hello;
  hello.node_id = endpoint_.certificates_.node_id();
  hello.binding = credential_->binding;
  hello.signature = to_bytes(signature);
  Bytes frame;
  append_frame(frame, FrameType::kHello, encode(hello));
  (void)write_stream(control_out_, Chunk(std::move(frame)), false);
  hello_sent_ = true;
  maybe_established();
}

void ConnectionImpl::read_control() {
  if (!session_started_) {
    return;  // the peer's leaf has not been checked yet
  }
  StreamState* const control = stream(control_in_);
  I2_ASSERT(control != nullptr);
  while (!control->receive.empty()) {
    const Chunk piece = control->receive.take(SIZE_MAX);
    append(control_buffer_, piece.view());
    ngtcp2_conn_extend_max_stream_offset(conn_, control_in_, piece.size());
    ngtcp2_conn_extend_max_offset(conn_, piece.size());
  }
  ByteView rest = control_buffer_;
  while (state_ == ConnectionState::kOpen || state_ == ConnectionState::kHandshaking) {
    const auto parsed = parse_frame(rest);
    if (!parsed) {
      refuse(Error("stoq.protocol_violation", parsed.error().message()));
      return;
    }
    if (!parsed->frame) {
      break;
    }
    rest = rest.subspan(parsed->consumed);
    if (const auto handled = handle_control_frame(*parsed->frame); !handled) {
      refuse(handled.error());
      return;
    }
  }
  control_buffer_.erase(control_buffer_.begin(),
                        control_buffer_.end() - static_cast<std::ptrdiff_t>(rest.size()));
  if ((control->fin_received || control->reset_code) && state_ == ConnectionState::kOpen) {
    refuse(Error("stoq.protocol_violation", "the peer ended its control stream"));
  }
}

Result<void> ConnectionImpl::handle_control_frame(const Frame& frame) {
  const auto type = static_cast<FrameType>(frame.type);
  const bool known = type == FrameType::kSettings || type == FrameType::kHello ||
                     type == FrameType::kGoAway || type == FrameType::kPing ||
                     type == FrameType::kPong;
  if (!known) {
    return {};
  }
  if (settings_received_ == (type == FrameType::kSettings)) {
    return fail("stoq.protocol_violation", "SETTINGS must come first, and once");
  }
  switch (type) {
    case FrameType::kSettings: {
      I2_TRY_VALUE(peer_settings_, decode_settings(frame.body));
      if (peer_settings_.version_min > Settings{}.version_max ||
          peer_settings_.version_max < Settings{}.version_min) {
        return fail("stoq.version_unsupported",
                    "the peer speaks no version of stoq this node knows");
      }
      settings_received_ = true;
      return {};
    }
    case FrameType::kHello: {
      I2_TRY_VALUE(const Hello hello, decode_hello(frame.body));
      return handle_hello(hello);
    }
    default:
      break;
  }
  if (!hello_received_) {
    return fail("stoq.protocol_violation", "a control frame before HELLO");
  }
  switch (type) {
    case FrameType::kPing: {
      I2_TRY(decode_ping(frame.body));
      const StreamState* const control = stream(control_out_);
      if (control != nullptr && control->send.unacknowledged() < kControlQueueMax) {
        Bytes pong;
        append_frame(pong, FrameType::kPong, frame.body);
        (void)write_stream(control_out_, Chunk(std::move(pong)), false);
      }
      return {};
    }
    case FrameType::kPong: {
      I2_TRY_VALUE(const Ping pong, decode_ping(frame.body));
      const auto asked = std::ranges::find(pings_, pong.sequence, &Ping::sequence);
      if (asked != pings_.end()) {
        pongs_.push_back(
            {pong.sequence, endpoint_.now_ - std::min(asked->sent_at, endpoint_.now_)});
        pings_.erase(asked);
        event(EventKind::kPong);
      }
      return {};
    }
    default:
      return {};
  }
}

Result<void> ConnectionImpl::handle_hello(const Hello& hello) {
  if (hello_received_) {
    return fail("stoq.protocol_violation", "a second HELLO");
  }
  I2_TRY_VALUE(const Bytes message,
               export_hello_message(client_ ? Role::kServer : Role::kClient, hello.node_id));
  const ports::HelloClaim claim{.node_id = hello.node_id,
                                .leaf = peer_leaf_,
                                .binding = hello.binding,
                                .message = message,
                                .signature = hello.signature};
  I2_TRY_VALUE(peer_, endpoint_.verifier_.check_hello(claim, endpoint_.unix_at(endpoint_.now_)));
  hello_received_ = true;
  maybe_established();
  return {};
}

void ConnectionImpl::set_established() {
  established_ = true;
  const Timestamp began = session_deadline_ - endpoint_.config_.handshake_timeout;
  endpoint_.metrics_.get<"handshake_seconds">().record(endpoint_.now_ - began);
  session_deadline_ = kNever;
  ++endpoint_.stats_.connections_established;
  endpoint_.handshake_over(*this);
}

void ConnectionImpl::maybe_established() {
  if (established_ || !hello_sent_ || !hello_received_) {
    return;
  }
  set_established();
  event(EventKind::kConnected);
  announce_waiting();
}

// Streams that arrived while the peer was nobody yet.
void ConnectionImpl::announce_waiting() {
  std::vector<StreamId> waiting;
  for (const auto& [id, state] : streams_) {
    if (!state->announced) {
      waiting.push_back(id);
    }
  }
  std::ranges::sort(waiting);
  for (const StreamId id : waiting) {
    if (StreamState* const state = stream(id); state != nullptr) {
      flag_readable(*state);
    }
  }
}

namespace {

void count_refusal(EndpointMetrics& metrics, AppError code) {
  switch (code) {
    case AppError::kLeafUntrusted:
      return metrics.get<"refused_leaf_untrusted">().add();
    case AppError::kLeafNotYetValid:
      return metrics.get<"refused_leaf_not_yet_valid">().add();
    case AppError::kLeafExpired:
      return metrics.get<"refused_leaf_expired">().add();
    case AppError::kBindingInvalid:
      return metrics.get<"refused_binding_invalid">().add();
    case AppError::kBindingExpired:
      return metrics.get<"refused_binding_expired">().add();
    case AppError::kMemberUnknown:
      return metrics.get<"refused_member_unknown">().add();
    case AppError::kMemberRevoked:
      return metrics.get<"refused_member_revoked">().add();
    case AppError::kHelloSignature:
      return metrics.get<"refused_hello_signature">().add();
    case AppError::kKexNotPostQuantum:
      return metrics.get<"refused_kex">().add();
    case AppError::kCertificateRevoked:
      return metrics.get<"refused_certificate_revoked">().add();
    case AppError::kSctMissing:
      return metrics.get<"refused_sct_missing">().add();
    case AppError::kPinMismatch:
      return metrics.get<"refused_pin_mismatch">().add();
    case AppError::kHelloTimeout:
      return metrics.get<"refused_hello_timeout">().add();
    default:
      return metrics.get<"refused_other">().add();
  }
}

}  // namespace

void ConnectionImpl::refuse(const Error& error) {
  const AppError code = app_error(error);
  ++endpoint_.stats_.peers_refused;
  count_refusal(endpoint_.metrics_, code);
  close(static_cast<std::uint64_t>(code), describe(static_cast<std::uint64_t>(code)), error);
}

}  // namespace i2::stoq::core
