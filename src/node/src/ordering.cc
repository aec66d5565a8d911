#include "ordering.h"

#include <algorithm>

namespace i2::node {
namespace {

// So often may the validators have changed on the way.
constexpr int kAttemptsMax = 3;
constexpr int kLocalAttemptsMax = 2;

}  // namespace

bool Ordering::is_local() const {
  const auto epoch = fleet::FleetState(ledger_.chain()->state).epoch();
  return epoch && validates(*epoch);
}

bool Ordering::validates(const fleet::EpochRecord& epoch) const {
  return std::ranges::contains(epoch.validators, self_, &fleet::EpochValidator::node);
}

// A validator without its key can still ask the others.
ports::Sequencer* Ordering::engine(int attempt) const {
  const auto epoch = fleet::FleetState(ledger_.chain()->state).epoch();
  if (!epoch || !validates(*epoch) || attempt >= kLocalAttemptsMax) {
    return remote_;
  }
  return epoch->validators.size() == 1 ? alone_ : voting_;
}

void Ordering::submit(Bytes operation, Done done, int attempt) {
  ports::Sequencer* const to = engine(attempt);
  if (to == alone_ && held_) {
    done(fail("fleet.restored",
              "this node was restored from a backup, and orders nothing before more than half of "
              "the other members have told it what came after: connect them; if they are gone too, "
              "move its data directory away and restore it with --newest"));
    return;
  }
  if (to == nullptr) {
    done(fail("fleet.sequencer_unreachable", "the node is starting: try again"));
    return;
  }
  auto again = [this, operation, done = std::move(done), attempt](Result<ports::Receipt> receipt) {
    if (!receipt && receipt.error().is("fleet.not_sequencer") && attempt < kAttemptsMax) {
      submit(operation, done, attempt + 1);
      return;
    }
    done(std::move(receipt));
  };
  to->submit(std::move(operation), std::move(again));
}

}  // namespace i2::node
