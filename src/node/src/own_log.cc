#include "own_log.h"

namespace i2::node {

Result<bool> is_fleets(const trustchain::CtLog& log, const fleet::TrustStore& trust) {
  const auto members = trust.members();
  I2_TRY_VALUE(const auto record, members->trust().log());
  return record && record->holder == trust.node_id() &&
         record->spki == log.parts().key.public_key().spki();
}

trustchain::StandbyLog standby_record(const trustchain::CtLog& log, const NodeId& node) {
  trustchain::StandbyLog out{.node = node,
                             .origin = log.parts().origin,
                             .spki = to_bytes(log.parts().key.public_key().spki()),
                             .cosigners = {}};
  const auto keys = log.keys();
  for (std::size_t i = 1; i < keys.size(); ++i) {
    out.cosigners.push_back(keys[i].vkey());
  }
  return out;
}

}  // namespace i2::node
