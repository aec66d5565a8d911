// Keeps the keys that issue certificates fresh where the root's keys are, while the node runs, and
// says in the log what ends and is not renewed.
//
// A new intermediate is renewed two thirds into the life of the one before, which goes on signing
// lists and OCSP answers; certificates that it issued hold until they end.
#pragma once

#include <i2/node/log.h>

#include <map>
#include <string>

#include "anchor_rotation.h"
#include "authority.h"
#include "expiries.h"

namespace i2::node {

class ExpiryWatch {
 public:
  struct Parts {
    rt::Runtime& runtime;
    const fleet::TrustStore& trust;
    fleet::OrdinaryCertificates& ordinary;
    Authority* authority;     // null: this node is none
    AnchorRotation* anchors;  // null likewise
    TaskGroup& tasks;
    const Logger& log;
    const Clock& clock;
  };
  explicit ExpiryWatch(Parts parts) : parts_(parts), wakeup_(parts.runtime.control()) {}
  ExpiryWatch(const ExpiryWatch&) = delete;
  ExpiryWatch& operator=(const ExpiryWatch&) = delete;

  // On the control executor.
  void start() { parts_.tasks.spawn(parts_.runtime.control(), run()); }
  void stop();

 private:
  [[nodiscard]] Task<> run();
  [[nodiscard]] Task<> renew_intermediate();
  void warn();

  Parts parts_;
  Wakeup wakeup_;
  Timestamp retry_at_ = 0;
  std::map<std::string, UnixMillis, std::less<>> warned_;  // certificate -> the end that was told
  bool stopping_ = false;
};

}  // namespace i2::node
