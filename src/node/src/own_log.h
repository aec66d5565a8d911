// The transparency logs of this node: the one that it writes, from some time on or never, and those
// that came out of a backup, which are closed. Thread-safe.
#pragma once

#include <i2/fleet/trust_store.h>
#include <i2/trustchain/ct_log.h>

#include <atomic>
#include <functional>
#include <vector>

namespace i2::node {

class OwnLog {
 public:
  OwnLog() = default;
  explicit OwnLog(trustchain::CtLog& log) : log_(&log) {}
  OwnLog(const OwnLog&) = delete;
  OwnLog& operator=(const OwnLog&) = delete;

  // Null: none. What it names lives as long as the node.
  [[nodiscard]] trustchain::CtLog* get() const { return log_; }
  void set(trustchain::CtLog& log) { log_ = &log; }

  // Before anybody else has this object.
  void add_closed(trustchain::CtLog& log, std::function<bool(const trustchain::CtLog&)> is_fleets);
  // The closed log that the state names; null: it names another one.
  [[nodiscard]] trustchain::CtLog* restored() const;
  // What readers get: that one, or else the one that this node writes. Null: there is neither.
  [[nodiscard]] trustchain::CtLog* shown() const;
  // Every log of this node, the one that is shown first.
  [[nodiscard]] std::vector<trustchain::CtLog*> all() const;

 private:
  struct Closed {
    trustchain::CtLog* log;
    std::function<bool(const trustchain::CtLog&)> is_fleets;
  };
  std::vector<Closed> closed_;
  std::atomic<trustchain::CtLog*> log_ = nullptr;
};

// Whether `log` of this node is the fleet's now. Error: fleet.state_invalid.
[[nodiscard]] Result<bool> is_fleets(const trustchain::CtLog& log, const fleet::TrustStore& trust);

// The log as operators name it for a standby, on this node.
[[nodiscard]] trustchain::StandbyLog standby_record(const trustchain::CtLog& log,
                                                    const NodeId& node);

}  // namespace i2::node
