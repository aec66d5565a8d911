// The inside of a Connection: ngtcp2, the TLS session, the streams and the stoq session.
#pragma once

#include <i2/stoq/core/connection.h>
#include <i2/stoq/core/endpoint.h>
#include <i2/stoq/core/errors.h>
#include <ngtcp2/ngtcp2.h>
#include <ngtcp2/ngtcp2_crypto.h>
#include <ngtcp2/ngtcp2_crypto_ossl.h>
#include <openssl/ssl.h>

#include <array>
#include <deque>
#include <memory>
#include <unordered_map>

#include "native.h"
#include "path_size.h"
#include "stream_state.h"

namespace i2::stoq::core {

inline constexpr std::size_t kPriorities = 8;
inline constexpr std::size_t kPingsMax = 64;  // not answered, or answered and not taken

class ConnectionImpl {
 public:
  struct ServerStart {
    const ngtcp2_pkt_hd& header;
    const ngtcp2_cid* original_dcid;  // of a Retry token, else null
    ngtcp2_token_type token_type;
  };

  ConnectionImpl(Endpoint::Impl& endpoint, ConnectionHandle handle, bool client);
  ~ConnectionImpl();
  ConnectionImpl(const ConnectionImpl&) = delete;
  ConnectionImpl& operator=(const ConnectionImpl&) = delete;

  [[nodiscard]] Result<void> start_client(const PathAddresses& path,
                                          Endpoint::ConnectOptions& options, Timestamp now);
  [[nodiscard]] Result<void> start_server(const PathAddresses& path, const ServerStart& start,
                                          Timestamp now);

  // Returns the ngtcp2 verdict: 0, NGTCP2_ERR_RETRY, NGTCP2_ERR_DROP_CONN, or another error handled
  // inside.
  int handle_packet(const PathAddresses& path, std::uint8_t ecn, ByteView packet, Timestamp now);
  void handle_expiry(Timestamp now);
  [[nodiscard]] std::optional<Transmit> write(MutableByteView buffer, Timestamp now);
  [[nodiscard]] std::optional<Transmit> write_packets(MutableByteView buffer, Timestamp now);
  [[nodiscard]] Timestamp expiry() const;
  // There is one packet to acknowledge and nothing to say: the answer to it will, in a moment.
  [[nodiscard]] bool holds_ack(Timestamp now) const;
  // Bytes of UDP payload that a packet may have now, and bytes that a DATAGRAM frame may carry.
  [[nodiscard]] std::size_t packet_size_max() const;
  [[nodiscard]] std::size_t datagram_size_max() const;
  void watch_packet_size(Timestamp now);
  void fail_with(int rv);
  [[nodiscard]] Error error_of_peer() const;
  void report_closed(Error error);
  // Begins a trace, if there is to be one. `first_dcid` is what the client chose.
  void trace_to_qlog(ngtcp2_settings& settings, const ngtcp2_cid& first_dcid);

  // The TLS alert to fail with, or 0.
  [[nodiscard]] int adopt(const Profile& profile);
  [[nodiscard]] bool show_leaf();
  [[nodiscard]] bool limit_client();

  // --- session (session.cc)
  void on_handshake_completed();
  void on_handshake_confirmed();
  void start_session();
  void start_raw();
  void announce_waiting();
  void submit_token();
  [[nodiscard]] bool take_peer_leaf();
  [[nodiscard]] bool check_peer_leaf();
  [[nodiscard]] Result<Bytes> export_hello_message(Role role, const NodeId& node_id);
  void open_control();
  void read_control();
  [[nodiscard]] Result<void> handle_control_frame(const Frame& frame);
  [[nodiscard]] Result<void> handle_hello(const Hello& hello);
  void maybe_established();
  void set_established();
  void provide_hello_signature(ByteView signature);
  void refuse(const Error& error);
  void close(std::uint64_t app_error, std::string_view reason, Error local_error);

  // --- streams
  [[nodiscard]] StreamState* stream(StreamId id);
  // No type: a raw stream.
  [[nodiscard]] Result<StreamId> open_stream(std::optional<StreamType> type, bool bidirectional);
  [[nodiscard]] Result<void> write_stream(StreamId id, Chunk data, bool fin);
  [[nodiscard]] Result<ReadResult> read_stream(StreamId id, std::size_t size_max);
  void reset_stream(StreamId id, std::uint64_t app_error);
  void stop_sending(StreamId id, std::uint64_t app_error);
  void release_stream(StreamId id);
  void discard_unread(StreamState& stream);
  void make_ready(StreamState& stream);
  void event(EventKind kind, StreamId stream = -1);
  void flag_readable(StreamState& stream);
  void flag_stopped(StreamState& stream);
  void watch(StreamState& stream);
  void ask_for_stops(Timestamp now);
  [[nodiscard]] bool announce(StreamState& stream);
  void erase_if_done(StreamState& stream);

