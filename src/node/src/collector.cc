#include "collector.h"

#include <format>

#include "acme.h"
#include "expiries.h"
#include "process_stats.h"

namespace i2::node {
namespace {

using telemetry::Snapshot;

Snapshot<TransportMetrics> snapshot_of(const stoq::TransportStats& stats) {
  Snapshot<TransportMetrics> out;
  const stoq::EndpointStats& endpoint = stats.endpoint;
  out.set<"sent_bytes">(stats.bytes_sent);
  out.set<"received_bytes">(stats.bytes_received);
  out.set<"send_calls">(stats.send_calls);
  out.set<"receive_calls">(stats.receive_calls);
  out.set<"unsent_datagrams">(stats.datagrams_dropped_by_kernel);
  out.set<"connections">(static_cast<std::int64_t>(stats.connections));
  out.set<"received_datagrams">(endpoint.datagrams_received);
  out.set<"dropped_datagrams">(endpoint.datagrams_dropped);
  out.set<"retries">(endpoint.retries_sent);
  out.set<"version_negotiations">(endpoint.version_negotiations_sent);
  out.set<"stateless_resets">(endpoint.stateless_resets_sent);
  out.set<"accepted_connections">(endpoint.connections_accepted);
  out.set<"opened_connections">(endpoint.connections_opened);
  out.set<"established_connections">(endpoint.connections_established);
  out.set<"failed_handshakes">(endpoint.handshakes_failed);
  out.set<"refused_peers">(endpoint.peers_refused);
  return out;
}

}  // namespace

Collector::Collector(Parts parts)
    : parts_(std::move(parts)),
      started_(parts_.clock.now()),
      wakeup_(parts_.runtime.control()),
      latest_(std::make_shared<telemetry::Report>(parts_.clock.unix_now())),
      collected_at_(started_) {}

Task<> Collector::start() {
  co_await collect();
  parts_.tasks.spawn(parts_.runtime.control(), run());
}

void Collector::stop() {
  stopping_ = true;
  wakeup_.wake();
}

std::shared_ptr<const telemetry::Report> Collector::latest() const {
  const std::scoped_lock lock(mutex_);
  return latest_;
}

Timestamp Collector::collected_at() const {
  const std::scoped_lock lock(mutex_);
  return collected_at_;
}

Task<> Collector::run() {
  while (!stopping_) {
    co_await wakeup_.wait(parts_.config.config().metrics_interval);
    if (!stopping_) {
      co_await collect();
      parts_.log.report_suppressed();
    }
  }
}

Task<> Collector::collect() {
  const auto workers = co_await parts_.transport.worker_stats();
  auto report = std::make_shared<telemetry::Report>(parts_.clock.unix_now());
  add_transport(*report, workers);
  add_gateway(*report);
  add_authority(*report);
  add_acme(*report);
  add_own(*report);
  const std::scoped_lock lock(mutex_);
  latest_ = std::move(report);
  collected_at_ = parts_.clock.now();
}

void Collector::add_transport(telemetry::Report& report,
                              const std::vector<stoq::TransportStats>& workers) const {
  const bool detailed = parts_.config.config().detailed_metrics;
  Snapshot<TransportMetrics> sum;
  std::vector<Snapshot<TransportMetrics>> each;
  for (const stoq::TransportStats& worker : workers) {
    each.push_back(snapshot_of(worker));
    sum.merge(each.back());
  }
  report.add(sum);
  report.add(*parts_.transport.metrics());
  for (std::size_t i = 0; detailed && i < each.size(); ++i) {
    report.add_as("stoq_worker", each[i], {{"worker", std::to_string(i)}});
  }
}

void Collector::add_gateway(telemetry::Report& report) const {
  if (!gateway_) {
    return;
  }
  const gateway::GatewayStats stats = gateway_();
  Snapshot<GatewayMetrics> out;
  out.set<"http1_requests">(stats.http1_requests);
  out.set<"http2_requests">(stats.http2_requests);
  out.set<"http3_requests">(stats.http3_requests);
  out.set<"refused_requests">(stats.requests_refused);
  out.set<"failed_requests">(stats.requests_failed);
  out.set<"tcp_connections">(static_cast<std::int64_t>(stats.tcp_connections));
  out.set<"accepted_tcp_connections">(stats.tcp_accepted);
  out.set<"dropped_tcp_connections">(stats.tcp_dropped);
  out.set<"http3_connections">(static_cast<std::int64_t>(stats.http3_connections));
  out.set<"accepted_http3_connections">(stats.http3_accepted);
  report.add(out);
}

void Collector::add_authority(telemetry::Report& report) const {
  if (authority_ == nullptr) {
    return;
  }
  const auto stats = authority_->stats();
  Snapshot<AuthorityMetrics> out;
  out.set<"issued_certificates">(stats.issued);
  out.set<"refused_requests">(stats.refused);
  out.set<"failed_certificates">(stats.failed);
  out.set<"waiting_requests">(static_cast<std::int64_t>(stats.waiting));
  report.add(out);
}

void Collector::add_acme(telemetry::Report& report) const {
  if (acme_ == nullptr) {
    return;
  }
  const auto stats = acme_->service().stats();
  Snapshot<AcmeMetrics> out;
  out.set<"requests">(stats.requests);
  out.set<"refused_requests">(stats.refused_requests);
  out.set<"failed_requests">(stats.failed_requests);
  out.set<"validations">(stats.validations);
  out.set<"issued_certificates">(stats.issued);
  out.set<"refused_orders">(stats.refused_orders);
  out.set<"revoked_certificates">(stats.revoked);
  out.set<"waiting">(static_cast<std::int64_t>(stats.waiting));
  out.set<"closed">(stats.closed ? 1 : 0);
  report.add(out);
  for (const auto& [code, count] : stats.failed_validations) {
    Snapshot<AcmeFailureMetrics> failures;
    failures.set<"failed_validations">(count);
    report.add(failures, {{.name = "error", .value = code}});
  }
}

void Collector::add_fleet(telemetry::Report& report) const {
  Snapshot<FleetMetrics> out;
  const UnixMillis now = parts_.clock.unix_now();
  const UnixMillis expiry = parts_.trust.current()->certificate.not_after();
  out.set<"members">(static_cast<std::int64_t>(parts_.trust.members()->size()));
  out.set<"connected_peers">(static_cast<std::int64_t>(parts_.peers.links().size()));
  out.set<"certificate_expiry_seconds">(
      (static_cast<std::int64_t>(expiry) - static_cast<std::int64_t>(now)) * 1'000'000);
  const auto chain = parts_.ledger.chain();
  out.set<"height">(static_cast<std::int64_t>(chain->head.height));
  out.set<"convicted_validators">(
      static_cast<std::int64_t>(chain->state.count(fleet::offence_key({}))));
  if (const auto epoch = fleet::FleetState(chain->state).epoch()) {
    const auto reached = [this](const fleet::EpochValidator& validator) {
      return validator.node == parts_.trust.node_id() ||
             parts_.peers.link_to(validator.node) != nullptr;
    };
    out.set<"epoch">(static_cast<std::int64_t>(epoch->number));
    out.set<"validators">(static_cast<std::int64_t>(epoch->validators.size()));
    out.set<"tolerated_faults">(static_cast<std::int64_t>(fleet::tolerated(*epoch)));
    out.set<"connected_validators">(std::ranges::count_if(epoch->validators, reached));
  }
  const auto status = parts_.sequencer.status();
  out.set<"view">(static_cast<std::int64_t>(status.view));
  out.set<"pending_operations">(static_cast<std::int64_t>(status.pending));
  out.set<"refused_proposals">(status.refused_proposals);
  report.add(out);
  const trustchain::TrustState state(chain->state);
  Snapshot<TrustMetrics> trust;
  trust.set<"indexed_certificates">(static_cast<std::int64_t>(state.indexed_count()));
  trust.set<"revoked_certificates">(static_cast<std::int64_t>(state.revoked_count()));
  trust.set<"revoked_accounts">(static_cast<std::int64_t>(state.revoked_account_count()));
  const auto members = parts_.trust.members();
  trust.set<"convicted_authorities">(
      std::ranges::count_if(members->anchors(), [&state](const auto& anchor) {
        return state.is_convicted(anchor->certificate.public_key().spki_sha256());
      }));
  report.add(trust);
  for (const Expiry& one : expiries(parts_.trust, parts_.ordinary)) {
    report.add_gauge("trust", "certificate_expiry_seconds",
                     "Until a certificate that this node shows or signs with ends",
                     (static_cast<double>(one.not_after) - static_cast<double>(now)) / 1000,
                     {{"certificate", std::string(one.certificate)}});
  }
}

void Collector::add_log(telemetry::Report& report) const {
  if (takeover_ != nullptr) {
    Snapshot<FleetLogMetrics> fleets;
    const LogTakeover::Stats watched = takeover_->stats();
    fleets.set<"fleet_log_epoch">(static_cast<std::int64_t>(watched.epoch));
    fleets.set<"fleet_log_unreachable_seconds">(static_cast<std::int64_t>(watched.unreachable));
    fleets.set<"takeovers">(watched.takeovers);
    report.add(fleets);
  }
  const trustchain::CtLog* const log = transparency_ != nullptr ? transparency_->get() : nullptr;
  if (log == nullptr) {
    return;
  }
  const trustchain::CtLog::Stats stats = log->stats();
  Snapshot<TransparencyMetrics> out;
  out.set<"entries">(static_cast<std::int64_t>(stats.entries));
  out.set<"rounds">(stats.rounds);
  out.set<"promises">(stats.promises);
  out.set<"refused_submissions">(stats.refused);
  out.set<"waiting_submissions">(static_cast<std::int64_t>(stats.waiting));
  out.set<"checkpoint_age_seconds">((static_cast<std::int64_t>(parts_.clock.unix_now()) -
                                     static_cast<std::int64_t>(stats.checkpoint)) *
                                    1'000'000);
  out.set<"stopped">(stats.stopped ? 1 : 0);
  report.add(out);
}

void Collector::add_witness(telemetry::Report& report) const {
  if (witness_ == nullptr) {
    return;
  }
  const LogWitness::Stats stats = witness_->stats();
  Snapshot<WitnessMetrics> out;
  out.set<"cosigned_checkpoints">(stats.cosigned);
  out.set<"refused_checkpoints">(stats.refused);
  out.set<"convicted_log_keys">(static_cast<std::int64_t>(witness_->evidence().size()));
  report.add(out);
}

void Collector::add_own(telemetry::Report& report) const {
  add_fleet(report);
  add_log(report);
  add_witness(report);
  report.add(Snapshot(files_));
  report.add(Snapshot(admin_));
  Snapshot<LogMetrics> log;
  log.set<"lines">(parts_.log.written());
  log.set<"suppressed_lines">(parts_.log.suppressed());
  report.add(log);
  Snapshot<ProcessMetrics> process;
  read_process(process);
  process.set<"uptime_seconds">(static_cast<std::int64_t>(parts_.clock.now() - started_));
  report.add(process);
  report.add_gauge("build", "info", "What this program was made of", 1,
                   {{"version", I2_VERSION}, {"compiler", I2_COMPILER}});
}

}  // namespace i2::node
