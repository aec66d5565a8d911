// Every whole node is a witness of the fleet's log (docs/wire/witness.md): it cosigns the log's
// heads, tells its peers the newest one that it knows, and keeps and passes on evidence.
//
// On the control executor, but for answer() and the RPC handlers.
#pragma once

#include <i2/base/rng.h>
#include <i2/stoq/rpc.h>
#include <i2/telemetry/health.h>

#include "fleet_ledger.h"
#include "head_watch.h"

namespace i2::node {

class WitnessService {
 public:
  struct Parts {
    rt::Runtime& runtime;
    FleetLedger& fleet;
    const fleet::TrustStore& trust;
    const Peers& peers;
    TaskGroup& tasks;
    const Logger& log;
    const Clock& clock;
    Rng& rng;
    std::filesystem::path data_dir;
    const trustchain::CtLog* own;                     // the log that this node writes; null: none
    std::function<const trustchain::CtLog&()> shown;  // what others read, where it writes one
  };
  // Errors: those of LogWitness::open().
  [[nodiscard]] static Result<std::unique_ptr<WitnessService>> open(Parts parts);
  WitnessService(const WitnessService&) = delete;
  WitnessService& operator=(const WitnessService&) = delete;

  // trust.Witness/AddCheckpoint, trust.Witness/Head, trust.Log/Consistency.
  void attach(stoq::RpcServer& server);
  void start();
  void link_up(const LinkPtr& link);
  void stop();

  // Answers the body of a request to cosign; waits for the disk. Any thread but those of loops.
  // Errors: trust.witness_request, fleet.state_invalid, those of LogWitness::add_checkpoint().
  [[nodiscard]] Result<LogWitness::Answer> answer(std::string_view body);

  [[nodiscard]] const LogWitness& witness() const { return *witness_; }
  [[nodiscard]] HeadWatch& watch() { return watch_; }
  [[nodiscard]] const fleet::TrustStore& trust() const { return parts_.trust; }
  [[nodiscard]] telemetry::LayerHealth health() const;

 private:
  WitnessService(const Parts& parts, std::unique_ptr<LogWitness> witness);
  [[nodiscard]] Task<Result<Bytes>> serve_add(Bytes request);
  [[nodiscard]] Task<Result<Bytes>> serve_head(Bytes request);
  [[nodiscard]] Task<Result<Bytes>> serve_consistency(Bytes request);
  [[nodiscard]] Task<> run();
  // Evidence that only this node has goes to the state, and the state's to this node.
  void settle_evidence();
  [[nodiscard]] Task<> report(trustchain::ct::SplitView evidence);
  // To a few peers, or to as many as there may be.
  void tell(std::size_t peers_max);
  [[nodiscard]] Task<> exchange(LinkPtr link);
  [[nodiscard]] Task<Result<Bytes>> own_note();
  void take(Bytes message);

  Parts parts_;
  std::unique_ptr<LogWitness> witness_;
  HeadWatch watch_;
  Wakeup wakeup_;
  std::string told_;  // the text of the head that peers were told last
  bool reporting_ = false;
  bool stopping_ = false;
};

}  // namespace i2::node
