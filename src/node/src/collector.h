// Puts the metrics of all parts together, once in every interval, into one immutable report.
//
// Workers count for themselves; nothing here touches their cells but reads. Runs on the control
// executor; latest() may be called anywhere.
#pragma once

#include <i2/fleet/embedded_sequencer.h>
#include <i2/gateway/gateway.h>
#include <i2/node/config_keeper.h>
#include <i2/telemetry/report.h>

#include <functional>
#include <memory>
#include <mutex>

#include "admin_server.h"
#include "authority.h"
#include "log_takeover.h"
#include "log_witness.h"
#include "metrics.h"
#include "peers.h"

namespace i2::node {

class Acme;

class Collector {
 public:
  struct Parts {
    ConfigKeeper& config;
    rt::Runtime& runtime;
    fleet::TrustStore& trust;
    const fleet::OrdinaryCertificates& ordinary;
    stoq::Transport& transport;
    Peers& peers;
    const fleet::Ledger& ledger;
    fleet::EmbeddedSequencer& sequencer;
    TaskGroup& tasks;
    const Logger& log;
    const Clock& clock;
  };
  explicit Collector(Parts parts);
  Collector(const Collector&) = delete;
  Collector& operator=(const Collector&) = delete;

  // On the control executor. Completes with the first report.
  [[nodiscard]] Task<> start();
  void stop();
  // Where the gateway's counts come from; nothing: there is none.
  void set_gateway(std::function<gateway::GatewayStats()> stats) { gateway_ = std::move(stats); }
  // The authority of this node; null: it is none.
  void set_authority(const Authority* authority) { authority_ = authority; }
  // Before start(): the ACME server of this node.
  void set_acme(const Acme* acme) { acme_ = acme; }
  // Before start(): the log of this node, and the watch over the fleet's.
  void set_log(const OwnLog& log, const LogTakeover& takeover) {
    transparency_ = &log;
    takeover_ = &takeover;
  }
  // Likewise: this node as a witness.
  void set_witness(const LogWitness* witness) { witness_ = witness; }
  [[nodiscard]] FileMetrics& files() { return files_; }
  [[nodiscard]] AdminMetrics& admin() { return admin_; }

  // Never null; empty before start(). Shared: readers keep what they have while the next
  // one is made.
  [[nodiscard]] std::shared_ptr<const telemetry::Report> latest() const;
  // When the latest was made. It is old when a worker does not answer.
  [[nodiscard]] Timestamp collected_at() const;

 private:
  [[nodiscard]] Task<> run();
  [[nodiscard]] Task<> collect();
  void add_transport(telemetry::Report& report,
                     const std::vector<stoq::TransportStats>& workers) const;
  void add_gateway(telemetry::Report& report) const;
  void add_authority(telemetry::Report& report) const;
  void add_acme(telemetry::Report& report) const;
  void add_fleet(telemetry::Report& report) const;
  void add_log(telemetry::Report& report) const;
  void add_witness(telemetry::Report& report) const;
  void add_own(telemetry::Report& report) const;

  Parts parts_;
  const Timestamp started_;
  Wakeup wakeup_;
  bool stopping_ = false;
  std::function<gateway::GatewayStats()> gateway_;
  const Authority* authority_ = nullptr;
  const Acme* acme_ = nullptr;
  const OwnLog* transparency_ = nullptr;
  const LogTakeover* takeover_ = nullptr;
  const LogWitness* witness_ = nullptr;
  FileMetrics files_;
  AdminMetrics admin_;
  mutable std::mutex mutex_;
  std::shared_ptr<const telemetry::Report> latest_;
  Timestamp collected_at_;
};

}  // namespace i2::node
