// The fleet's state for a node that is so far behind that nobody has the blocks any more
// (docs/wire/fleet.md, "fleet.Ledger/Snapshot").
//
// Whoever hands it over is not believed: links and a seal lead from what this node knows to the
// header that names the state, and each chunk is checked against it.
#pragma once

#include <i2/fleet/ledger.h>
#include <i2/stoq/rpc.h>

#include <deque>

#include "peers.h"

namespace i2::node {

class StateSync {
 public:
  StateSync(rt::Runtime& runtime, fleet::Ledger& ledger, const Logger& log)
      : runtime_(runtime), ledger_(ledger), log_(log) {}
  StateSync(const StateSync&) = delete;
  StateSync& operator=(const StateSync&) = delete;

  // fleet.Ledger/Snapshot and /Chunk.
  void attach(stoq::RpcServer& server);
  // Goes on from the peer's state. False: it is not later than this node's. On the control
  // executor. Errors: stoq.*, wire.malformed, those of Ledger::adopt().
  [[nodiscard]] Task<Result<bool>> adopt(LinkPtr from);

 private:
  using ChainPtr = std::shared_ptr<const fleet::Chain>;  // shared: with the ledger
  [[nodiscard]] Task<Result<bool>> fetch(LinkPtr from);
  [[nodiscard]] Task<Result<Bytes>> serve_snapshot();
  [[nodiscard]] Task<Result<Bytes>> serve_chunk(Bytes request);
  [[nodiscard]] Task<> offer(ChainPtr chain);
  [[nodiscard]] Task<ChainPtr> offered(Hash256 state);

  rt::Runtime& runtime_;
  fleet::Ledger& ledger_;
  const Logger& log_;
  std::deque<ChainPtr> offers_;  // states that somebody may be fetching, the newest last
  bool adopting_ = false;
};

}  // namespace i2::node
