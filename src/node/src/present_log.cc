#include "present_log.h"

namespace i2::node {

// Before the fleet has a log, that of its founder is asked.
Result<bool> PresentLog::is_own() const {
  const auto members = parts_.trust.members();
  I2_TRY_VALUE(const auto record, members->trust().log());
  return parts_.own.shown() != nullptr && (!record || record->holder == parts_.trust.node_id());
}

void PresentLog::add(const crypto::Certificate& precertificate,
                     std::vector<crypto::Certificate> chain, Done done) {
  const auto own = is_own();
  if (!own) {
    done(fail(own.error()));
  } else if (*own) {
    parts_.own.shown()->add(precertificate, std::move(chain), std::move(done));
  } else {
    parts_.remote.add(precertificate, std::move(chain), std::move(done));
  }
}

}  // namespace i2::node
