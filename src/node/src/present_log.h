// PresentLog: the fleet's log for the authority of this node, wherever it is written now.
//
// At each call the state says whether this node's own log is asked or that of another node; so an
// authority follows a log that moves without being started again. Thread-safe.
#pragma once

#include "own_log.h"
#include "remote_log.h"

namespace i2::node {

class PresentLog final : public trustchain::LogClient {
 public:
  struct Parts {
    const fleet::TrustStore& trust;
    const OwnLog& own;
    RemoteLog& remote;
  };
  explicit PresentLog(Parts parts) : parts_(parts) {}
  PresentLog(const PresentLog&) = delete;
  PresentLog& operator=(const PresentLog&) = delete;

  // trust::LogClient. Other errors: those of RemoteLog::add(), trust.log_fenced (the state names
  // this node with another log than it has).
  void add(const crypto::Certificate& precertificate, std::vector<crypto::Certificate> chain,
           Done done) override;
  // Whether the next call asks the log of this node. Error: fleet.state_invalid.
  [[nodiscard]] Result<bool> is_own() const;

 private:
  Parts parts_;
};

}  // namespace i2::node
