// Where this node's operations go: to the engine that orders them in the present epoch.
#pragma once

#include <i2/fleet/ledger.h>
#include <i2/ports/sequencer.h>

#include <atomic>

namespace i2::node {

class Ordering final : public ports::Sequencer {
 public:
  // They outlive this object and are given before the first operation that needs them.
  void use_alone(ports::Sequencer& engine) { alone_ = &engine; }
  void use_voting(ports::Sequencer& engine) { voting_ = &engine; }
  void use_remote(ports::Sequencer& engine) { remote_ = &engine; }

  // `ledger` outlives this object.
  Ordering(const fleet::Ledger& ledger, const NodeId& self) : ledger_(ledger), self_(self) {}

  // ports::Sequencer. An operation that reaches an engine after its time goes to the next one.
  void submit(Bytes operation, Done done) override {
    submit(std::move(operation), std::move(done), 0);
  }
  // As long as it is held, nothing is ordered by this node alone: fleet.restored.
  void hold(bool held) { held_ = held; }
  // Whether this node is a validator now.
  [[nodiscard]] bool is_local() const;

 private:
  void submit(Bytes operation, Done done, int attempt);
  [[nodiscard]] ports::Sequencer* engine(int attempt) const;
  [[nodiscard]] bool validates(const fleet::EpochRecord& epoch) const;

  const fleet::Ledger& ledger_;
  const NodeId self_;
  std::atomic<ports::Sequencer*> alone_ = nullptr;
  std::atomic<ports::Sequencer*> voting_ = nullptr;
  std::atomic<ports::Sequencer*> remote_ = nullptr;
  std::atomic<bool> held_ = false;
};

}  // namespace i2::node
