#include "own_log.h"

#include <algorithm>
#include <utility>

namespace i2::node {

void OwnLog::add_closed(trustchain::CtLog& log,
                        std::function<bool(const trustchain::CtLog&)> is_fleets) {
  closed_.push_back({.log = &log, .is_fleets = std::move(is_fleets)});
}

trustchain::CtLog* OwnLog::restored() const {
  const auto found =
      std::ranges::find_if(closed_, [](const Closed& one) { return one.is_fleets(*one.log); });
  return found == closed_.end() ? nullptr : found->log;
}

trustchain::CtLog* OwnLog::shown() const {
  trustchain::CtLog* const closed = restored();
  return closed != nullptr ? closed : get();
}

std::vector<trustchain::CtLog*> OwnLog::all() const {
  std::vector<trustchain::CtLog*> out;
  const auto add = [&out](trustchain::CtLog* log) {
    if (log != nullptr && !std::ranges::contains(out, log)) {
      out.push_back(log);
    }
  };
  add(shown());
  add(get());
  for (const Closed& one : closed_) {
    add(one.log);
  }
  return out;
}

Result<bool> is_fleets(const trustchain::CtLog& log, const fleet::TrustStore& trust) {
  const auto members = trust.members();
  I2_TRY_VALUE(const auto record, members->trust().log());
  return record && record->holder == trust.node_id() &&
         record->spki == log.keys().front().key().spki();
}

trustchain::StandbyLog standby_record(const trustchain::CtLog& log, const NodeId& node) {
  trustchain::StandbyLog out{.node = node,
                             .origin = log.parts().origin,
                             .spki = to_bytes(log.keys().front().key().spki()),
                             .cosigners = {}};
  const auto keys = log.keys();
  for (std::size_t i = 1; i < keys.size(); ++i) {
    out.cosigners.push_back(keys[i].vkey());
  }
  return out;
}

}  // namespace i2::node
