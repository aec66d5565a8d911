// A node's parts, in one place. Only for compose.cc, which wires them, and node.cc, which ends
// them.
#pragma once

#include <i2/crypto/random.h>
#include <i2/fleet/data_dir.h>
#include <i2/node/node.h>
#include <i2/stoq/bytes.h>
#include <i2/stoq/file_transfer.h>
#include <i2/stoq/rpc.h>

#include <functional>
#include <memory>
#include <optional>

#include "acme.h"
#include "authority_calls.h"
#include "authority_watch.h"
#include "certificate_index.h"
#include "collector.h"
#include "cosigners.h"
#include "expiry_watch.h"
#include "fleet_services.h"
#include "http_server.h"
#include "layers.h"
#include "log_founding.h"
#include "log_service.h"
#include "log_serving.h"
#include "log_takeover.h"
#include "ordinary_renewal.h"
#include "own_log.h"
#include "present_log.h"
#include "remote_log.h"
#include "renewal.h"
#include "revocation_sync.h"
#include "verbs.h"
#include "verbs_acme.h"
#include "verbs_cert.h"
#include "verbs_log.h"
#include "verbs_token.h"
#include "witness_service.h"

namespace i2::node {

// In order of destruction from the last to the first: what a part names stands above it.
struct Node::Impl {
  Impl(ConfigKeeper& node_config, Mode node_mode, const Clock& node_clock, const Logger& node_log)
      : keeper(node_config),
        config(keeper.config()),
        mode(node_mode),
        clock(node_clock),
        log(node_log) {}

  ConfigKeeper& keeper;
  const Config config;  // as at the start
  const Mode mode;
  const Clock& clock;
  const Logger& log;
  crypto::SystemRng rng;
  Layers layers;
  std::optional<fleet::DataDirLock> lock;
  std::unique_ptr<FleetLedger> fleet;
  std::unique_ptr<fleet::TrustStore> trust;
  std::unique_ptr<fleet::OrdinaryCertificates> ordinary;
  std::optional<Certificates> certificates;
  std::optional<rt::Runtime> runtime;
  OwnLog own_log;
  std::optional<RemoteLog> remote_log;    // of an authority, unless it issues without any log
  std::optional<PresentLog> present_log;  // likewise
  std::unique_ptr<Authority> authority;   // null where this node is none
  std::unique_ptr<TokenStore> tokens_of_http;
  std::optional<AuthorityCalls> authority_calls;
  TaskGroup tasks;
  std::unique_ptr<Acme> acme;  // null where this node serves none
  std::unique_ptr<stoq::Transport> transport;
  stoq::RpcServer rpc;
  stoq::ByteServices bytes;
  stoq::StreamDispatcher dispatcher;
  std::optional<Arrivals> arrivals;
  std::optional<stoq::FileReceiver> receiver;
  std::optional<Peers> peers;
  std::optional<FleetServices> members;
  std::optional<Renewal> renewal;
  std::optional<Collector> collector;
  std::optional<OrdinaryRenewal> ordinary_renewal;
  std::optional<CertificateIndex> certificate_index;  // these two on an authority
  std::optional<RevocationSync> revocation_sync;
  std::optional<AnchorRotation> anchor_rotation;
  std::optional<ExpiryWatch> expiry_watch;
  std::optional<CertVerbs> cert_verbs;
  std::optional<AcmeVerbs> acme_verbs;
  std::unique_ptr<LogService> transparency;
  std::optional<LogFounding> log_founding;
  std::optional<LogServing> log_serving;
  std::optional<LogTakeover> log_takeover;
  std::unique_ptr<AuthorityWatch> authority_watch;  // null: this node is no witness
  std::unique_ptr<WitnessService> witness;          // null: this node is none
  std::unique_ptr<Cosigners> cosigners;             // null: this node asks nobody
  std::optional<Verbs> verbs;
  std::optional<LogVerbs> log_verbs;
  std::optional<TokenVerbs> token_verbs;
  std::unique_ptr<HttpServer> http;
  std::unique_ptr<AdminServer> admin;
  bool ended = false;
  bool requests_ended = true;
  bool tasks_ended = true;

  // What the mode leaves out: files and newcomers, or HTTP.
  [[nodiscard]] bool is_whole() const { return mode != Mode::kTransport && mode != Mode::kGateway; }
  [[nodiscard]] bool serves_http() const {
    return mode == Mode::kGateway || (config.http.enabled && mode != Mode::kTransport);
  }

  [[nodiscard]] std::optional<stoq::core::SocketAddress> http_address() const {
    return http == nullptr ? std::nullopt : std::optional(http->tcp_address());
  }

  Result<void> start();
  void add_layers();
  void log_ready();
  bool end();
  // Runs `work` on the control executor and waits for it.
  void on_control(std::function<void()> work);

  // The layers, in this order.
  Result<void> open_data_dir();
  Result<void> open_trust();
  Result<void> start_ledger();
  Result<void> start_authority();
  Result<void> start_acme();
  void follow_certificates();
  [[nodiscard]] trustchain::LogClient* log_client();
  // Before a certificate is logged: whether an authority should have issued it.
  [[nodiscard]] std::function<Result<void>(const crypto::Certificate&)> entry_check();
  void renew_own_leaves();
  [[nodiscard]] Task<Result<void>> renew_own_leaf();
  [[nodiscard]] Task<Result<void>> renew_own_ordinary();
  Result<void> open_transport();
  Result<void> start_peers();
  Result<void> start_certificates();
  Result<void> open_log();
  Result<void> start_witness();
  Result<void> start_files();
  Result<void> start_http();
  Result<void> start_admin();
  void stop_http();
  void stop_admin();
  [[nodiscard]] telemetry::LayerHealth data_dir_health() const;
  [[nodiscard]] telemetry::LayerHealth trust_health() const;
  [[nodiscard]] telemetry::LayerHealth ledger_health() const;
  [[nodiscard]] telemetry::LayerHealth log_health() const;
  [[nodiscard]] telemetry::LayerHealth transport_health() const;

  void on_file(const stoq::FileEvent& event);
  [[nodiscard]] bool has_commands();
};

}  // namespace i2::node
