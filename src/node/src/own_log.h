// The transparency log that this node writes: none, or one from some time on. Thread-safe.
#pragma once

#include <i2/fleet/trust_store.h>
#include <i2/trustchain/ct_log.h>

#include <atomic>

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

 private:
  std::atomic<trustchain::CtLog*> log_ = nullptr;
};

// Whether `log`, which this node writes, is the fleet's now. Error: fleet.state_invalid.
[[nodiscard]] Result<bool> is_fleets(const trustchain::CtLog& log, const fleet::TrustStore& trust);

// The log as operators name it for a standby, on this node.
[[nodiscard]] trustchain::StandbyLog standby_record(const trustchain::CtLog& log,
                                                    const NodeId& node);

}  // namespace i2::node
