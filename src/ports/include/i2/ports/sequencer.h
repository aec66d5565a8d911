// Sequencer: where an operation gets its place in the one order that every member applies.
//
// Behind it is an engine: alone on this node, at another node, or among validators. Thread-safe.
#pragma once

#include <i2/base/bytes.h>
#include <i2/base/error.h>
#include <i2/ports/state_module.h>

#include <functional>

namespace i2::ports {

struct Receipt {
  OperationId operation;
  std::uint64_t height = 0;  // of its block
  std::uint32_t index = 0;   // in that block
  UnixMillis time = 0;       // of that block
  bool repeated = false;     // it had been ordered before this submission
  friend bool operator==(const Receipt&, const Receipt&) = default;
};

class Sequencer {
 public:
  using Done = std::function<void(Result<Receipt>)>;
  virtual ~Sequencer() = default;
  // `operation`: its canonical encoding. `done` runs once, on any thread: with a receipt after the
  // operation has been applied and is on this engine's disk, or with the reason why it has not
  // been. The same operation again gives the receipt of the first time. After
  // fleet.sequencer_unreachable and stoq.* errors the operation may have been ordered all the same:
  // submit the same bytes again. Errors: fleet.operation_*, fleet.overloaded,
  // fleet.sequencer_unreachable, fleet.ledger_stopped, store.*, and those of the operation's
  // module.
  virtual void submit(Bytes operation, Done done) = 0;
};

}  // namespace i2::ports
