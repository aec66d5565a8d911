// What a sequencer answers when it ends.
#pragma once

#include <i2/base/error.h>

namespace i2::fleet {

inline Error ledger_stopping() {
  return {"fleet.ledger_stopped", "the node is stopping: submit the same operation again later"};
}

}  // namespace i2::fleet
