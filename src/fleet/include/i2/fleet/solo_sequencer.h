// SoloSequencer: the engine of a fleet in which one member orders all operations.
//
// Operations that arrive while a block is being written go into the next one together. It
// tolerates nobody's failure but its own restart: what it gave a receipt for is on its disk.
#pragma once

#include <i2/base/clock.h>
#include <i2/fleet/ledger.h>
#include <i2/ports/sequencer.h>

#include <functional>
#include <memory>

namespace i2::fleet {

inline constexpr std::size_t kPendingOperationsMax = 1024;

class SoloSequencer final : public ports::Sequencer {
 public:
  // Runs a job later on a thread that may block and has a real stack, or never.
  using Post = std::function<void(std::function<void()>)>;
  // `ledger` and `clock` must outlive the engine. `identity`: of the member that orders operations.
  SoloSequencer(Ledger& ledger, trustchain::HybridKey identity, const Clock& clock, Post post);
  ~SoloSequencer() override;  // stops
  SoloSequencer(const SoloSequencer&) = delete;
  SoloSequencer& operator=(const SoloSequencer&) = delete;

  // ports::Sequencer. `done` runs on a thread of `post`, or here when the operation is refused at
  // once.
  void submit(Bytes operation, Done done) override;
  // A block that is being written is finished; what waits, and whatever comes later, is answered
  // with fleet.ledger_stopped. Not on a thread of `post`.
  void stop();

 private:
  struct Core;
  std::shared_ptr<Core> core_;  // shared: with jobs that `post` still holds
};

}  // namespace i2::fleet