  // --- ngtcp2 callbacks (callbacks.cc)
  static const ngtcp2_callbacks& client_callbacks();
  static const ngtcp2_callbacks& server_callbacks();
  int on_stream_data(StreamId id, std::uint32_t flags, ByteView data, StreamState* state);
  int on_stream_close(StreamState* state);
  ngtcp2_ssize write_packet(ngtcp2_path* path, ngtcp2_pkt_info* info, std::uint8_t* out,
                            std::size_t size, Timestamp now);

  Endpoint::Impl& endpoint_;
  ConnectionHandle handle_;
  bool client_;
  ConnectionState state_ = ConnectionState::kHandshaking;
  ngtcp2_conn* conn_ = nullptr;
  SSL* ssl_ = nullptr;
  ngtcp2_crypto_ossl_ctx* tls_ = nullptr;
  ngtcp2_crypto_conn_ref conn_ref_{};
  const Profile* profile_ = nullptr;  // of the endpoint's TlsContext; a server's client selects it
  std::function<Result<void>(const crypto::Certificate&)> check_leaf_;
  // Shared: a renewal may replace them. The one that the profile shows.
  std::shared_ptr<const ports::LeafCredential> credential_;
  std::shared_ptr<const ports::OrdinaryCredential> ordinary_;
  ngtcp2_ccerr close_error_native_{};
  std::string close_reason_;
  Error close_error_{"stoq.closed", "the connection was closed"};
  Bytes close_packet_;
  Timestamp close_until_ = 0;
  Timestamp close_repeat_at_ = kNever;
  std::uint64_t closing_received_ = 0;
  bool send_close_ = false;
  Timestamp ack_at_ = 0;          // when the first packet since the last one sent is acknowledged
  std::size_t unanswered_ = 0;    // packets since then
  bool closed_reported_ = false;  // kClosed is the last event
  bool reset_by_peer_ = false;    // RFC 9000 §10.3
  bool close_deferred_ = false;   // until the handshake is confirmed or close_until_
  bool released_ = false;         // the application forgot it
  bool dirty_ = false;            // in the endpoint's transmit list
  Timestamp timer_ = kNever;      // as registered with the endpoint
  bool address_token_ = false;    // sent with the first flight
  bool handshake_counted_ = false;
  PathSize path_size_;
  std::vector<ngtcp2_cid> cids_;
  std::vector<ngtcp2_stateless_reset_token> reset_tokens_;  // of the peer's connection IDs in use

  // streams
  std::unordered_map<StreamId, std::unique_ptr<StreamState>> streams_;
  std::array<std::deque<StreamState*>, kPriorities> ready_;  // of streams_
  std::deque<Chunk> datagrams_out_;
  std::deque<Chunk> datagrams_in_;
  std::uint64_t next_datagram_id_ = 0;
  bool datagram_under_way_ = false;  // since the last one that was acknowledged or lost
  bool streams_wanted_ = false;
  std::vector<StreamState*> watched_;  // of streams_: their STOP_SENDING must not go unnoticed
  bool stops_unasked_ = false;         // packets came since ask_for_stops()

  // session
  bool keys_ready_ = false;  // 1-RTT keys for sending
  bool handshake_done_ = false;
  bool session_started_ = false;
  bool hello_sent_ = false;
  bool hello_received_ = false;
  bool settings_received_ = false;
  bool established_ = false;
  ports::LeafStanding standing_ = ports::LeafStanding::kValid;  // of the peer's leaf
  StreamId control_out_ = -1;
  StreamId control_in_ = -1;
  Bytes control_buffer_;
  Bytes hello_to_sign_;
  Settings peer_settings_;
  ports::PeerIdentity peer_;
  crypto::Certificate peer_leaf_;
  std::vector<crypto::Certificate> peer_chain_;
  Timestamp session_deadline_ = kNever;
  TlsSession session_;
  Bytes new_token_;
  std::unique_ptr<QlogSink> qlog_;
  std::deque<Ping> pings_;  // not answered yet
  std::deque<Connection::Pong> pongs_;
};

}  // namespace i2::stoq::core
